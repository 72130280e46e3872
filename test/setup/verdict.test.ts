// The verdict of a whole run: what was skipped or could not be loaded has failed.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TestFolder } from '../building/test-folder.js';

const folder = new TestFolder();

type Status = 'passed' | 'failed' | 'pending' | 'skipped' | 'todo';

/** Lines and exit status for a report of one file with tests of these statuses. */
function verdict(statuses: readonly Status[], fileStatus: 'passed' | 'failed' = 'passed') {
  const path = folder.file('report.json');
  const count = (status: Status) => statuses.filter(each => each === status).length;
  const report = {
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    testResults: [
      {
        status: fileStatus,
        assertionResults: statuses.map((status, index) => ({ status, fullName: `suite test ${index}` })),
      },
    ],
  };
  writeFileSync(path, JSON.stringify(report));
  return run(path);
}

function run(path: string) {
  const { stdout, status } = spawnSync(process.execPath, [join(import.meta.dirname, 'verdict.mjs'), path], {
    encoding: 'utf8',
  });
  return { lines: stdout.trimEnd().split('\n'), status };
}

test('a run in which all passed says how many, and ends with 0', () => {
  expect(verdict(['passed', 'passed'])).toEqual({ lines: ['2 passed, 0 failed'], status: 0 });
});

test('a run in which one failed says how many, and ends with 1', () => {
  expect(verdict(['passed', 'failed'])).toEqual({ lines: ['1 passed, 1 failed'], status: 1 });
});

test.each(['pending', 'skipped', 'todo'] as const)('a test that is %s is named, and is a failure', status => {
  expect(verdict(['passed', status])).toEqual({ lines: ['not run: suite test 1', '1 passed, 1 failed'], status: 1 });
});

test('a file that could not be loaded is a failure, and so are no tests at all', () => {
  expect(verdict([], 'failed')).toEqual({ lines: ['0 passed, 1 failed'], status: 1 });
  expect(verdict([])).toEqual({ lines: ['0 passed, 0 failed'], status: 1 });
});

test('no report is a failure', () => {
  const { lines, status } = run(folder.file('none.json'));
  expect([lines.at(-1), status]).toEqual(['0 passed, 1 failed', 1]);
});
