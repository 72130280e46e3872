// Whether decoded data has the fields of a snapshot, as the types have them. What lies deeper is tested by those who go on
// from it.
//
// The compiler ties the two: a shape that lacks a field of its type, has one more, or has it as something else, is no shape
// of that type.

import type { MachineSnapshot } from '../guest/guest-state.js';
import { type MachineOptions, VERIFY_SHARE } from '../guest/machine-options.js';
import { invalid } from './chunks.js';

/**
 * What a value of type T is: the name of its type, `array`, or an object with fields of its own; those that may be missing have
 * a ? behind their names. Of a union of objects it is the fields that all have. What the types leave open is anything, or an
 * object of any fields. There is none for what no field of a snapshot is: undefined among others, null.
 */
export type ShapeOf<T> = unknown extends T
  ? 'any' | 'object'
  : [T] extends [string]
    ? 'string'
    : [T] extends [number]
      ? 'number'
      : [T] extends [bigint]
        ? 'bigint'
        : [T] extends [boolean]
          ? 'boolean'
          : [T] extends [readonly unknown[]]
            ? 'array'
            : [T] extends [object]
              ? FieldsOf<T, keyof T>
              : never;

/** The keys are a parameter, so that a union is taken as one type. */
type FieldsOf<T, Key extends keyof T> = {
  readonly [K in Key as IsOptional<T, K> extends true ? `${K & string}?` : K]-?: IsOptional<T, K> extends true
    ? ShapeOf<Exclude<T[K], undefined>>
    : ShapeOf<T[K]>;
};

type IsOptional<T, K extends keyof T> = Partial<Pick<T, K>> extends Pick<T, K> ? true : false;

/** A shape, of whatever type. */
type Shape =
  | 'string'
  | 'number'
  | 'bigint'
  | 'boolean'
  | 'array'
  | 'object'
  | 'any'
  | { readonly [field: string]: Shape };

const SNAPSHOT: ShapeOf<MachineSnapshot> = {
  machine: 'string',
  moduleHash: 'string',
  options: {
    epochLength: 'number',
    'latencyMaxMs?': 'number',
    'verifyShare?': 'number',
    variant: 'string',
    counting: 'string',
    operationIds: 'boolean',
    maxMemory: 'number',
    arguments: 'array',
    devices: 'array',
    'sockets?': { listeners: 'array', connectors: 'array' },
    'wasi?': {
      environment: 'array',
      terminals: 'array',
      directories: 'array',
      filesBytesMax: 'number',
      'tellsOfReaders?': 'boolean',
    },
    'host?': { path: 'string', hash: 'string', functions: 'array' },
    'calls?': 'boolean',
    bornMs: 'number',
  },
  origin: 'any',
  guest: {
    stage: { at: 'string' },
    position: 'number',
    count: 'number',
    epochStart: 'number',
    due: 'number',
    execution: {
      epoch: 'number',
      epochLength: 'number',
      submitted: 'number',
      consumed: 'number',
      timerDeadlineNs: 'number',
      written: 'array',
      opened: 'array',
      outstanding: 'array',
      input: 'array',
    },
    clock: { realTimeNs: 'bigint', monotonicNs: 'number' },
    codec: {
      clocks: 'array',
      count: 'number',
      submitted: 'number',
      consumed: 'number',
      values: 'number',
      timeNs: 'number',
      epoch: 'number',
    },
    interrupts: { pending: 'array', enabled: 'boolean', forced: 'boolean', interrupted: 'array' },
    devices: 'object',
    image: { instances: 'array', activations: 'array' },
  },
};

/** @throws EpochvisorError SNAPSHOT_INVALID */
export function assertShape(value: unknown, offset: number): asserts value is MachineSnapshot {
  const wrong = mismatch(value, SNAPSHOT, 'the snapshot') ?? wrongNumbers(value as MachineSnapshot);
  if (wrong !== undefined) throw invalid(wrong, offset);
}

/** What is wrong with data that is to be the options of a machine; undefined: nothing that could be seen here. */
export function wrongOptions(options: unknown): string | undefined {
  return mismatch(options, SNAPSHOT.options, 'options') ?? wrongNumber(options as MachineOptions);
}

function wrongNumbers({ options, guest }: MachineSnapshot): string | undefined {
  return wrongNumber({ ...options, epochLength: guest.execution.epochLength }) ?? wrongNumber(options);
}

/** A guest whose epochs have no length would never come to the end of one, or of nothing else; nor if all its time is another's. */
function wrongNumber({ epochLength, verifyShare: share = VERIFY_SHARE.usual }: MachineOptions): string | undefined {
  if (!Number.isSafeInteger(epochLength) || epochLength < 1) return 'epochLength is no number of instructions';
  return share >= VERIFY_SHARE.least && share <= VERIFY_SHARE.most ? undefined : 'verifyShare is no share of time';
}

function mismatch(value: unknown, shape: Shape, name: string): string | undefined {
  if (shape === 'any') return undefined;
  if (shape === 'array') return Array.isArray(value) ? undefined : `${name} is no list`;
  if (typeof shape === 'string' && shape !== 'object')
    return typeof value === shape ? undefined : `${name} is no ${shape}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${name} has no fields`;
  if (shape === 'object') return undefined;
  const fields = value as Record<string, unknown>;
  for (const [key, inner] of Object.entries(shape)) {
    const field = key.replace('?', '');
    if (field !== key && fields[field] === undefined) continue;
    const wrong = mismatch(fields[field], inner, field);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
