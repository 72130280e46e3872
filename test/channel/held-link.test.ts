// A link whose network is cut: nothing crosses it, no end is seen, and mended it has lost nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { NetworkCuts, THE_BUS } from '../../engine/replica/network-cuts.js';
import { call, hear, pair, start } from './ends.js';

/** Far longer than a frame takes on loopback. */
const A_WHILE_MS = 100;
const firsts = (frames: readonly Uint8Array[]) => frames.map(([first]) => first);

describe.each([
  ['in the clear', false],
  ['encrypted', true],
])('a held link %s', (_, encrypted) => {
  test('carries nothing either way, and all of it in order once it is released', async () => {
    const { near, far } = await pair(encrypted);
    const [atNear, atFar] = [hear(near), hear(far)];
    near.send(Uint8Array.of(1));
    await vi.waitFor(() => expect(firsts(atFar.frames)).toEqual([1]));
    near.hold();
    const arrived = near.arrivedBytes;
    for (const value of [2, 3]) near.send(Uint8Array.of(value));
    for (const value of [4, 5]) far.send(Uint8Array.of(value));
    await sleep(A_WHILE_MS);
    expect([firsts(atNear.frames), firsts(atFar.frames)]).toEqual([[], [1]]);
    expect([near.bufferedBytes, near.arrivedBytes]).toEqual([2, arrived]);
    near.release();
    await vi.waitFor(() => expect(firsts(atFar.frames)).toEqual([1, 2, 3]));
    await vi.waitFor(() => expect(firsts(atNear.frames)).toEqual([4, 5]));
    await near.close();
  });

  test('that is ended here ends there only when it is released', async () => {
    const { near, far } = await pair(encrypted);
    const [atNear, atFar] = [hear(near), hear(far)];
    near.hold();
    near.terminate();
    expect((await atNear.ended).code).toBe('LINK_CLOSED');
    expect([near.isOpen, near.send(Uint8Array.of(1))]).toEqual([false, false]);
    await sleep(A_WHILE_MS);
    expect(far.isOpen).toBe(true);
    near.release();
    expect((await atFar.ended).code).toBe('LINK_CLOSED');
    expect(atFar.frames).toEqual([]);
  });

  test('whose other end has ended is not told before it is released', async () => {
    const { near, far } = await pair(encrypted);
    const atNear = hear(near);
    let isOver = false;
    void atNear.ended.then(() => {
      isOver = true;
    });
    hear(far);
    near.hold();
    far.terminate();
    await sleep(A_WHILE_MS);
    expect([isOver, near.isOpen]).toEqual([false, true]);
    near.release();
    expect((await atNear.ended).code).toBe('LINK_CLOSED');
  });
});

describe('cuts of a network', () => {
  test('hold the links to those who are named, and let none begin', async () => {
    const { near, far } = await pair();
    const cuts = new NetworkCuts();
    cuts.admit(near);
    const atFar = hear(far);
    cuts.cut([near.peer.incarnation]);
    near.send(Uint8Array.of(1));
    const again = await call((await start()).address);
    expect(() => cuts.admit(again)).toThrow(expect.objectContaining({ code: 'PEER_UNREACHABLE' }));
    await sleep(A_WHILE_MS);
    expect(atFar.frames).toEqual([]);
    cuts.cut(['another', THE_BUS]);
    await vi.waitFor(() => expect(firsts(atFar.frames)).toEqual([1]));
    await near.close();
  });
});
