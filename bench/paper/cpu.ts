// The CPU workload: Dhrystone's work, in instructions a millisecond, on the plain machine and on a pair.

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { instantiate } from '../../engine/index.js';
import { ProcessDevices } from '../../engine/plain/plain-devices.js';
import { PlainMachine } from '../../engine/plain/plain-machine.js';
import { timedPlainRun } from '../../engine/plain/timed.js';
import { guestPath } from '../host.js';
import { isProtected, type Setting, withMachine } from '../machine.js';

const GUEST = 'dhrystone';
/** On the plain machine, for a second of a pair. */
const RUNS_PER_SECOND = 5_000_000;
/** More than any pair comes to. */
const RUNS_WITHOUT_END = 2_000_000_000;
/** Compiled as far as it will be, before that nothing counts, ms. */
const WARM_MS = 400;

class SilentDevices extends ProcessDevices {
  override write(): void {}
}

/** Instructions of one run; a constant of the guest. */
export function instructionsOfRun(): number {
  const count = (runs: number) => {
    const machine = new PlainMachine(new SilentDevices([GUEST, String(runs)]));
    const guest = instantiate(readFileSync(guestPath(GUEST)), machine.imports, {
      epochLength: 1_000_000_000,
      onBoundary: () => {},
    });
    machine.attach(guest.exports);
    (guest.exports._start as () => void)();
    return guest.instructionCount();
  };
  return (count(2_000) - count(1_000)) / 1_000;
}

/** Runs a millisecond on the plain machine: of a long run without a short one, in which V8 compiles. */
export async function plainRate(seconds: number): Promise<number> {
  const module = readFileSync(guestPath(GUEST));
  const time = async (runs: number) => {
    const { endMs } = await timedPlainRun({ module, arguments: [GUEST, String(runs)], disks: [] }, () => false);
    return endMs!;
  };
  const runs = Math.ceil(RUNS_PER_SECOND * seconds);
  const few = Math.ceil(runs / 5);
  const fewMs = await time(few);
  return (runs - few) / ((await time(runs)) - fewMs);
}

/** Instructions a millisecond of a protected pair. */
export function pairRate(setting: Setting, seconds: number): Promise<number> {
  return withMachine(setting, [GUEST, String(RUNS_WITHOUT_END)], {}, async machine => {
    await isProtected(machine);
    await pause(WARM_MS);
    const told: { readonly atMs: number; readonly count: number }[] = [];
    machine.on('status', ({ instructions: count }) => {
      // What is told for another reason has the figures of before.
      if (told.at(-1)?.count !== count) told.push({ atMs: performance.now(), count });
    });
    const endMs = performance.now() + 1_000 * seconds;
    // The first may be such a one.
    while (performance.now() < endMs || told.length < 3) await pause(20);
    const [, first] = told;
    const last = told.at(-1)!;
    return (last.count - first!.count) / (last.atMs - first!.atMs);
  });
}
