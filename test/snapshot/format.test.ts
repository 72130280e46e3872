// The bytes of a snapshot: what comes back is what went in, and everything else is an error.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { MachineSnapshot } from '../../engine/guest/guest-state.js';
import { decodePlain, encodePlain } from '../../engine/snapshot/plain-data.js';
import { SnapshotDecoder } from '../../engine/snapshot/snapshot-decoder.js';
import { encodeSnapshot } from '../../engine/snapshot/snapshot-encoder.js';
import { OPTIONS } from './guest-host.js';

const PAGE = 65_536;

function snapshotWith(memory: Uint8Array, devices: unknown = {}): MachineSnapshot {
  return {
    machine: 'machine',
    moduleHash: 'cafe',
    options: OPTIONS,
    origin: { guest: '/guests/a.wasm', ümläut: ['ß', '\u{1f600}'] },
    guest: {
      stage: { at: 'main' },
      position: 12,
      count: 2 ** 40,
      epochStart: 1,
      due: 2 ** 40 + 5,
      execution: {
        epoch: 3,
        epochLength: 5,
        submitted: 4,
        consumed: 5,
        timerDeadlineNs: 0,
        written: [],
        opened: [],
        outstanding: [],
        input: [],
      },
      clock: { realTimeNs: 2n ** 62n, monotonicNs: 0.5 },
      codec: { clocks: [], count: 0, submitted: 0, consumed: 0, values: 0, timeNs: 0, epoch: 0 },
      interrupts: { pending: [], enabled: true, forced: false, interrupted: [] },
      devices,
      image: {
        instances: [{ memory, globals: [-0, [1n, -1n], null], tables: [undefined, [null]], dropped: [[0, 1]] }],
        activations: [{ instance: 0, function: 1, point: 2, values: [1, 2n ** 64n - 1n] }],
      },
    },
  };
}

function decode(...pieces: readonly Uint8Array[]): MachineSnapshot {
  const decoder = new SnapshotDecoder();
  for (const piece of pieces) decoder.push(piece);
  return decoder.finish();
}

/** Compares the long byte arrays by themselves: a test of equality that could say where they differ takes minutes. */
function expectSame(found: MachineSnapshot, given: MachineSnapshot): void {
  const memoryOf = ({ guest }: MachineSnapshot) => guest.image.instances[0]!.memory!;
  expect(Buffer.compare(memoryOf(found), memoryOf(given)), 'memory').toBe(0);
  const rest = (snapshot: MachineSnapshot) =>
    encodePlain({ ...snapshot, guest: { ...snapshot.guest, image: { ...snapshot.guest.image, instances: [] } } });
  const [ours, theirs] = [rest(found), rest(given)];
  expect(Buffer.compare(ours.bytes, theirs.bytes), 'the rest').toBe(0);
  expect(ours.blobs.map((blob, index) => Buffer.compare(blob, theirs.blobs[index]!))).toEqual(ours.blobs.map(() => 0));
}

function refusal(bytes: Uint8Array): string {
  try {
    decode(bytes);
  } catch (error) {
    if (error instanceof EpochvisorError && error.code === 'SNAPSHOT_INVALID') return error.message;
    throw error;
  }
  return 'none';
}

const encode = (snapshot: MachineSnapshot) => Buffer.concat([...encodeSnapshot(snapshot)]);

/** Pages of zeros with something here and there. */
function sparse(pages: number, ...places: readonly number[]): Uint8Array {
  const memory = new Uint8Array(pages * PAGE);
  for (const place of places) memory[place] = 1 + (place % 255);
  return memory;
}

describe('a snapshot as bytes', () => {
  test('comes back, whatever pieces it travels in', () => {
    const given = snapshotWith(sparse(20, 0, 4095, 4096, 300_000, 20 * PAGE - 1), {
      file: sparse(1, 5).subarray(0, 9999),
    });
    const bytes = encode(given);
    expectSame(decode(bytes), given);
    expect(decode(bytes).guest.image.instances[0]).toMatchObject({
      globals: [-0, [1n, -1n], null],
      tables: [undefined, [null]],
    });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 }), sizes => {
        const pieces: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        expectSame(decode(...pieces), given);
      }),
      { numRuns: 20 },
    );
  });

  test('leaves zeros out, and holds nobody up: no piece is large, though all be full or all be zeros', () => {
    expect(encode(snapshotWith(new Uint8Array(1024 * PAGE))).length).toBeLessThan(5000);
    const full = new Uint8Array(100 * PAGE).fill(7);
    for (const memory of [new Uint8Array(1024 * PAGE), full]) {
      for (const piece of encodeSnapshot(snapshotWith(memory))) expect(piece.length).toBeLessThan(256 * 1024 + 64);
    }
    expectSame(decode(encode(snapshotWith(full))), snapshotWith(full));
  });

  test('takes a step for each 4 MiB of zeros', () => {
    expect([...encodeSnapshot(snapshotWith(new Uint8Array(1024 * PAGE)))].length).toBe(16 + 3);
  });

  test('hands long byte arrays over in shared memory, short ones not', () => {
    const { guest } = decode(encode(snapshotWith(sparse(1, 1), { short: new Uint8Array(100) })));
    expect(guest.image.instances[0]!.memory!.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect((guest.devices as { short: Uint8Array }).short.buffer).toBeInstanceOf(ArrayBuffer);
  });
});

describe('bytes that are no snapshot', () => {
  const whole = encode(snapshotWith(sparse(2, 70_000)));

  test('cut short anywhere: an error', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(refusal(whole.subarray(0, length))).toMatch(/the end is missing, at byte \d+$/);
    }
  });

  test('any byte changed: an error', () => {
    const bytes = Buffer.from(whole);
    for (let at = 0; at < bytes.length; at++) {
      const flip = 1 << (at % 8);
      bytes[at]! ^= flip;
      expect(refusal(bytes), `byte ${at}`).toMatch(/^this is no whole snapshot: .*, at byte \d+$/);
      bytes[at]! ^= flip;
    }
  });

  test('something behind the end, a chunk missing, doubled or out of place: an error', () => {
    const pieces = [...encodeSnapshot(snapshotWith(sparse(20, 1, 900_000)))];
    expect(refusal(Buffer.concat([...pieces, Buffer.alloc(1)]))).toMatch(/behind its end/);
    for (let at = 1; at < pieces.length - 1; at++) {
      const without = pieces.filter((_, index) => index !== at);
      const twice = pieces.flatMap((piece, index) => (index === at ? [piece, piece] : [piece]));
      expect(refusal(Buffer.concat(without))).toMatch(/not the next/);
      expect(refusal(Buffer.concat(twice))).toMatch(/not the next/);
    }
    expect(refusal(Buffer.concat([pieces[0]!, ...pieces.slice(1).reverse()]))).toMatch(/not the next/);
  });

  test('another kind of file, or another version: an error that says so', () => {
    expect(refusal(Buffer.from('\0asm\x01\0\0\0and more'))).toMatch(/another kind of file, at byte 0$/);
    const newer = Buffer.from(whole);
    newer.writeUInt32LE(6, 8);
    expect(refusal(newer)).toMatch(/version 6, where this is 5/);
  });

  test('whole, but of something else: an error', () => {
    const empty = { machine: 'm' } as MachineSnapshot;
    expect(refusal(encode(empty))).toMatch(/moduleHash is no string/);
    const { guest, ...rest } = snapshotWith(sparse(1, 0));
    expect(refusal(encode({ ...rest, guest: { ...guest, due: 'soon' as unknown as number } }))).toMatch(
      /due is no number/,
    );
    for (const epochLength of [0, -1, 0.5, Number.NaN, Infinity]) {
      const execution = { ...guest.execution, epochLength };
      expect(refusal(encode({ ...rest, guest: { ...guest, execution } }))).toMatch(/epochLength is no number of/);
    }
    for (const verifyShare of [0, -1, 0.6, Number.NaN, Infinity]) {
      const options = { ...rest.options, verifyShare };
      expect(refusal(encode({ ...rest, options, guest }))).toMatch(/verifyShare is no share of time/);
    }
  });
});

describe('plain data as bytes', () => {
  const value = fc.anything({ withBigInt: false, withTypedArray: false, withNullPrototype: false, maxDepth: 4 });
  const blob = () => expect.unreachable();

  test('comes back', () => {
    fc.assert(
      fc.property(fc.array(value), values => {
        const given = structuredClone(values).filter(isPlain);
        expect(decodePlain(encodePlain(given).bytes, blob)).toEqual(given);
      }),
    );
    const special = [-0, Number.NaN, Infinity, 2 ** 31, -(2 ** 31), 2 ** 53, -(2n ** 63n), 2n ** 64n - 1n, '\0ü'];
    expect(decodePlain(encodePlain(special).bytes, blob)).toEqual(special);
  });

  test('hostile, is an error and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        try {
          decodePlain(bytes, () => new Uint8Array(0));
        } catch (error) {
          expect(error).toMatchObject({ code: 'SNAPSHOT_INVALID' });
        }
      }),
      { numRuns: 2000 },
    );
    const nested = Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from([11, 1, 0, 0, 0])));
    expect(() => decodePlain(nested, blob)).toThrow(/nested too deeply/);
    expect(() => decodePlain(Buffer.from([11, 255, 255, 255, 255]), blob)).toThrow(/no room for them/);
  });
});

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain);
}
