// Folders of logs that can't be relied on: each is refused in one line that says what, where and what to do.

import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLogs } from '../../engine/recording/host-logs.js';
import type { SegmentRecord } from '../../engine/wire/segment-records.js';
import { writeSegment } from '../recording/changed-recording.js';
import { Bench, guest } from './command.js';

const bench = new Bench();

/** A run alone, and the folder of its replica's log in the one that is given. */
async function logged(folder: string): Promise<string> {
  const flags = ['--replicas', '1', '--log', folder, '--epoch-length', '100000'];
  expect(await bench.run(['run', '--quiet', ...flags, guest('clock-random'), '50'])).toMatchObject({ status: 0 });
  return openLogs(folder)[0]!.path;
}

async function expectRefused(folder: string, line: RegExp): Promise<void> {
  for (const verb of [['replay', '--guest', guest('clock-random')], ['inspect-log']]) {
    const { status, stderr, stdout } = await bench.run([...verb, folder]);
    expect([status, stderr, stdout]).toEqual([2, expect.stringMatching(line), '']);
    expect(stderr).toMatch(/^epochvisor: [^\n]*\n$/);
  }
}

test('those of two machines, such that part ways, and such as lack what they begin with', async () => {
  const [one, other] = [bench.file('one'), bench.file('other')];
  const log = await logged(one);
  // A folder that two runs were given.
  cpSync(await logged(other), join(one, 'stranger'), { recursive: true });
  await expectRefused(one, /one\/\S+ and \S+one\/\S+ are the logs of two machines \[LOGS_DIFFER\]: name a folder with/);
  rmSync(join(one, 'stranger'), { recursive: true });
  expect(await bench.run(['replay', '--quiet', '--guest', guest('clock-random'), one])).toMatchObject({ status: 0 });

  const [{ header, records }] = openLogs(log) as [ReturnType<typeof openLogs>[0]];
  const all = [...records()].map(({ record }) => record);
  const logs = all.filter(record => record.type === 'log');
  const written = (name: string, ...changed: SegmentRecord[]) => {
    mkdirSync(join(one, name), { recursive: true });
    writeSegment(join(one, name, '00000001.epvlog'), { ...header, incarnation: name }, changed);
  };
  const [first] = logs;
  const others = first!.parts.map(({ entries, bytes }) => ({ entries, bytes: bytes.map(byte => byte ^ 1) }));
  written('parted', ...all.filter(({ type }) => type === 'view'), { ...first!, parts: others });
  await expectRefused(
    one,
    /two logs of one view part ways: those of replica \w+ and replica \w+, at position 0, bytes \d+ and \d+ \[LOGS_DIFFER\]/,
  );
  rmSync(join(one, 'parted'), { recursive: true });

  // A checkpoint whose log was removed, and a log without the checkpoint that it followed.
  rmSync(log, { recursive: true });
  const from = logs.slice(1).map(record => ({ ...record }));
  written('late', { type: 'begins' }, { type: 'checkpoint', position: 0, epoch: 0, count: 0 }, ...from);
  await expectRefused(one, /one\/late: no log begins where one can begin \[LOG_MISSING\]: name one that is whole/);
  written('late', ...from);
  await expectRefused(one, /one\/late: no log begins where one can begin \[LOG_MISSING\]: name one that is whole/);
});
