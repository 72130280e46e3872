// A recording as a file: put together of logs, whole or not there, and refused where what it says can't be.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogWriter } from '../../engine/log/log-writer.js';
import type { LogEntry } from '../../engine/protocol/vocabulary.js';
import { HOST } from '../../engine/recording/host-disk.js';
import { openLogFile } from '../../engine/recording/host-logs.js';
import { eventsOf } from '../../engine/recording/log-events.js';
import { encodeLoggedMachine } from '../../engine/recording/logged-machine.js';
import { hashOf, openRecording, writeRecording } from '../../engine/recording/recording.js';
import { partsOf, writeSegment } from './changed-recording.js';

const OPTIONS = {
  epochLength: 100,
  variant: 'deferred' as const,
  counting: 'block' as const,
  operationIds: true,
  maxMemory: 65_536,
  arguments: ['guest', 'a word'],
  devices: [],
  bornMs: 0,
};
const MODULE = new Uint8Array(3_000_000).map((_, at) => (at * at) >> 3);
const digest = (count: number) => ({ count, submitted: 0, consumed: 1 });
const ENTRIES: readonly LogEntry[] = [
  { type: 'value', source: 2, value: 5n },
  { type: 'empty', epochs: 3, digest: digest(300) },
  {
    type: 'end',
    epoch: 3,
    digest: digest(390),
    timeNs: 77,
    interrupts: [{ kind: 'stream', stream: 0, offset: 0, bytes: Uint8Array.of(1, 2), end: false }],
  },
  { type: 'final', epoch: 4, outcome: { kind: 'exit', status: 3 } },
];
let folder: string;
let file: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-recording-'));
  file = join(folder, 'recording');
  const description = encodeLoggedMachine({ options: OPTIONS });
  const header = { machine: 'm', incarnation: 'abc', moduleHash: hashOf(MODULE), description };
  const ended = () => expect.unreachable();
  const writer = new LogWriter({ host: HOST, folder: join(folder, 'logs', 'abc'), header, ended });
  const view = { number: 1, machine: 'm', primary: 'abc', backups: [], claim: '' };
  writer.record({ type: 'view', atMs: 5, view, reason: 'begins' });
  let position = 0;
  for (const part of partsOf(ENTRIES)) writer.logged(position++, part);
  writer.noted({ type: 'stream', position: 2, stream: 1, offset: 0, length: 9, checksum: 1 });
  writer.noted({ type: 'stream', position: 3, stream: 1, offset: 9, length: 9, checksum: 1 });
  await writer.closed();
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('has the module, the machine and the log, and tells what happened as the logs do', async () => {
  expect(await writeRecording(file, join(folder, 'logs'), MODULE)).toBe(statSync(file).size);
  expect(readdirSync(folder).sort()).toEqual(['logs', 'recording']);
  const recording = openRecording(file);
  expect(Buffer.compare(recording.module!, MODULE)).toBe(0);
  expect(recording.machine.options).toEqual(OPTIONS);
  const events = [...eventsOf(recording)];
  expect(events.map(({ kind, epoch }) => `${epoch} ${kind}`)).toEqual([
    '0 source',
    '0 view',
    '0 result',
    '2 empty',
    '3 end',
    '3 interrupt',
    '4 outcome',
    '3 output',
    '4 output',
  ]);
  const logs = openRecording(join(folder, 'logs'));
  expect([...eventsOf(logs)]).toEqual(events);
  expect(logs.module).toBeUndefined();
});

test('that has no place is refused, and leaves nothing behind', async () => {
  mkdirSync(file);
  await expect(writeRecording(file, join(folder, 'logs'), MODULE)).rejects.toMatchObject({
    code: 'RECORDING_FILE',
    message: expect.stringMatching(/recording can't be written: E\w+/),
    hint: `the logs are kept: epochvisor replay --guest GUEST.wasm ${join(folder, 'logs')}`,
  });
  expect(readdirSync(folder).sort()).toEqual(['logs', 'recording']);
});

test('with another module in it, or a machine that is none, is refused', async () => {
  await writeRecording(file, join(folder, 'logs'), MODULE);
  const { header, records } = openLogFile(file);
  const all = [...records()].map(({ record }) => record);
  const other = join(folder, 'other');
  writeSegment(other, { ...header, moduleHash: 'ff'.repeat(32) }, all);
  expect(() => openRecording(other)).toThrow(/other can't be relied on: the module in it is another one/);
  writeSegment(other, header, all.with(0, { type: 'module', bytes: Uint8Array.of(7, 7, 7) }));
  expect(() => openRecording(other)).toThrow(/other can't be relied on: the module in it is damaged/);
  for (const description of [
    new Uint8Array(),
    Uint8Array.of(1),
    encodeLoggedMachine({ options: { ...OPTIONS, arguments: 'none' } as never }),
    encodeLoggedMachine({ options: { ...OPTIONS, epochLength: 0 } }),
  ]) {
    writeSegment(other, { ...header, description }, all);
    expect(() => openRecording(other)).toThrow(
      /other can't be relied on: (what it says|options has|arguments is|epochLength is)/,
    );
  }
  expect(readFileSync(file).length).toBeGreaterThan(1_000);
});
