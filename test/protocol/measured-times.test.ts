// What is measured of outputs and acknowledgements, for those who look at a machine.

import { describe, expect, it } from 'vitest';
import { RoundTrip } from '../../engine/driver/round-trip.js';
import { bothMeasured, TIME_ENDS_MS, TimeCounts } from '../../engine/protocol/measured-times.js';
import { Outbox } from '../../engine/protocol/outbox.js';
import { FIRST_OPENED_STREAM, type Output } from '../../engine/protocol/vocabulary.js';

function text(offset: number, length: number, stream = 1): Output {
  return { type: 'stream', stream, offset, bytes: new Uint8Array(length) };
}

const countOf = ({ counts }: { readonly counts: readonly number[] }) => counts.reduce((sum, count) => sum + count);

describe('counted times', () => {
  it('stand with the first end that they do not pass, and the last count has those that pass all', () => {
    const times = new TimeCounts();
    for (const ms of [-1, 0.1, 0.11, 10_000, 10_001]) times.add(ms);
    const { counts, sumMs } = times.measured;
    expect(counts).toHaveLength(TIME_ENDS_MS.length + 1);
    expect([counts[0], counts[1], counts.at(-2), counts.at(-1)]).toEqual([2, 1, 1, 1]);
    expect(sumMs).toBeCloseTo(20_001.21);
    expect(bothMeasured(times.measured, times.measured).counts[0]).toBe(4);
  });
});

describe('an outbox', () => {
  it('knows what all of its outputs carry, those of connections, too, and when the oldest came', () => {
    const outbox = new Outbox();
    expect([outbox.heldData, outbox.heldSinceMs]).toEqual([0, undefined]);
    outbox.hold(1, text(0, 5, FIRST_OPENED_STREAM), 30);
    outbox.hold(2, text(0, 7), 40);
    expect([outbox.heldData, outbox.heldSinceMs]).toEqual([12, 30]);
    outbox.release(1, 50);
    expect([outbox.heldData, outbox.heldSinceMs]).toEqual([7, 40]);
  });

  it('measures how long it held what has left, and nothing of what another had sent', () => {
    const outbox = new Outbox();
    outbox.hold(1, text(0, 5), 30);
    outbox.hold(2, text(5, 5), 30);
    outbox.dropLeft(3, [{ stream: 1, offset: 5 }]);
    outbox.release(Infinity, 55);
    expect(countOf(outbox.heldFor)).toBe(1);
    expect(outbox.heldFor.sumMs).toBe(25);
    expect([outbox.heldData, outbox.heldSinceMs]).toEqual([0, undefined]);
  });

  it('keeps the age of what it still holds when the bus is another', () => {
    const outbox = new Outbox();
    outbox.hold(1, text(0, 5), 30);
    outbox.reattach([], FIRST_OPENED_STREAM, true);
    expect([outbox.heldData, outbox.heldSinceMs]).toEqual([5, 30]);
  });
});

describe('a round trip', () => {
  it('is that of one part at a time, until everything up to its end is acknowledged', () => {
    const trip = new RoundTrip();
    expect(trip.follows).toBe(true);
    trip.shipped(10, 100);
    expect(trip.follows).toBe(false);
    trip.acknowledged(9, () => 110);
    expect(trip.follows).toBe(false);
    trip.acknowledged(12, () => 120);
    expect(trip.times.measured.sumMs).toBe(20);
    expect(trip.follows).toBe(true);
  });

  it('has no end where nobody is left to acknowledge, and none begins before somebody is again', () => {
    const trip = new RoundTrip();
    trip.shipped(10, 100);
    trip.acknowledged(Infinity, () => 5_000);
    expect(countOf(trip.times.measured)).toBe(0);
    expect(trip.follows).toBe(false);
    trip.acknowledged(11, () => 6_000);
    expect(trip.follows).toBe(true);
  });
});
