// Links over real sockets, in the clear and encrypted.

import { once } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { BUFFERED_MAX_BYTES } from '../../engine/channel/link.js';
import { hear, pair, speak, start } from './ends.js';

describe.each([
  ['in the clear', false],
  ['encrypted', true],
])('a link %s', (_, encrypted) => {
  test('writes once for all that is sent in a turn, and what is in no hurry goes with it, or by itself', async () => {
    const { near, far } = await pair(encrypted);
    const { frames } = hear(far);
    // What is below the link is its own; what is written there is seen where all streams write.
    const written = vi.spyOn(Socket.prototype as unknown as Record<'_writev', () => void>, '_writev');
    near.sendLate(Uint8Array.of(0));
    for (let at = 1; at < 5; at++) near.send(Uint8Array.of(at));
    expect(written).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(frames.map(([first]) => first)).toEqual([0, 1, 2, 3, 4]));
    expect(written).toHaveBeenCalledTimes(1);
    near.sendLate(Uint8Array.of(5));
    await vi.waitFor(() => expect(frames).toHaveLength(6));
    await near.close();
    written.mockRestore();
  });

  test('carries frames both ways, whole, in order and byte for byte', async () => {
    const { near, far } = await pair(encrypted);
    const [atNear, atFar] = [hear(near), hear(far)];
    const sent = [0, 1, 125, 126, 65_535, 65_536, 3_000_000].map((length, index) =>
      new Uint8Array(length).map((_, at) => (at * 31 + index) & 255),
    );
    for (const frame of sent) expect(near.send(frame)).toBe(true);
    for (const frame of sent) expect(far.send(frame)).toBe(true);
    await near.close();
    await Promise.all([atNear.ended, atFar.ended]);
    expect(atFar.frames.map(frame => Buffer.compare(frame, sent[atFar.frames.indexOf(frame)]!))).toEqual(
      sent.map(() => 0),
    );
    expect(far.peer.incarnation).toBe('replica-b');
    expect(near.peer.incarnation).toBe('replica-a');
  });

  test('counts what has come of a frame that is not whole yet', async () => {
    const { near, far } = await pair(encrypted);
    const { frames } = hear(far);
    const before = far.arrivedBytes;
    near.send(new Uint8Array(16 << 20));
    const counts = new Set<number>();
    while (frames.length === 0) {
      await new Promise(resolve => setImmediate(resolve));
      if (frames.length === 0) counts.add(far.arrivedBytes);
    }
    counts.delete(before);
    expect(counts.size).toBeGreaterThan(1);
    expect(far.arrivedBytes).toBeGreaterThanOrEqual(before + (16 << 20));
    await near.close();
  });

  test('loses nothing that came before anyone listened', async () => {
    const { near, far } = await pair(encrypted);
    for (let n = 0; n < 100; n++) near.send(Uint8Array.of(n));
    await sleep(50);
    const { frames } = hear(far);
    await vi.waitFor(() => expect(frames.map(frame => frame[0])).toEqual(Array.from({ length: 100 }, (_, n) => n)));
  });

  test('tells its end once, at both sides, and sends nothing afterwards', async () => {
    const { near, far } = await pair(encrypted);
    const closed = vi.fn();
    far.listen({ message: () => {}, closed });
    near.terminate();
    await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(1));
    expect(closed.mock.calls[0]![0]).toMatchObject({ code: 'LINK_CLOSED' });
    expect(far.send(Uint8Array.of(1))).toBe(false);
    await far.close();
    expect(closed).toHaveBeenCalledTimes(1);
  });

  test('tells an end that came before anyone listened', async () => {
    const { near, far } = await pair(encrypted);
    near.terminate();
    await sleep(50);
    expect(await hear(far).ended).toMatchObject({ code: 'LINK_CLOSED' });
  });

  test('ends itself when the peer does not read and the bound on what waits is reached', async () => {
    const { near, far } = await pair(encrypted);
    far.unlisten();
    const { ended } = hear(near);
    const frame = new Uint8Array(8 * 1024 * 1024);
    let frames = 0;
    while (near.send(frame)) frames += 1;
    expect(await ended).toMatchObject({ code: 'LINK_OVERFLOW' });
    expect(frames * frame.length).toBeLessThanOrEqual(BUFFERED_MAX_BYTES + frame.length);
    expect(frames).toBeGreaterThan(1);
    far.terminate();
  });

  test('says once when something of what waited is taken, however long the peer does not read', async () => {
    const { near, far } = await pair(encrypted);
    far.unlisten();
    const frame = new Uint8Array(8 * 1024 * 1024);
    for (let frames = 0; frames < 4; frames++) near.send(frame);
    // The first is read, and waits where nobody listens; then nothing more is.
    let waited: number;
    do {
      waited = near.bufferedBytes;
      await new Promise(resolve => setTimeout(resolve, 200));
    } while (near.bufferedBytes < waited);
    expect(waited).toBeGreaterThan(frame.length);
    const left: number[] = [];
    const waits = () => near.whenTaken(() => left.push(near.bufferedBytes));
    waits();
    await new Promise(resolve => setTimeout(resolve, 100));
    expect(left).toEqual([]);
    hear(far);
    await vi.waitFor(() => expect(left).toHaveLength(1));
    expect(left[0]).toBeLessThan(waited);
    while (near.bufferedBytes > 0) {
      const taken = left.length;
      waits();
      await vi.waitFor(() => expect(left).toHaveLength(taken + 1));
    }
    expect(left.at(-1)).toBe(0);
  });
});

describe('a link', () => {
  test('a frame of text ends it', async () => {
    const { links, address } = await start();
    const socket = await speak(address);
    await vi.waitFor(() => expect(links).toHaveLength(1));
    const { ended } = hear(links[0]!);
    socket.send('hello');
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1003);
    expect(await ended).toMatchObject({ code: 'PACKET_MALFORMED' });
  });

  test('closes soon although the peer does not answer', async () => {
    const { links, address } = await start();
    const silent = await speak(address);
    await vi.waitFor(() => expect(links).toHaveLength(1));
    silent.pause();
    await links[0]!.close();
    expect(links[0]!.send(Uint8Array.of(1))).toBe(false);
    silent.terminate();
  });
});
