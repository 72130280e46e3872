// Whatever keeps replacements from joining: the primary goes on alone, puts out, and ends as its guest does; why nobody joins is
// said once, and in the status.

import { closeSync, openSync, readdirSync, readlinkSync, writeSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Bench, until, type Watched } from './command.js';
import { Milling } from './milling.js';

const bench = new Bench();
const ATTEMPTS = 3;

/** Changes a byte of the launcher's copy of the guest, which has no name: no replacement runs it any more. */
function damageModule({ command }: Watched): void {
  const descriptors = `/proc/${command.pid}/fd`;
  const name = readdirSync(descriptors).find(one => readlinkSync(`${descriptors}/${one}`).includes('guest.wasm'));
  const file = openSync(`${descriptors}/${name}`, 'r+');
  writeSync(file, 'x', 100);
  closeSync(file);
}

/** Watches replacements until so many were tried. */
async function tried(machine: Watched, attempts: number, meet: (pid: number) => void): Promise<void> {
  const seen = new Set<number>();
  await until(() => {
    for (const { pid } of machine.now?.joining ?? []) {
      if (seen.has(pid)) continue;
      seen.add(pid);
      meet(pid);
    }
    return seen.size >= attempts ? true : undefined;
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

describe('no replacement joins:', () => {
  test.each([
    [
      'each refuses the guest that it is given',
      damageModule,
      () => undefined,
      /halted: the machine's copy of the guest/,
    ],
    ['each is killed as it starts', () => undefined, kill, /killed by SIGKILL/],
  ] as const)('%s', async (_, before, meet, why) => {
    const milling = new Milling(bench);
    const { machine } = milling;
    const { primary, backups } = await machine.isProtected();
    before(machine);
    kill(primary.pid);
    await tried(machine, ATTEMPTS, meet);
    const written = machine.command.stdout.length;
    await machine.wrote(written + 1);
    const status = await machine.status(one => why.test(one.reason));
    expect(status).toMatchObject({ protected: false, primary: { pid: backups[0]!.pid }, backups: [] });
    expect(status.reason).toMatch(/^(need secondary|starting); the last replica that was to join /);
    await milling.endsLikeThePlainMachine();
    const lines = (await machine.command.ended).stderr.split('\n').filter(line => why.test(line));
    expect(lines.filter(line => line.includes('before it has joined'))).toHaveLength(1);
    expect((await machine.command.ended).stderr.match(/ joins\n/g)).toHaveLength(1);
  });
});
