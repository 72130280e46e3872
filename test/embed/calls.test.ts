// Guests without a _start, called by a program: each call made once and in order, through deaths amid calls and between them.

import { setTimeout as sleep } from 'node:timers/promises';
import { type CallValue, Machine, type MachineStart } from 'epochvisor/machine';
import { expect, onTestFinished, test } from 'vitest';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { wat } from '../building/wat.js';

/** Sums what it is given, `work` slowly, and counts calls; a WASI reactor. */
const SUMS = wat(`(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $sum (mut i64) (i64.const 0))
  (global $calls (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $sum (i64.const 1000)))
  (func (export "add") (param $value i64) (result i64)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (global.set $sum (i64.add (global.get $sum) (local.get $value)))
    (global.get $sum))
  (func (export "work") (param $rounds i32) (param $value i64) (result i64 i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (loop $works (br_if $works (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (global.set $sum (i64.add (global.get $sum) (local.get $value)))
    (global.get $sum) (global.get $calls))
  (func (export "random") (result i64)
    (drop (call $random (i32.const 0) (i32.const 8)))
    (i64.load (i32.const 0)))
  (func (export "half") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
  (func (export "reference") (param externref))
  (func (export "fails") unreachable))`);

async function started(options: MachineStart = {}): Promise<Machine> {
  const machine = await Machine.start(SUMS, options);
  onTestFinished(() => machine.stop());
  return machine;
}

async function killPrimary(machine: Machine): Promise<void> {
  const { primary } = await machine.whenProtected();
  process.kill(primary.pid, 'SIGKILL');
}

const refusal = (asked: Promise<unknown>) =>
  asked.then(
    () => 'nothing was refused',
    ({ code, message }: { readonly code: string; readonly message: string }) => `${code}: ${message}`,
  );

test.each(VARIANTS)('calls are made once, in order, while primaries die (%s)', { timeout: 120_000 }, async variant => {
  const machine = await started({ variant, epochLength: 50_000 });
  let sum = 1000n;
  for (let round = 0; round < 3; round++) {
    // Some wait in the queue when the primary dies, one is being made.
    const asked: Promise<CallValue | undefined | readonly CallValue[]>[] = [];
    for (let call = 1; call <= 20; call++) asked.push(machine.call('work', 3_000_000, BigInt(call)));
    await asked[2 * round];
    await killPrimary(machine);
    const answers = await Promise.all(asked);
    for (const [index, answer] of answers.entries()) {
      sum += BigInt(index + 1);
      expect(answer).toEqual([sum, 20 * round + index + 1]);
    }
  }
  // Between two calls, at rest.
  await killPrimary(machine);
  expect(await machine.call('add', 5n)).toBe(sum + 5n);
  expect(await machine.end()).toEqual({ kind: 'exit', status: 0 });
});

test('a replica that joins amid a call, and one that joins at rest, go on from there', {
  timeout: 120_000,
}, async () => {
  const machine = await started({ epochLength: 50_000 });
  await killPrimary(machine);
  // A second or more: the replacement takes its snapshot in it.
  const long = machine.call('work', 2_000_000_000, 1n);
  await machine.whenProtected();
  await killPrimary(machine);
  expect(await long).toEqual([1001n, 1]);
  await machine.whenProtected();
  // At rest from before the next one joins until after.
  await killPrimary(machine);
  await machine.until(status => status.protected);
  await sleep(50);
  await killPrimary(machine);
  expect(await machine.call('add', 1n)).toBe(1002n);
  expect(await machine.call('random')).not.toBe(await machine.call('random'));
});

test('numbers of every kind cross, and the memory is read and written between calls', async () => {
  const machine = await started();
  expect(await machine.call('half', Number.NaN)).toBeNaN();
  expect(await machine.call('half', -0)).toBe(-0);
  expect(await machine.call('half', 3)).toBe(1.5);
  expect(await machine.call('add', -(2n ** 63n))).toBe(1000n - 2n ** 63n);
  await machine.write(100, Buffer.from('hello'));
  expect(Buffer.from(await machine.read(101, 3)).toString()).toBe('ell');
});

test('wrong calls are refused, and the guest never hears of them', async () => {
  const machine = await started();
  expect(await refusal(machine.call('subtract', 1n))).toMatch(/^CALL_UNKNOWN: .*subtract/);
  expect(await refusal(machine.call('add', 1))).toMatch(/^CALL_ARGUMENTS: add is \(i64\) -> \(i64\).*\(number\)/);
  expect(await refusal(machine.call('add'))).toMatch(/^CALL_ARGUMENTS/);
  expect(await refusal(machine.call('reference', 1))).toMatch(/^CALL_ARGUMENTS: .*only numbers/);
  expect(await refusal(machine.read(-1, 1))).toMatch(/^CALL_ARGUMENTS/);
  expect(await refusal(Machine.start(SUMS, { operationIds: false }))).toMatch(/^BAD_OPTION: .*operation ids/);
  expect(await machine.call('add', 1n)).toBe(1001n);
});

test('a range that is not in the memory is refused, and the guest goes on', async () => {
  const machine = await started();
  expect(await refusal(machine.read(65_536, 1))).toMatch(/^CALL_RANGE/);
  expect(await refusal(machine.write(65_530, new Uint8Array(7)))).toMatch(/^CALL_RANGE/);
  expect(await machine.read(65_530, 6)).toEqual(new Uint8Array(6));
  expect(await machine.call('add', 1n)).toBe(1001n);
});

test.each([['a trap', (machine: Machine) => machine.call('fails'), /unreachable/]])(
  '%s ends the machine, and whoever waits is told',
  async (_, fails, message) => {
    const machine = await started();
    const [failing, next] = [refusal(fails(machine)), refusal(machine.call('add', 1n))];
    expect(await machine.outcome).toMatchObject({ kind: 'trap', message: expect.stringMatching(message) });
    expect(await failing).toMatch(message);
    expect(await next).toMatch(/^MACHINE_OVER/);
    expect(await refusal(machine.call('add', 1n))).toMatch(/^MACHINE_OVER/);
  },
);

test('a guest that runs by itself is not called', async () => {
  const machine = await Machine.start(wat('(module (func (export "_start")))'));
  onTestFinished(() => machine.stop());
  expect(await refusal(machine.call('_start'))).toMatch(/^NOT_CALLED/);
  expect(await machine.outcome).toEqual({ kind: 'exit', status: 0 });
});
