// The state of a suspended machine as plain data, and back: memories, globals, tables, dropped segments, activations.
//
// Functions go by instance and index, for which each instance has a table of all its functions; V8 names a function of wasm
// by its index, so that the table need not be searched. What belongs to this process alone, an externref or a function of
// the host in a table, cannot be in an image.

import { EpochvisorError } from '../errors/errors.js';
import { EXPORT_BITS, EXPORT_GLOBAL, EXPORT_MEMORY, EXPORT_SET_BITS, EXPORT_TABLE } from '../instrument/reserved.js';
import { F32, F64, type GlobalType, V128 } from '../wasm/types.js';
import type { DroppedSegment, SuspendableInstance } from './suspendable-instance.js';
import { type Activation, ExternalReference, type SavedValue, type SuspendedStack } from './suspended-stack.js';

/** A function of the guest. */
export interface FunctionName {
  readonly instance: number;
  /** Its index in the rewritten module. */
  readonly function: number;
}

/** A number as an integer of its bits, or a reference. */
export type PlainValue = number | bigint | null | FunctionName;

export interface InstanceImage {
  /** Undefined where it has none, or shares that of an instance before it. May lie in a buffer with others. */
  readonly memory: Uint8Array | undefined;
  /** Of the mutable globals, in order; floats and vectors as the two halves of their bits. */
  readonly globals: readonly (PlainValue | readonly [low: bigint, high: bigint])[];
  /** Undefined where a table is as the module makes it. */
  readonly tables: readonly (readonly PlainValue[] | undefined)[];
  readonly dropped: readonly DroppedSegment[];
}

/** Plain data: survives a structured clone. */
export interface MachineImage {
  readonly instances: readonly InstanceImage[];
  /** Innermost first. */
  readonly activations: readonly Activation<PlainValue>[];
}

const PAGE_BYTES = 65_536;

/** Bytes of all memories: what a buffer to capture into has to hold. */
export function memoryBytes(stack: SuspendedStack): number {
  let bytes = 0;
  for (const memory of memoriesOf(stack)) bytes += memory.buffer.byteLength;
  return bytes;
}

/** The memory of the first instance, which is a replica's guest; none where it has none. */
export function firstMemory(stack: SuspendedStack): Uint8Array {
  const memory: WebAssembly.Memory | undefined = stack.instances[0]?.exports[EXPORT_MEMORY];
  return memory === undefined ? new Uint8Array(0) : new Uint8Array(memory.buffer);
}

/** Each memory once. */
function memoriesOf(stack: SuspendedStack): ReadonlySet<WebAssembly.Memory> {
  return new Set(stack.instances.flatMap(({ exports }) => exports[EXPORT_MEMORY] ?? []));
}

/** Hands out places for copies: in the buffer that was given while there is room, else each its own. */
class Places {
  #free: Uint8Array;

  constructor(into: Uint8Array) {
    this.#free = into;
  }

  copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > this.#free.length) return bytes.slice();
    const place = this.#free.subarray(0, bytes.length);
    this.#free = this.#free.subarray(bytes.length);
    place.set(bytes);
    return place;
  }
}

const NOWHERE = new Uint8Array(0);

/**
 * What the instances hold. The memories are copies.
 *
 * @param into where the memories go, as far as they fit (see memoryBytes). Copying into a buffer whose pages have been
 *   touched costs a sixth of copying into a fresh one.
 * @throws EpochvisorError NOT_SNAPSHOTABLE where the guest holds a reference to something outside it
 */
export function captureMachine(
  stack: SuspendedStack,
  activations: readonly Activation[],
  into: Uint8Array = NOWHERE,
): MachineImage {
  const plain = activations.map(activation => plainActivation(stack, activation));
  const memories = new Set(memoriesOf(stack));
  const places = new Places(into);
  return {
    instances: stack.instances.map(instance => captureInstance(stack, instance, memories, places)),
    activations: plain,
  };
}

/** Nearly all frames hold numbers alone, and are plain as they are. */
function plainActivation(stack: SuspendedStack, activation: Activation): Activation<PlainValue> {
  const { values } = activation;
  if (values.every(isNumber)) return activation as Activation<PlainValue>;
  return { ...activation, values: values.map(value => plainValue(stack, value)) };
}

function isNumber(value: SavedValue): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** @param memories those that are still to be copied */
function captureInstance(
  stack: SuspendedStack,
  instance: SuspendableInstance,
  memories: Set<WebAssembly.Memory>,
  places: Places,
): InstanceImage {
  const { exports, modules } = instance;
  const memory: WebAssembly.Memory | undefined = exports[EXPORT_MEMORY];
  const first = memory !== undefined && memories.delete(memory);
  return {
    memory: first ? places.copy(new Uint8Array(memory.buffer)) : undefined,
    globals: captureGlobals(stack, instance),
    tables: Array.from({ length: modules.facts.tables }, (_, index) => {
      if (!instance.mayHaveChanged(index)) return undefined;
      const table: WebAssembly.Table = exports[`${EXPORT_TABLE}${index}`];
      return Array.from({ length: table.length }, (_, at) => plainValue(stack, table.get(at) as SavedValue));
    }),
    dropped: [...instance.dropped],
  };
}

/** The mutable globals of an instance, in order. @throws EpochvisorError NOT_SNAPSHOTABLE as `captureMachine` does */
export function captureGlobals(
  stack: SuspendedStack,
  { exports, modules }: SuspendableInstance,
): InstanceImage['globals'] {
  return mutableGlobals(modules.facts.globals).map(([index, bits]) => {
    if (bits) return exports[`${EXPORT_BITS}${index}`]();
    return plainValue(stack, exports[`${EXPORT_GLOBAL}${index}`].value);
  });
}

/** Puts what an image holds into instances that have just been made. Gives the activations to continue from. */
export function restoreMachine(stack: SuspendedStack, image: MachineImage): readonly Activation[] {
  image.instances.forEach((held, number) => {
    restoreInstance(stack, stack.instances[number]!, held);
  });
  return image.activations.map(activation => {
    return { ...activation, values: activation.values.map(value => savedValue(stack, value)) };
  });
}

function restoreInstance(stack: SuspendedStack, instance: SuspendableInstance, image: InstanceImage): void {
  const { exports, modules } = instance;
  if (image.memory !== undefined) restoreMemory(exports[EXPORT_MEMORY], image.memory);
  mutableGlobals(modules.facts.globals).forEach(([index, bits], position) => {
    const value = image.globals[position]!;
    if (bits) exports[`${EXPORT_SET_BITS}${index}`](...(value as readonly bigint[]));
    else exports[`${EXPORT_GLOBAL}${index}`].value = savedValue(stack, value as PlainValue);
  });
  image.tables.forEach((values, index) => {
    if (values === undefined) return;
    const table: WebAssembly.Table = exports[`${EXPORT_TABLE}${index}`];
    if (values.length > table.length) table.grow(values.length - table.length, null);
    values.forEach((value, at) => {
      table.set(at, savedValue(stack, value));
    });
  });
  for (const [kind, segment] of image.dropped) {
    const known = modules.facts.drops.find(([of, index]) => of === kind && index === segment);
    if (known !== undefined) (instance.functions.get(known[2] - instance.firstFunction) as () => void)();
  }
}

function restoreMemory(memory: WebAssembly.Memory, bytes: Uint8Array): void {
  const missing = bytes.length - memory.buffer.byteLength;
  if (missing > 0) memory.grow(missing / PAGE_BYTES);
  new Uint8Array(memory.buffer).set(bytes);
}

/** Index of each mutable global, and whether it passes as bits. */
function mutableGlobals(globals: readonly GlobalType[]): readonly (readonly [index: number, bits: boolean])[] {
  return globals.flatMap(({ value, mutable }, index) => {
    return mutable ? [[index, value === F32 || value === F64 || value === V128] as const] : [];
  });
}

function plainValue(stack: SuspendedStack, value: SavedValue): PlainValue {
  if (value === null || typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value === 'function') {
    for (const [number, instance] of stack.instances.entries()) {
      const position = Number(value.name) - instance.firstFunction;
      const { functions } = instance;
      if (position >= 0 && position < functions.length && functions.get(position) === value) {
        return { instance: number, function: position + instance.firstFunction };
      }
    }
  }
  throw new EpochvisorError(
    'NOT_SNAPSHOTABLE',
    `the guest holds ${value instanceof ExternalReference ? 'an externref' : 'a function of the host'}`,
    'take the snapshot at another boundary',
  );
}

function savedValue(stack: SuspendedStack, value: PlainValue): SavedValue {
  if (value === null || typeof value !== 'object') return value;
  const instance = stack.instances[value.instance]!;
  return instance.functions.get(value.function - instance.firstFunction) as SavedValue;
}
