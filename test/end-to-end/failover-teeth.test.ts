// Two mistakes in the protocol of production that a sweep is to find, and what it takes: each is planted in a process of its own.

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Bench, guest } from './command.js';
import type { Report } from './failover-report.js';

const bench = new Bench();
const compiled = (path: string) => JSON.stringify(new URL(`../../dist/engine/${path}`, import.meta.url).href);

/** Whatever is held leaves, acknowledged or not. */
const LEAVES_EARLY = `
const { Outbox } = await import(${compiled('protocol/outbox.js')});
const { release } = Outbox.prototype;
Outbox.prototype.release = function () {
  return release.call(this, Infinity);
};
`;

/** What is told again is taken to follow what was delivered. */
const NOT_TRIMMED = `
const { InterruptBuffer } = await import(${compiled('protocol/interrupt-buffer.js')});
const { buffer } = InterruptBuffer.prototype;
const buffered = new WeakMap();
InterruptBuffer.prototype.buffer = function (interrupt) {
  if (interrupt.kind !== 'stream') return buffer.call(this, interrupt);
  const { stream, offset, bytes } = interrupt;
  const ends = buffered.get(this) ?? buffered.set(this, new Map()).get(this);
  const delivered = this.inputDelivered.find(input => input.stream === stream)?.offset ?? 0;
  const from = Math.max(offset, delivered, ends.get(stream) ?? 0);
  ends.set(stream, from + bytes.length);
  return buffer.call(this, { ...interrupt, offset: from });
};
`;

async function verdicts(planted: string, ...args: readonly string[]): Promise<string[]> {
  const preload = bench.file('planted.mjs');
  writeFileSync(preload, planted);
  // The program in its many files, in which single ones can be broken.
  const env = { NODE_OPTIONS: `--import=${preload}` };
  const ended = await bench.startProgram('engine/cli/main.js', ['failover', '--json', ...args], env).ended;
  expect(ended.stderr).toBe('');
  return (JSON.parse(ended.stdout) as Report).points.map(({ verdict }) => verdict);
}

// A kill does not find it: the log that was sent arrives, and the survivor does the same. Where the log is lost, the random number
// that came out is not the survivor's.
test('an output that leaves before its log has arrived is found where the log is lost', async () => {
  const points = ['--at', 'message:1', '--at', 'message:2', '--at', 'message:3'];
  const args = [...points, '--lose', guest('clock-random'), '20'];
  expect(await verdicts(LEAVES_EARLY, ...args)).toContain('output rule');
  const sound = await verdicts('', ...args);
  expect(sound).toContain('consistent');
  expect(sound.filter(verdict => !['consistent', 'ended'].includes(verdict))).toEqual([]);
});

// Stdin that is told in one piece has its end in it, and nothing follows an end: it takes input that goes on, a connection's or that of
// a longer file.
test('input that is told again, and not trimmed, is found where it was delivered and not released', async () => {
  const client = bench.file('client.mjs');
  writeFileSync(client, CLIENT);
  const load = `NODE_OPTIONS= "${process.execPath}" "${client}"`;
  const points = ['--at', 'output:3', '--at', 'output:5', '--at', 'output:7'];
  const args = [...points, '--listen', '127.0.0.1:0', '--load', load, guest('echo-clients')];
  expect(await verdicts(NOT_TRIMMED, ...args)).toContain('client');
  const sound = await verdicts('', ...args);
  expect(sound).toEqual(['same', 'same', 'same']);
});

/** Says a word, hears it, and says the next; whatever it hears else is wrong. */
const CLIENT = `
import { createConnection } from 'node:net';
const [host, port] = process.env.EPOCHVISOR_ADDRESS.split(':');
const words = ['one', 'two', 'three', 'four'];
const socket = createConnection({ host, port: Number(port), noDelay: true });
const wrong = why => {
  console.error(why);
  process.exit(1);
};
const say = () => socket.write(words[0] ?? 'quit');
let heard = '';
socket.on('connect', say);
socket.on('error', () => wrong('it is broken'));
socket.on('end', () => (words.length > 0 ? wrong('it has ended') : process.exit()));
socket.on('data', bytes => {
  heard += bytes;
  if (!(words[0] ?? '').startsWith(heard)) wrong('it hears ' + heard);
  if (heard !== words[0]) return;
  heard = '';
  words.shift();
  say();
});
`;
