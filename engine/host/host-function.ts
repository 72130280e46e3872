// Functions of an embedder that a guest imports, each of one of three classes: which class says on which replica it is called.
//
//   pure          the same inputs give the same result, everywhere: called on each replica, on the guest's thread
//   environment   looks at the world: called at the primary, on the guest's thread; the result is logged, as a clock's is (P0, P6)
//   io            acts on the world: an operation at the bus (P1, P8), performed once in its process; may be asynchronous
//
// They are given values, never the guest's memory: bytes are copied in and out around the call.

/** What a parameter or a result is. `bytes` and `text` (UTF-8) lie in the guest's memory: host-signature.ts. */
export type HostKind = 'i32' | 'i64' | 'f32' | 'f64' | 'bytes' | 'text';

interface Values {
  readonly i32: number;
  readonly i64: bigint;
  readonly f32: number;
  readonly f64: number;
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly nothing: undefined;
}

export type HostValue = Values[HostKind];
export type HostResult = HostKind | 'nothing';

export type Arguments<Params extends readonly HostKind[]> = { -readonly [At in keyof Params]: Values[Params[At]] };
export type Result<Kind extends HostResult> = Kind extends 'nothing' ? undefined : Values[Kind];

/** What an io function is told beside its arguments. */
export interface OperationContext {
  /**
   * Names this operation in this machine, for a function that must not act twice: it comes again where the process of the bus was
   * started anew before it had answered.
   */
  readonly operation: bigint;
}

export type HostClass = 'pure' | 'environment' | 'io';

/** Made by `pure`, `environment` or `io`. */
export interface HostFunction {
  readonly class: HostClass;
  readonly params: readonly HostKind[];
  readonly result: HostResult;
  /** What the guest gets where nobody knows whether it was performed. Left out: it is repeated by its id, and performed once. */
  readonly whenUncertain?: number;
  readonly call: (...values: never[]) => unknown;
}

/** What a host module exports by default: functions by the module and the name that a guest imports them by. */
export type HostModule = Readonly<Record<string, Readonly<Record<string, HostFunction>>>>;

/** A function of its arguments alone. What it throws is a trap of the guest. */
export function pure<const Params extends readonly HostKind[], Kind extends HostResult>(
  params: Params,
  result: Kind,
  call: (...values: Arguments<Params>) => Result<Kind>,
): HostFunction {
  return { class: 'pure', params, result, call };
}

/** Looks at the world, and answers at once: the guest's thread has no event loop. What it throws is a trap of the guest. */
export function environment<const Params extends readonly HostKind[], Kind extends HostResult>(
  params: Params,
  result: Kind,
  call: (...values: Arguments<Params>) => Result<Kind>,
): HostFunction {
  return { class: 'environment', params, result, call };
}

/**
 * Acts on the world. The guest stands still until it is done. What it throws, or rejects with, is a trap of the guest.
 * @param options.whenUncertain with a result of `i32`
 */
export function io<const Params extends readonly HostKind[], Kind extends HostResult>(
  params: Params,
  result: Kind,
  call: (...values: [...Arguments<Params>, OperationContext]) => Result<Kind> | Promise<Result<Kind>>,
  options: { readonly whenUncertain?: number } = {},
): HostFunction {
  return { class: 'io', params, result, call, ...options };
}
