// The journal: lines that are whole, or missing and counted; and a machine that never waits for it.

import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EpochvisorError } from '../../engine/errors/errors.js';
import { EventJournal } from '../../engine/observe/event-journal.js';

let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (path: string) => new EventJournal(path, { machine: 'm' }, ({ line }: EpochvisorError) => said.push(line));

test('each event is a line of JSON, with the time and what is said of all; what was there stays', () => {
  const path = join(folder, 'journal');
  for (const view of [1, 2]) {
    const journal = open(path);
    journal.begin({ event: 'view', rule: 'VW', view });
    journal.close();
  }
  const lines = readFileSync(path, 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.map(line => JSON.parse(line))).toEqual(
    [1, 2].map(view => {
      const time = expect.stringMatching(/^20\d\d-\d\d-\d\dT.*Z$/);
      return { level: 'info', time, machine: 'm', event: 'view', rule: 'VW', view };
    }),
  );
});

describe('a journal that can not be written', () => {
  test.each([
    ['a folder', () => folder],
    ['in no folder', () => join(folder, 'none', 'journal')],
    ['a full disk', () => '/dev/full'],
  ])('is refused before anything begins, and not said twice: %s', (_, path) => {
    expect(() => open(path()).begin({ event: 'started' })).toThrow(/^the journal .* can't be written: E/);
    expect(said).toEqual([]);
  });

  test('is refused where it is a pipe that nobody reads, and waits for nobody', () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(() => open(pipe)).toThrow(/ENXIO/);
  });

  test('later on is said once; what follows is whole, and has how many lines are missing', () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    const journal = open(pipe);
    const details = 'x'.repeat(1_000);
    let written = 0;
    while (said.length === 0) journal.write({ event: 'one', number: written++, details });
    for (let more = 0; more < 3; more++) journal.write({ event: 'one', number: written++, details });
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/\[JOURNAL_FILE\]/);
    const bytes = Buffer.alloc(1 << 20);
    let text = bytes.toString('utf8', 0, readSync(reader, bytes));
    journal.write({ event: 'two' });
    journal.write({ event: 'three' });
    text += bytes.toString('utf8', 0, readSync(reader, bytes));
    const whole = text.split('\n').flatMap(line => {
      try {
        return [JSON.parse(line) as { event: string; missing?: number }];
      } catch {
        // The one that the pipe had no room for, and the end.
        return [];
      }
    });
    const ones = whole.filter(({ event }) => event === 'one').length;
    expect(whole.slice(-2)).toMatchObject([{ event: 'two', missing: written - ones }, { event: 'three' }]);
    expect(whole.at(-1)!.missing).toBeUndefined();
    journal.close();
    closeSync(reader);
  });
});
