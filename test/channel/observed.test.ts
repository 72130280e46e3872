// Observers and those they look at: one question, its answer, and what neither can be made to do.

import { randomBytes } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import type { Link } from '../../engine/channel/link.js';
import { isObserver, OBSERVERS_MAX, Observers } from '../../engine/channel/observed.js';
import { askModule, askReport } from '../../engine/channel/observing.js';
import { encodeToObserver, REPORT_MAX } from '../../engine/wire/observer-packets.js';
import { CREDENTIALS, call, HELLO, hear, start } from './ends.js';

const REPORT = { kind: 'replica', pid: 17, text: 'ü' };
const SIZE_MAX = 64 * 1024 * 1024;

async function observed(module?: Uint8Array, report: () => object = () => REPORT) {
  const observers = new Observers({ report, module: () => module });
  const incarnations: string[] = [];
  const { address } = await start({
    encrypted: true,
    onLink: link => {
      incarnations.push(link.peer.incarnation);
      observers.add(link);
    },
  });
  const { incarnation: _, ...hello } = HELLO;
  const options = { address, hello, credentials: CREDENTIALS, encrypted: true, deadlineMs: 5_000 };
  return { address, options, incarnations };
}

describe('an observer', () => {
  test('is told what a part knows, and is no replica', async () => {
    const { options, incarnations } = await observed();
    expect(await askReport(options)).toEqual(REPORT);
    expect(incarnations.map(isObserver)).toEqual([true]);
    expect(isObserver('replica-observer-1')).toBe(false);
  });

  test.each([1, 256 * 1024, 5_000_001])('is given a module of %i bytes, also out of shared memory', async bytes => {
    const module = new Uint8Array(new SharedArrayBuffer(bytes));
    module.set(randomBytes(bytes));
    const { options } = await observed(module);
    expect(Buffer.from((await askModule(options, SIZE_MAX))!).equals(Buffer.from(module))).toBe(true);
  });

  test('hears that a part has no module', async () => {
    const { options } = await observed();
    expect(await askModule(options, SIZE_MAX)).toBeUndefined();
  });

  test('does not take a module that is larger than it says it takes', async () => {
    const { options } = await observed(new Uint8Array(1001));
    await expect(askModule(options, 1000)).rejects.toMatchObject({ code: 'PACKET_MALFORMED' });
  });

  test('asks once, and does not wait for who is not there or does not answer', async () => {
    const { options } = await observed();
    await expect(askReport({ ...options, address: 'wss://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    const silent = await start({
      encrypted: true,
      onLink: link => link.listen({ message: () => {}, closed: () => {} }),
    });
    await expect(askReport({ ...options, address: silent.address, deadlineMs: 300 })).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      message: expect.stringContaining('no answer in time'),
    });
  });

  test.each([
    ['no object', encodeToObserver({ type: 'report', json: '"text"' })],
    ['no JSON', encodeToObserver({ type: 'report', json: '{' })],
    ['a report that is too long', encodeToObserver({ type: 'report', json: ' '.repeat(REPORT_MAX + 1) })],
    ['another packet', Uint8Array.of(0x10)],
  ])('ends the link where it is answered with %s', async (_, answer) => {
    const { address } = await start({
      encrypted: true,
      onLink: link => link.listen({ message: () => void link.send(answer), closed: () => {} }),
    });
    const { options } = await observed();
    await expect(askReport({ ...options, address })).rejects.toMatchObject({ code: 'PACKET_MALFORMED' });
  });

  test('of which the size changes from one piece to the next a module is not taken', async () => {
    const { address } = await start({
      encrypted: true,
      onLink: link =>
        link.listen({
          message: () => {
            for (const size of [4, 5]) link.send(encodeToObserver({ type: 'module', size, part: Uint8Array.of(1) }));
          },
          closed: () => {},
        }),
    });
    const { options } = await observed();
    await expect(askModule({ ...options, address }, 100)).rejects.toMatchObject({ code: 'PACKET_MALFORMED' });
  });
});

describe('who is looked at', () => {
  test('has so many observers at a time, and room again when one goes', async () => {
    const { address, options } = await observed();
    const links: Link[] = [];
    const observer = (n: number) => ({ hello: { incarnation: `observer-${n}` } });
    for (let n = 0; n < OBSERVERS_MAX; n++) links.push(await call(address, observer(n)));
    const beyond = await call(address, observer(99));
    expect(await hear(beyond).ended).toMatchObject({ code: 'LINK_CLOSED' });
    // Whoever is turned away asks again, until there is room.
    const asked = askReport(options);
    await beyond.close();
    await links[0]!.close();
    expect(await asked).toEqual(REPORT);
    await Promise.all(links.map(link => link.close()));
  });

  test('ends the link of one that says something else', async () => {
    const { address } = await observed();
    const link = await call(address, { hello: { incarnation: 'observer-x' } });
    const { ended } = hear(link);
    link.send(Uint8Array.of(0x40, 0));
    expect(await ended).toMatchObject({ code: 'LINK_CLOSED', message: expect.stringContaining('malformed packet') });
  });

  test('sends one module at a time, however often it is asked', async () => {
    const bytes = 3_000_000;
    const { address } = await observed(new Uint8Array(bytes));
    const link = await call(address, { hello: { incarnation: 'observer-x' } });
    const { frames } = hear(link);
    for (let times = 0; times < 50; times++) link.send(Uint8Array.of(0x41));
    const received = () => frames.reduce((sum, frame) => sum + frame.length, 0);
    await vi.waitFor(() => expect(received()).toBeGreaterThan(bytes));
    link.send(Uint8Array.of(0x40));
    await vi.waitFor(() => expect(frames.at(-1)![0]).toBe(0x48));
    expect(received()).toBeLessThan(2 * bytes);
    await link.close();
  });
});
