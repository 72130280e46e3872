// The captured console: the contract of streams, and what it keeps.

import { expect, test } from 'vitest';
import { CapturedConsole, hostMs } from '../../../devices/console/captured-console.js';
import { STDERR, STDOUT } from '../../../devices/console/console-streams.js';
import { Recorder } from '../conformance.js';

test('keeps every byte, by stream, and tells whoever looks on', async () => {
  const heard: [number, string][] = [];
  const sink = new Recorder();
  const device = new CapturedConsole(new Uint8Array(0), (stream, bytes) =>
    heard.push([stream, Buffer.from(bytes).toString()]),
  );
  device.start(sink);
  const reused = Buffer.from('one');
  device.write(STDOUT, 0, reused);
  reused.fill(0);
  device.write(STDERR, 0, Buffer.from('two'));
  device.write(STDOUT, 3, Buffer.from('three'));
  expect(sink.offsets.size, 'nothing is reported from within a write').toBe(0);
  await expect
    .poll(() => [...sink.offsets])
    .toEqual([
      [STDOUT, 8],
      [STDERR, 3],
    ]);
  expect(Buffer.from(device.bytes(STDOUT)).toString()).toBe('onethree');
  expect(Buffer.from(device.bytes(STDERR)).toString()).toBe('two');
  expect(heard).toEqual([
    [STDOUT, 'one'],
    [STDERR, 'two'],
    [STDOUT, 'three'],
  ]);
  await device.close();
});

test('does not take bytes that leave a gap, or come twice', () => {
  const device = new CapturedConsole();
  device.write(STDOUT, 0, Buffer.from('abc'));
  expect(() => device.write(STDOUT, 4, Buffer.from('x'))).toThrow(/without a gap/);
  expect(() => device.write(STDOUT, 2, Buffer.from('x'))).toThrow(/without a gap/);
});

test('knows when the first byte after a moment came', async () => {
  const device = new CapturedConsole();
  device.write(STDOUT, 0, Buffer.from('before'));
  const moment = hostMs();
  expect(device.firstByteAfter(moment)).toBeUndefined();
  device.write(STDERR, 0, Buffer.from('after'));
  expect(device.firstByteAfter(moment)).toBeGreaterThanOrEqual(moment);
  expect(device.firstByteAfter(0)).toBeLessThanOrEqual(moment);
  await device.close();
});

test('gives its input whole and in order, then its end, and nothing while it is paused', async () => {
  const input = Uint8Array.from({ length: 10_000 }, (_, index) => index & 0xff);
  const sink = new Recorder();
  const device = new CapturedConsole(input);
  device.start(sink);
  device.pause();
  await new Promise(resolve => setTimeout(resolve, 20));
  expect(sink.read).toHaveLength(0);
  device.resume();
  await expect.poll(() => sink.ends).toBe(1);
  expect(sink.read).toEqual([...input]);
  device.resume();
  await new Promise(resolve => setTimeout(resolve, 20));
  expect(sink.ends).toBe(1);
  await device.close();
});
