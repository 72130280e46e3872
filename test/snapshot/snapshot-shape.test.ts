// What is taken for a snapshot: what has all fields that the types have, each of its own type; and that the compiler sees to it.

import { describe, expect, test } from 'vitest';
import { assertShape, type ShapeOf } from '../../engine/snapshot/snapshot-shape.js';
import { OPTIONS } from './guest-host.js';

const WASI = { environment: [], terminals: [], directories: [], filesBytesMax: 0 };
const SOCKETS = { listeners: [], connectors: [] };

const SNAPSHOT = {
  machine: 'machine',
  moduleHash: 'cafe',
  options: OPTIONS,
  origin: undefined,
  guest: {
    stage: { at: 'main' },
    position: 0,
    count: 0,
    epochStart: 0,
    due: 0,
    execution: {
      epoch: 0,
      epochLength: 1000,
      submitted: 0,
      consumed: 0,
      timerDeadlineNs: 0,
      written: [],
      opened: [],
      outstanding: [],
      input: [],
    },
    clock: { realTimeNs: 0n, monotonicNs: 0 },
    codec: { clocks: [], count: 0, submitted: 0, consumed: 0, values: 0, timeNs: 0, epoch: 0 },
    interrupts: { pending: [], enabled: true, forced: false, interrupted: [] },
    devices: {},
    image: { instances: [], activations: [] },
  },
};

function refusal(value: unknown): string {
  try {
    assertShape(value, 12);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly field: string;
}

/** All fields of a value and of what it holds, but for lists and what types leave open. */
function placesIn(value: object): Place[] {
  const holder = value as Record<string, unknown>;
  return Object.entries(holder).flatMap(([field, inner]) => {
    if (field === 'origin') return [];
    const here = { holder, field };
    const isLeaf = typeof inner !== 'object' || inner === null || Array.isArray(inner) || field === 'devices';
    return isLeaf ? [here] : [here, ...placesIn(inner)];
  });
}

describe('a snapshot', () => {
  test('is what has all the fields, of a bare guest or of a program', () => {
    expect(refusal(SNAPSHOT)).toBe('none');
    expect(refusal({ ...SNAPSHOT, options: { ...OPTIONS, wasi: WASI, sockets: SOCKETS } })).toBe('none');
  });

  test('is nothing that lacks one, or has it as something else, whichever it is', () => {
    const whole = structuredClone({ ...SNAPSHOT, options: { ...OPTIONS, wasi: WASI, sockets: SOCKETS } });
    const places = placesIn(whole);
    expect(places.length).toBeGreaterThan(45);
    for (const { holder, field } of places) {
      const before = holder[field];
      holder[field] = Symbol('of no type that is known');
      expect(refusal(whole)).toMatch(
        new RegExp(`: ${field} (is no (string|number|bigint|boolean|list)|has no fields),`),
      );
      delete holder[field];
      if (field === 'wasi' || field === 'sockets') expect(refusal(whole)).toBe('none');
      else expect(refusal(whole)).toMatch(new RegExp(`: ${field} (is no|has no fields)`));
      holder[field] = before;
    }
    expect(refusal(whole)).toBe('none');
  });

  test.each([[undefined], [null], [[]], ['text']])('is not %o', value => {
    expect(refusal(value)).toMatch(/the snapshot has no fields, at byte 12$/);
  });
});

/** `npm run check` compiles it: an error that is expected and does not come is an error. */
describe('a shape', () => {
  interface Sample {
    readonly name: string;
    readonly kind: 'a' | 'b';
    readonly sizes: readonly number[];
    readonly open: unknown;
    readonly inner: { readonly on: boolean; readonly big: bigint };
    readonly stage: { readonly at: 'start' } | { readonly at: 'end'; readonly code: number };
    readonly more?: { readonly count: number };
  }

  const shape = (of: ShapeOf<Sample>) => of;
  const INNER = { on: 'boolean', big: 'bigint' } as const;
  const REST = { name: 'string', kind: 'string', sizes: 'array', open: 'any', stage: { at: 'string' } } as const;
  const MORE = { 'more?': { count: 'number' } } as const;

  test('has the fields of its type, or it does not compile', () => {
    const whole = shape({ ...REST, ...MORE, inner: INNER });
    const wrong = [
      // @ts-expect-error: a field is missing
      shape({ ...REST, ...MORE }),
      // @ts-expect-error: a field that may be missing is
      shape({ ...REST, inner: INNER }),
      // @ts-expect-error: a field that may be missing is said to be there
      shape({ ...REST, inner: INNER, more: { count: 'number' } }),
      // @ts-expect-error: a field of a field is missing
      shape({ ...REST, ...MORE, inner: { on: 'boolean' } }),
      // @ts-expect-error: one too many
      shape({ ...REST, ...MORE, inner: INNER, other: 'number' }),
      // @ts-expect-error: one too many within a field
      shape({ ...REST, ...MORE, inner: { on: 'boolean', big: 'bigint', other: 'number' } }),
      // @ts-expect-error: of another type
      shape({ ...REST, ...MORE, inner: { on: 'number', big: 'bigint' } }),
      // @ts-expect-error: a list is not open
      shape({ ...REST, ...MORE, inner: INNER, sizes: 'any' }),
      // @ts-expect-error: a field that only some of a union have
      shape({ ...REST, ...MORE, inner: INNER, stage: { at: 'string', code: 'number' } }),
    ];
    expect(wrong).not.toContainEqual(whole);
  });

  test('is none where a field may be null, or undefined and there', () => {
    // @ts-expect-error: there is no shape of it
    const nullable: ShapeOf<{ readonly field: string | null }> = { field: 'string' };
    // @ts-expect-error: there is no shape of it
    const unset: ShapeOf<{ readonly field: string | undefined }> = { field: 'string' };
    expect(nullable).toEqual(unset);
  });
});
