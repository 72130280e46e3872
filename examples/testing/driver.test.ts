// A device driver of one's own (guest/programs/own-driver.ts): a teller must not dispense twice what it was asked for once.

import { launch, survival } from 'epochvisor/testing';
import { expect, test } from 'vitest';
import 'epochvisor/vitest';

const guest = 'guest/build/own-driver.wasm';
/** It begins a journal where there is none; each run has its own. */
const teller = 'notes.journal';

test('the careful driver repeats an uncertain operation under its number', async () => {
  await expect(guest).toSurviveFailover({ args: ['20'], teller, epochLength: 1_000, points: 2 });
});

test('the journal has each note once after two kills', async () => {
  await using machine = await launch(guest, { args: ['2000'], teller });
  for (let kill = 0; kill < 2; kill++) {
    await machine.whenProtected();
    await machine.killPrimary();
  }
  const { files, stdout } = await machine.result();
  const notes = Array.from({ length: 2_000 }, (_, index) => index + 1);
  expect(Buffer.from(stdout).toString()).toBe(notes.map(note => `note ${note}\n`).join(''));
  expect(Buffer.from(files.teller!).toString().trimEnd().split('\n')).toHaveLength(2_000);
});

test('the careless one, which takes a new number, is found out', async () => {
  const args = ['20', 'careless'];
  const { kills, failures } = await survival(guest, { args, teller, epochLength: 1_000, points: 3 });
  expect(kills).toBe(3);
  expect(failures.join('\n')).toMatch(/teller, byte \d+/);
});
