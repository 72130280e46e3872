// Report files of failover tests: what is kept, and what is refused.

import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PointRecord } from '../../engine/testing/point-record.js';
import { ReportFile, readReport } from '../../engine/testing/report-file.js';

const SUBJECT = { guest: 'abc', fault: 'kill', machine: { epochLength: 5 } };
const RECORD = { asked: '3:5', variant: 'deferred', verdict: 'same' } as unknown as PointRecord;
const OTHER = { ...RECORD, asked: '4:5' };

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
  path = join(folder, 'report');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('what was appended is there when it is opened again', () => {
  const file = new ReportFile(path, SUBJECT);
  expect(file.records).toEqual([]);
  file.append(RECORD);
  file.append(OTHER);
  expect(new ReportFile(path, SUBJECT).records).toEqual([RECORD, OTHER]);
});

test('half a line is judged again, and what follows is not joined to it', () => {
  new ReportFile(path, SUBJECT).append(RECORD);
  appendFileSync(path, '{"asked":"4:');
  const file = new ReportFile(path, SUBJECT);
  expect(file.records).toEqual([RECORD]);
  file.append(OTHER);
  expect(new ReportFile(path, SUBJECT).records).toEqual([RECORD, OTHER]);
});

test.each([
  ['guest', { ...SUBJECT, guest: 'abd' }],
  ['machine', { ...SUBJECT, machine: { epochLength: 6 } }],
  ['judge', { ...SUBJECT, judge: 'x' }],
])('another %s is refused, and the file stays as it is', (name, subject) => {
  new ReportFile(path, SUBJECT).append(RECORD);
  const before = readFileSync(path, 'utf8');
  expect(() => new ReportFile(path, subject)).toThrow(
    expect.objectContaining({ code: 'REPORT_OTHER', message: expect.stringContaining(`its ${name} differs`) }),
  );
  expect(readFileSync(path, 'utf8')).toBe(before);
});

test.each(['hello\n', '{}\n', '{"format":"other"}\n', 'no line', '[1'])('%j is no report', text => {
  writeFileSync(path, text);
  expect(() => new ReportFile(path, SUBJECT)).toThrow(expect.objectContaining({ code: 'REPORT_FILE' }));
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('a folder, or a file in none, is refused', () => {
  for (const wrong of [folder, join(folder, 'none/report')]) {
    expect(() => new ReportFile(wrong, SUBJECT)).toThrow(expect.objectContaining({ code: 'REPORT_FILE' }));
  }
});

describe('a report that is read', () => {
  const WHOLE = {
    ...{ ...RECORD, fault: 'kill', victim: 'primary', detail: '', repeat: '', failed: false, durationMs: 5 },
    ...{ kill: null, secondKill: null, failover: null },
  } as unknown as PointRecord;
  const begun = { variant: 'deferred', points: ['3:5', '4:5'], told: { line: 'x' } };

  test('has what was told of its sweeps, of each variant the last', () => {
    const file = new ReportFile(path, SUBJECT, { guest: 'hello' });
    file.begin({ ...begun, points: [] });
    file.append(WHOLE);
    const again = new ReportFile(path, SUBJECT, { guest: 'hello', at: 'now' });
    expect(again.records).toEqual([WHOLE]);
    again.begin(begun);
    again.begin(begun);
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(4);
    expect(readReport(path)).toEqual({ about: { guest: 'hello' }, sweeps: [begun], records: [WHOLE] });
  });

  test.each([
    { asked: 7 },
    { verdict: undefined },
    { failed: 'no' },
    { kill: { epoch: 3 } },
    { failover: undefined },
    { timeline: 'long' },
  ])('is refused where a record has a hole: %j', hole => {
    new ReportFile(path, SUBJECT).append({ ...WHOLE, ...hole } as PointRecord);
    expect(() => readReport(path)).toThrow(expect.objectContaining({ code: 'REPORT_FILE' }));
  });

  test('that goes on at another time stays as it is', () => {
    new ReportFile(path, SUBJECT, { guest: 'hello', at: 'then' }).begin(begun);
    const before = readFileSync(path, 'utf8');
    new ReportFile(path, SUBJECT, { guest: 'hello', at: 'now' }).begin(begun);
    expect(readFileSync(path, 'utf8')).toBe(before);
    new ReportFile(path, SUBJECT, { guest: 'other', at: 'now' }).begin(begun);
    expect(readReport(path).about).toEqual({ guest: 'other', at: 'now' });
  });

  test('is refused where there is none', () => {
    expect(() => readReport(path)).toThrow(expect.objectContaining({ code: 'REPORT_FILE' }));
  });
});
