// The public way to run a module metered, in the calling thread: for deterministic metering alone, and for test suites.

import { deserialize, serialize } from 'node:v8';
import { EpochvisorError } from './errors/errors.js';
import { compileRewritten } from './instance/compile.js';
import { instantiateRewritten } from './instance/instance.js';
import { Meter } from './instance/meter.js';
import type { Imports, WasmExports } from './instance/webassembly.js';
import { Continuations } from './instrument/continuation/continuation.js';
import { instrument } from './instrument/instrument.js';
import { ContinuationModules } from './suspend/continuation-modules.js';
import { captureMachine, restoreMachine } from './suspend/machine-image.js';
import { SuspendedStack } from './suspend/suspended-stack.js';

export interface InstantiateOptions {
  /** Instructions an epoch; default 100,000. */
  readonly epochLength?: number;
  readonly counting?: 'block' | 'exact';
  /** Called at each boundary with the number of the epoch that ended and the instruction count. */
  readonly onBoundary?: (epoch: number, instructionCount: number) => void;
  /** Limit of the memory's growth in bytes; default 1 GiB. */
  readonly maxMemory?: number;
  /**
   * 'every-boundary': unwinds the guest's stack at every boundary and goes on from it, as for a snapshot, to test it.
   * 'never': only makes the guest ready for that. Exports are then JavaScript functions. Default: not suspendable at all.
   */
  readonly suspendAt?: 'every-boundary' | 'never';
  /**
   * Allowance of stack depth in slots of 8 bytes; default 2 ** 20. The stack of the calling thread must hold several times
   * as much for overflow to come at the same instruction everywhere: a main thread's is 1 MB unless node is run with
   * --stack-size, and there V8's own limit comes first with the default.
   */
  readonly stackRoom?: number;
  /**
   * Where a suspended guest goes on: in the same instance (default), or in a fresh one, to which its whole state passes as
   * bytes. Where that is not possible (it holds an externref, or a function of the host called it) in the same one.
   */
  readonly continueIn?: 'same-instance' | 'fresh-instance';
  /** An instance whose exports are among the imports: the two are one machine and count with one counter. */
  readonly machine?: Machine;
}

/** What counts: one for each set of instances that call each other. */
export interface Machine {
  /** Instructions executed so far. Exact while host code runs and between calls; after a trap a lower bound. */
  instructionCount(): number;
  /** Number of the present epoch, from 0. */
  epoch(): number;
}

export interface MeteredInstance extends Machine {
  readonly exports: Readonly<WasmExports>;
}

const EPOCH_LENGTH_DEFAULT = 100_000;

/** Epochs of a fixed length: due(E + 1) = due(E) + length, so that the overshoot does not accumulate. */
class EpochClock implements Machine {
  readonly meter: Meter;
  /** Where the guest can be suspended. */
  readonly stack: SuspendedStack | undefined;
  readonly #suspends: boolean;
  readonly #length: number;
  readonly #onBoundary: InstantiateOptions['onBoundary'];
  #epoch = 0;
  #due: number;

  constructor(options: InstantiateOptions) {
    this.#length = options.epochLength ?? EPOCH_LENGTH_DEFAULT;
    if (!(Number.isSafeInteger(this.#length) && this.#length > 0)) {
      throw new RangeError('epochLength is a whole number of instructions above 0');
    }
    this.meter = new Meter(options.stackRoom);
    this.#onBoundary = options.onBoundary;
    this.stack = options.suspendAt === undefined ? undefined : new SuspendedStack(this.meter);
    if (this.stack !== undefined && options.continueIn === 'fresh-instance') continueAfresh(this.stack);
    this.#suspends = options.suspendAt === 'every-boundary';
    this.#due = this.#length;
    this.meter.arm(this.#due);
  }

  boundary(count: number): number {
    const ended = this.#epoch++;
    this.#onBoundary?.(ended, count);
    this.#due += this.#length;
    this.meter.arm(this.#due);
    if (this.#suspends && this.stack?.complete) this.meter.suspend();
    return 0;
  }

  instructionCount(): number {
    return this.meter.instructionCount();
  }

  epoch(): number {
    return this.#epoch;
  }
}

/** Lets a suspended guest go on in instances that are made anew. */
function continueAfresh(stack: SuspendedStack): void {
  stack.onSuspended = () => {
    const activations = stack.take();
    if (!stack.unmixed) return stack.continueFrom(activations);
    let bytes: Uint8Array;
    try {
      bytes = serialize(captureMachine(stack, activations));
    } catch (error) {
      if (error instanceof EpochvisorError && error.code === 'NOT_SNAPSHOTABLE') return stack.continueFrom(activations);
      throw error;
    }
    stack.renew();
    return stack.continueFrom(restoreMachine(stack, deserialize(bytes)));
  };
}

const clocks = new WeakMap<Machine, EpochClock>();

/** The clock that a function, memory, table or global exported by one of our instances belongs to. */
const owners = new WeakMap<object, EpochClock>();

/** Instances that share anything are one machine: the clock of the first import that another instance exported. */
function sharedClock(imports: Imports): EpochClock | undefined {
  for (const names of Object.values(imports)) {
    for (const value of Object.values(names ?? {})) {
      if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
        const clock = owners.get(value as object);
        if (clock !== undefined) return clock;
      }
    }
  }
  return undefined;
}

/**
 * Rewrites a module and runs it in the calling thread. Exports have their original signatures and may be imports of
 * another instance; instances that are linked so are one machine, with the options of the first.
 *
 * @param imports as for WebAssembly.instantiate
 * @throws EpochvisorError for modules that cannot be rewritten; WebAssembly.LinkError as the plain module would; whatever
 *   the start function throws
 */
export function instantiate(
  bytes: Uint8Array,
  imports: Imports = {},
  options: InstantiateOptions = {},
): MeteredInstance {
  const given = options.machine === undefined ? undefined : clocks.get(options.machine);
  const clock = given ?? sharedClock(imports) ?? new EpochClock(options);
  const suspendable = clock.stack !== undefined;
  const { module, report, facts } = instrument(bytes, { ...options, suspendable });
  const suspension = clock.stack && {
    stack: clock.stack,
    modules: new ContinuationModules(new Continuations(bytes, options, facts!)),
  };
  const guest = instantiateRewritten(compileRewritten(module), report, imports, clock.meter, clock, suspension);
  for (const value of Object.values(guest.exports)) owners.set(value, clock);
  guest.start();
  const instance: MeteredInstance = {
    exports: guest.exports,
    instructionCount: () => clock.instructionCount(),
    epoch: () => clock.epoch(),
  };
  clocks.set(instance, clock);
  return instance;
}
