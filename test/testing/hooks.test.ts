// The hooks at a guest's boundaries: which boundary they ask for, and at which they act.

import { describe, expect, test } from 'vitest';
import { loadHook } from '../../engine/guest/boundary-hook.js';
import type { InFlight } from '../../engine/replica/io-hook.js';
import { flipHook } from '../../engine/testing/flip-hook.js';
import { readInFlight, writeInFlight } from '../../engine/testing/in-flight-words.js';
import { endMayHaveLeft, type KillPoint, newHook as newKillHook } from '../../engine/testing/kill-hook.js';

const REPLICA = { incarnation: 'a', shared: new SharedArrayBuffer(256) };
const place = (count: number) => ({ epoch: 1, epochStart: 0, count, outstanding: 0 });

describe('a kill', () => {
  const wanted = (point: KillPoint, epoch: number, epochStart: number) =>
    newKillHook({ point, proofFile: '/nowhere/proof' }, REPLICA).wantedCount(epoch, epochStart);

  test('at a count wants the boundary there, in whatever epoch that is', () => {
    expect(wanted({ at: 'count', count: 1234 }, 0, 0)).toBe(1234);
    expect(wanted({ at: 'count', count: 1234 }, 7, 700)).toBe(1234);
  });

  test('in an epoch wants it there when that has begun, and at once where it is over', () => {
    const point = { at: 'epoch', epoch: 3, instruction: 50 } as const;
    expect([2, 3, 4].map(epoch => wanted(point, epoch, epoch * 1000))).toEqual([Infinity, 3050, 0]);
  });

  test('does nothing before its place', () => {
    const hook = newKillHook({ point: { at: 'count', count: 10 }, proofFile: '/nowhere/proof' }, REPLICA);
    expect(() => hook.boundary(place(9), () => new Uint8Array(0))).not.toThrow();
  });

  test('leaves its proof before it kills: where it cannot, nothing is killed', () => {
    const hook = newKillHook({ point: { at: 'count', count: 10 }, proofFile: '/nowhere/proof' }, REPLICA);
    expect(() => hook.boundary(place(10), () => new Uint8Array(0))).toThrow('/nowhere/proof');
  });
});

test("a kill after the guest's end was put out leaves nobody who would have to take over", () => {
  const proof = { epoch: 1, count: 5, outstanding: 0, atNs: 0, pid: 1 };
  expect(endMayHaveLeft({ ...proof, what: 'after outcome' })).toBe(true);
  expect(endMayHaveLeft({ ...proof, what: 'before outcome' })).toBe(false);
  expect(endMayHaveLeft(proof)).toBe(false);
});

test('what is in flight is told from thread to thread as it was, and nothing before anything was', () => {
  const shared = new SharedArrayBuffer(256);
  expect(readInFlight(shared)).toBeUndefined();
  const inFlight: InFlight = {
    ...{ view: 3, role: 'backup' as const, epoch: 2 ** 33, count: 2 ** 40 + 1, outstanding: 5, sent: 6, received: 7 },
    ...{ sentPosition: 8, acknowledgedPosition: 9, outputsReleased: 10, endLeft: true, heldBytes: 11 },
  };
  writeInFlight(shared, { ...inFlight, sent: 5 });
  writeInFlight(shared, inFlight);
  expect(readInFlight(shared)).toEqual(inFlight);
});

describe('a flip', () => {
  test('changes its bit once, at the first boundary at or after its count, and wants none for itself', async () => {
    const hook = await loadHook(flipHook({ count: 10, address: 1, bit: 3 }), REPLICA);
    const memory = new Uint8Array(2);
    const at = [9, 12, 13].map(count => {
      hook.boundary(place(count), () => memory);
      return [...memory];
    });
    expect(at).toEqual([
      [0, 0],
      [0, 8],
      [0, 8],
    ]);
    expect(hook.wantedCount(1, 0)).toBe(Infinity);
  });

  test('outside the memory of the guest is a mistake of the test', async () => {
    const hook = await loadHook(flipHook({ count: 0, address: 2, bit: 0 }), REPLICA);
    expect(() => hook.boundary(place(1), () => new Uint8Array(2))).toThrow('lies in the memory');
  });
});

test('a module that is no hook is refused', async () => {
  await expect(loadHook({ module: 'node:path', options: {} }, REPLICA)).rejects.toThrow('exports newHook: node:path');
});
