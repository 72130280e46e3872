// Functions of an embedder in real machines: each called where its class says, through the death of a primary, and what they may not do.

import { fileURLToPath } from 'node:url';
import { launch, type TestedMachine } from 'epochvisor/testing';
import { beforeEach, expect, test } from 'vitest';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { wat } from '../building/wat.js';

const HOST = fileURLToPath(new URL('./station-host.mjs', import.meta.url));

interface Sent {
  readonly text: string;
  readonly temperature: number;
  readonly hash: bigint;
  readonly operation: bigint;
}

/** What the host module finds in this process, which has the bus. */
const station = { sent: [] as Sent[], rounds: 0 };
Object.assign(globalThis, { station });

beforeEach(() => {
  station.sent = [];
});

const IMPORTS = `
  (import "station" "hash" (func $hash (param i32 i32) (result i64)))
  (import "station" "temperature" (func $temperature (result f64)))
  (import "station" "name" (func $name (param i32 i32 i32) (result i32)))
  (import "station" "send" (func $send (param i32 i32 f64 i64) (result i32)))
  (import "station" "fails" (func $fails (param i32)))
  (import "epochvisor" "stream_write" (func $write (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)`;

/** Sends what it sees, round after round, until it is told that this is enough; and says the same on stdout. */
const STATION = wat(`(module ${IMPORTS}
  (func (export "_start") (local $round i32) (local $length i32) (local $work i32)
    (loop $rounds
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (local.set $work (i32.const 20000))
      (loop $works (br_if $works (local.tee $work (i32.sub (local.get $work) (i32.const 1)))))
      (local.set $length (call $name (local.get $round) (i32.const 64) (i32.const 500)))
      (drop (call $write (i32.const 1) (i32.const 64) (local.get $length)))
      (br_if $rounds (i32.eqz
        (call $send (i32.const 64) (local.get $length) (call $temperature)
          (call $hash (i32.const 64) (local.get $length))))))))`);

const NAME = /^round (\d+) of process (\d+), as told by x{40}$/;

/** Every round was sent once, in order, whole, with the hash of just this; and all of it was said on stdout. */
async function expectRounds(machine: TestedMachine, rounds: number): Promise<Set<string>> {
  expect(await machine.outcome).toEqual({ kind: 'exit', status: 0 });
  const { sent } = station;
  expect(sent.map(({ text }) => Number(NAME.exec(text)?.[1]))).toEqual(
    Array.from({ length: rounds }, (_, at) => at + 1),
  );
  expect(new Set(sent.map(({ operation }) => operation)).size).toBe(rounds);
  for (const { text, hash } of sent) {
    const expected = [...Buffer.from(text)].reduce((sum, byte) => BigInt.asIntN(64, sum * 31n + BigInt(byte)), 7n);
    expect(hash).toBe(expected);
  }
  expect(sent.every(({ temperature }) => temperature >= 20 && temperature < 21)).toBe(true);
  expect(new Set(sent.map(({ temperature }) => temperature)).size).toBeGreaterThan(rounds / 2);
  expect(machine.transcript.stdout.text).toBe(sent.map(({ text }) => text).join(''));
  return new Set(sent.map(({ text }) => NAME.exec(text)![2]!));
}

async function sentAtLeast(count: number): Promise<void> {
  await expect.poll(() => station.sent.length, { timeout: 60_000, interval: 1 }).toBeGreaterThanOrEqual(count);
}

test.each(VARIANTS)('two primaries die, and every round is sent once (%s)', { timeout: 120_000 }, async variant => {
  station.rounds = Number.POSITIVE_INFINITY;
  await using machine = await launch(STATION, { host: HOST, variant, epochLength: 20_000 });
  for (let kills = 0; kills < 2; kills++) {
    await machine.whenProtected();
    await sentAtLeast(station.sent.length + 20);
    await machine.killPrimary();
    await sentAtLeast(station.sent.length + 20);
  }
  station.rounds = station.sent.length + 10;
  const processes = await expectRounds(machine, station.rounds);
  expect(processes.size).toBe(3);
});

test('what a function throws is a trap, with what it said, of every replica', { timeout: 60_000 }, async () => {
  const failing = wat(`(module ${IMPORTS} (func (export "_start") (call $fails (i32.const 7))))`);
  await using machine = await launch(failing, { host: HOST });
  const message = 'host function station.fails failed: there is no 7';
  expect(await machine.outcome).toMatchObject({ kind: 'trap', message, exact: true });
});

test.each([
  [
    'another type',
    '(import "station" "hash" (func (param i32) (result i64)))',
    /imports station\.hash as .*docs\/embedding/,
  ],
  [
    'a name that nobody declares',
    '(import "station" "pressure" (func))',
    /imports station\.pressure, which is not there/,
  ],
])('a guest with an import of %s is refused', async (_, text, expected) => {
  const guest = wat(`(module ${text} (func (export "_start")))`);
  const refused = launch(guest, { host: HOST }).catch((error: { line: string }) => error.line);
  expect(await refused).toMatch(expected);
});
