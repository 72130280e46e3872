// A bus in a process of its own, in the hands of a test: killed in the middle of what it does, and started again.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch, type TestedMachine } from 'epochvisor/testing';
import { expect, test, vi } from 'vitest';
import 'epochvisor/vitest';
import { isAlive } from '../end-to-end/command.js';

vi.setConfig({ testTimeout: 120_000 });

const guest = (name: string) => fileURLToPath(new URL(`../../guest/build/${name}.wasm`, import.meta.url));

async function expectRestart(machine: TestedMachine): Promise<void> {
  const { killed, pid } = await machine.restartBus();
  expect(isAlive(killed)).toBe(false);
  expect(isAlive(pid)).toBe(true);
  expect(machine.pids).toContain(pid);
  expect(machine).toMatchObject({ status: { view: 1 }, lost: [] });
}

test('in the middle of a stream of input and output it loses and doubles no byte, and leaves nothing behind', async () => {
  const machine = await launch(guest('told'), { bus: 'process', suspicion: 20_000 });
  const { folder } = machine;
  let pids: readonly number[];
  {
    await using _ = machine;
    for (let kill = 0; kill < 3; kill++) {
      machine.stdin.write(Array.from({ length: 8_000 }, (_, line) => `print line ${line} of ${kill}\n`).join(''));
      await machine.transcript.stdout.until(`line 0 of ${kill}\n`);
      await expectRestart(machine);
    }
    pids = machine.pids;
    machine.stdin.write('end 3\n');
    expect(await machine.outcome).toEqual({ kind: 'exit', status: 3 });
    await machine.expectKillsLanded();
    await expect(machine).toEqualUndisturbed();
  }
  expect(pids).toHaveLength(3);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(existsSync(folder)).toBe(false);
});

test('in the middle of operations it does each once, and every one that was acknowledged', async () => {
  const notes = Array.from({ length: 150 }, (_, at) => at + 1);
  await using machine = await launch(guest('teller'), {
    ...{ bus: 'process', args: ['150'], teller: 'notes', suspicion: 20_000 },
  });
  for (const note of [30, 90]) {
    await machine.transcript.stdout.until(`note ${note} dispensed\n`);
    await expectRestart(machine);
  }
  const { stdout, files } = await machine.result();
  expect(Buffer.from(stdout).toString()).toBe(notes.map(note => `note ${note} dispensed\n`).join(''));
  const journal = Buffer.from(files.teller!).toString().trimEnd().split('\n');
  expect(journal.map(line => Number(line.split(' ')[2]))).toEqual(notes);
});

test('is refused where the bus is in the process of the test, or no place for one', async () => {
  await using machine = await launch(guest('told'), { stdin: '' });
  await expect(machine.restartBus()).rejects.toMatchObject({ code: 'BUS_NOT_APART' });
  await expect(launch(guest('told'), { bus: 'elsewhere' as 'process' })).rejects.toMatchObject({ code: 'BAD_OPTION' });
});
