// Interrupts of a primary between their arrival and their delivery: how much of them comes at one boundary.

import { describe, expect, it } from 'vitest';
import { InterruptBuffer } from '../../engine/protocol/interrupt-buffer.js';
import { FIRST_OPENED_STREAM, type Interrupt } from '../../engine/protocol/vocabulary.js';

const bytes = (length: number) => new Uint8Array(length);
const input = (offset: number, length: number): Interrupt => ({
  kind: 'stream',
  stream: 0,
  offset,
  bytes: bytes(length),
  end: false,
});
const completion = (operation: bigint, length: number): Interrupt => ({
  kind: 'completion',
  operation,
  status: 0,
  data: bytes(length),
});
const opened = (nth: number, length: number): Interrupt => ({
  kind: 'opened',
  stream: 3,
  offset: nth,
  opened: FIRST_OPENED_STREAM + nth,
  data: bytes(length),
});

function buffering(deliveryBytes: number, ...interrupts: Interrupt[]): InterruptBuffer {
  const buffer = new InterruptBuffer(() => true, [], deliveryBytes);
  for (const interrupt of interrupts) buffer.buffer(interrupt);
  return buffer;
}

describe('at one boundary are delivered', () => {
  it.each([
    ['input', [input(0, 6), input(6, 4), input(10, 1)]],
    ['results', [completion(1n, 6), completion(2n, 4), completion(3n, 1)]],
    ['connections, whose addresses count', [opened(0, 6), opened(1, 4), opened(2, 1)]],
    ['all of them together', [input(0, 6), completion(1n, 3), opened(0, 1), completion(2n, 1)]],
  ])('as many bytes as fit, of %s', (_, interrupts) => {
    const buffer = buffering(10, ...interrupts);
    expect(buffer.take()).toHaveLength(interrupts.length - 1);
    expect(buffer.take()).toHaveLength(1);
    expect(buffer.isEmpty).toBe(true);
  });

  it('what has no bytes of its own, however many', () => {
    const uncertain = (operation: bigint): Interrupt => ({ kind: 'uncertain', operation });
    const many = Array.from({ length: 50 }, (_, at) => uncertain(BigInt(at)));
    expect(buffering(10, ...many).take()).toHaveLength(50);
  });

  it('one that alone is more than fits', () => {
    const buffer = buffering(10, input(0, 100), input(100, 1));
    expect([buffer.take(), buffer.take()].map(({ length }) => length)).toEqual([1, 1]);
  });
});
