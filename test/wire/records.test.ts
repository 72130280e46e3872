// The records of the rings give back what was put into them, within the size that is promised.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Interrupt, Outcome, Output } from '../../engine/protocol/vocabulary.js';
import { interruptBytesMax, putInterrupt, readInterrupt } from '../../engine/wire/interrupts.js';
import { outputRecordBytesMax, putOutputRecord, readOutputRecord, recordReader } from '../../engine/wire/records.js';

const position = fc.nat(Number.MAX_SAFE_INTEGER);
const id = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
const data = fc.uint8Array({ maxLength: 300 });
const stream = fc.nat(10);
const status = fc.integer({ min: -2147483648, max: 2147483647 });

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ kind: fc.constant('exit' as const), status }),
  fc.record({
    kind: fc.constant('trap' as const),
    message: fc.string({ unit: 'grapheme' }),
    count: position,
    exact: fc.boolean(),
  }),
);

const output: fc.Arbitrary<Output> = fc.oneof(
  fc.record({ type: fc.constant('stream' as const), stream, offset: position, bytes: data }),
  fc.record({
    type: fc.constant('operation' as const),
    operation: fc.record({
      id,
      device: fc.nat(1000),
      command: fc.nat(10),
      argument: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      length: fc.nat(2 ** 20),
      data,
    }),
  }),
  fc.record({ type: fc.constant('releaseInput' as const), stream, offset: position }),
  fc.record({ type: fc.constant('releaseOperation' as const), operation: id }),
  fc.record({ type: fc.constant('outcome' as const), outcome }),
);

const interrupt: fc.Arbitrary<Interrupt> = fc.oneof(
  fc.record({ kind: fc.constant('stream' as const), stream, offset: position, bytes: data, end: fc.boolean() }),
  fc.record({ kind: fc.constant('completion' as const), operation: id, status, data }),
  fc.record({ kind: fc.constant('uncertain' as const), operation: id }),
);

/** A buffer of exactly the promised size, with something before it: offsets must not be assumed. */
function written(bytesMax: number, put: (target: Uint8Array, at: number) => number) {
  const bytes = new Uint8Array(bytesMax + 8);
  return { bytes, length: put(bytes, 8) - 8 };
}

const writtenOutput = (at: number, value: Output) =>
  written(outputRecordBytesMax(value), (target, place) => putOutputRecord(target, place, at, value));

describe('records between the threads', () => {
  it('give back every output, within the promised size', () => {
    fc.assert(
      fc.property(position, output, (at, value) => {
        const { bytes, length } = writtenOutput(at, value);
        expect(readOutputRecord(bytes, 8, length)).toEqual({ position: at, output: value });
      }),
    );
  });

  it('give back every interrupt, within the promised size', () => {
    fc.assert(
      fc.property(interrupt, value => {
        const { bytes, length } = written(interruptBytesMax(value), (...place) => putInterrupt(...place, value));
        expect(readInterrupt(recordReader(bytes, 8, length))).toEqual(value);
      }),
    );
  });

  it('hand out copies, for a record is gone after it was read', () => {
    const value: Output = { type: 'stream', stream: 1, offset: 0, bytes: Uint8Array.of(1, 2) };
    const { bytes, length } = writtenOutput(0, value);
    const read = readOutputRecord(bytes, 8, length);
    bytes.fill(0);
    expect(read.output).toEqual(value);
  });
});
