// What a bus remembers, as bytes: there and back, and hostile.

import { describe, expect, it } from 'vitest';
import { type BusMemory, type BusRecord, NOTHING_REMEMBERED } from '../../engine/protocol/bus/bus-memory.js';
import { decodeBusMemory, decodeBusRecords, encodeBusMemory, encodeBusRecords } from '../../engine/wire/bus-records.js';

const RECORDS: readonly BusRecord[] = [
  { type: 'fenced', view: 7, owner: 'A-1' },
  { type: 'written', stream: 1, offset: 2 ** 40, mark: Number.MAX_SAFE_INTEGER },
  { type: 'input', stream: 0, bytes: Uint8Array.of(1, 2, 3), end: false },
  { type: 'input', stream: 0, bytes: new Uint8Array(0), end: true },
  { type: 'released', stream: 0, offset: 3 },
  { type: 'opened', source: 64, stream: 65_536, data: Uint8Array.of(9) },
  { type: 'closed', stream: 65_536 },
  { type: 'ended', outcome: { kind: 'exit', status: -3 } },
  { type: 'ended', outcome: { kind: 'trap', message: 'unreachable', count: 12, exact: true } },
];

const MEMORY: BusMemory = {
  view: { number: 3, primary: 'B-2' },
  outputs: [{ stream: 1, offset: 5, mark: 6 }],
  inputs: [{ stream: 0, released: 4, chunks: [Uint8Array.of(1), Uint8Array.of(2, 3)], ended: true }],
  sources: [{ stream: 64, opened: 3, unreleased: [{ stream: 65_538, data: Uint8Array.of(7) }] }],
  open: [{ stream: 65_537, offset: 0 }],
  next: 65_539,
  outcome: { kind: 'exit', status: 0 },
};

describe('records', () => {
  it('are the same after a journey, alone and together', () => {
    for (const record of RECORDS) expect(decodeBusRecords(encodeBusRecords([record]))).toEqual([record]);
    expect(decodeBusRecords(encodeBusRecords(RECORDS))).toEqual(RECORDS);
  });

  it('that are cut short, or of no kind, are refused', () => {
    for (const record of RECORDS) {
      const bytes = encodeBusRecords([record]);
      for (let length = 1; length < bytes.length; length++) {
        expect(() => decodeBusRecords(bytes.subarray(0, length))).toThrow('malformed');
      }
    }
    expect(() => decodeBusRecords(Uint8Array.of(8))).toThrow('a record of unknown kind');
  });
});

describe('a memory', () => {
  it.each([MEMORY, NOTHING_REMEMBERED])('is the same after a journey', memory => {
    expect(decodeBusMemory(encodeBusMemory('m', memory))).toEqual({ machine: 'm', memory });
  });

  it('that is cut short, or followed by something, is refused', () => {
    const bytes = encodeBusMemory('m', MEMORY);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeBusMemory(bytes.subarray(0, length))).toThrow('malformed');
    }
    expect(() => decodeBusMemory(Uint8Array.of(...bytes, 0))).toThrow('malformed');
  });
});
