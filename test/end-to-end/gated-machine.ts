// Machines of `epochvisor/testing` in these tests: one whose guest works until the test has seen enough, and kills at any time.

import { setTimeout as sleep } from 'node:timers/promises';
import { launch, type TestedMachine, type TestOptions } from 'epochvisor/testing';
import { expect } from 'vitest';
import { guest } from './command.js';
import { generator } from './seeds.js';

const random = generator();

/** A millisecond or so a round, and a line of 20 bytes. */
const WORK = '100000';
const LAST_LINE = /(?<rounds>\d+) rounds\n$/;

export function launchGated(options: TestOptions = {}): Promise<TestedMachine> {
  return launch(guest('gated'), { args: [WORK], ...options });
}

/** Waits for so many bytes more than there are. */
export function writesOn(machine: TestedMachine, bytes: number): Promise<string> {
  const { stdout } = machine.transcript;
  return stdout.until(stdout.bytes.length + bytes);
}

/** Tells the guest to end; its output is that of an undisturbed one that does as many rounds. */
export async function endsUndisturbed(machine: TestedMachine): Promise<void> {
  machine.stdin.end();
  expect(await machine.outcome).toEqual({ kind: 'exit', status: 0 });
  const { rounds } = LAST_LINE.exec(machine.transcript.stdout.text)?.groups ?? {};
  expect(rounds, 'the number of rounds in the last line').toBeDefined();
  await using undisturbed = await launch(guest('gated'), { args: [WORK, rounds!], replicas: 1, stdin: '' });
  await machine.expectSameAs(undisturbed);
}

/** Kills a replica once the machine is protected, some moments later, and waits until it is again. */
export async function killsSoon(machine: TestedMachine, role: 'primary' | 'backup'): Promise<void> {
  await machine.whenProtected();
  await sleep(random() * 150);
  await (role === 'primary' ? machine.killPrimary() : machine.killBackup());
  await machine.whenProtected();
}
