// The status of a machine by what the arbiter has on record and its parts answer, stage by stage; and as a table.

import { expect, test } from 'vitest';
import type { Arbiter } from '../../engine/arbiter/arbiter.js';
import { Observers } from '../../engine/channel/observed.js';
import { membershipIn } from '../../engine/parts/described-options.js';
import type { MachineFolder } from '../../engine/parts/machine-folder.js';
import { readStatus } from '../../engine/parts/machine-status.js';
import { statusTable } from '../../engine/parts/status-table.js';
import { TestFolder } from '../building/test-folder.js';
import { start } from '../channel/ends.js';
import { folderAt } from './folders.js';

const temporary = new TestFolder();

/** A part that answers with a report, announced. */
async function part(
  folder: MachineFolder,
  arbiter: Arbiter,
  kind: 'bus' | 'replica',
  incarnation: string,
  report: object,
): Promise<void> {
  const observers = new Observers({ report: () => ({ incarnation, ...report }), module: () => undefined });
  const { hello, credentials, encrypted } = membershipIn(folder);
  const { address } = await start({
    hello: { ...hello, incarnation },
    credentials,
    encrypted,
    onLink: link => observers.add(link),
  });
  await arbiter.announce('m-1', { incarnation, kind, address, host: 'here' });
}

const PRIMARY = {
  role: 'primary',
  view: 1,
  bus: true,
  protected: true,
  reason: '',
  host: 'A',
  pid: 7,
  epoch: 12,
  count: 99,
};
const view = (number: number, primary: string, ...backups: string[]) => {
  return { number, machine: 'm-1', primary, backups, claim: `c${number}` };
};

test('a machine is protected by the word of the primary that the arbiter names, while a bus answers', async () => {
  const { folder, arbiter } = await folderAt(temporary.file('m'));
  const reason = async () => (await readStatus(folder, arbiter)).reason;
  expect(await readStatus(folder, arbiter)).toMatchObject({
    view: 0,
    protected: false,
    reason: 'not started',
    parts: [],
  });
  await arbiter.claim(view(1, 'p', 'b'));
  expect(await reason()).toBe('the primary does not answer');
  const answer: Record<string, unknown> = { ...PRIMARY };
  await part(folder, arbiter, 'replica', 'p', answer);
  expect(await reason()).toBe('no bus answers');
  await part(folder, arbiter, 'bus', 'bus-1', { host: 'C', pid: 3, view: 1 });
  expect(await readStatus(folder, arbiter)).toMatchObject({ view: 1, protected: true, reason: '' });
  await part(folder, arbiter, 'replica', 's', { role: 'joining', view: 0, host: 'B' });
  const { parts } = await readStatus(folder, arbiter);
  expect(parts.map(({ role, host }) => [role, host])).toEqual([
    ['bus', 'C'],
    ['primary', 'A'],
    ['spare', 'B'],
  ]);
});

test('what else keeps it from being protected is said', async () => {
  const { folder, arbiter } = await folderAt(temporary.file('m'));
  await arbiter.claim(view(1, 'p', 'b'));
  await part(folder, arbiter, 'bus', 'bus-1', {});
  let answer: object = PRIMARY;
  const observers = new Observers({ report: () => ({ incarnation: 'p', ...answer }), module: () => undefined });
  const { hello, ...membership } = membershipIn(folder);
  const { address } = await start({
    ...membership,
    hello: { ...hello, incarnation: 'p' },
    onLink: link => observers.add(link),
  });
  await arbiter.announce('m-1', { incarnation: 'p', kind: 'replica', address });
  const reasonFor = async (changes: object) => {
    answer = { ...PRIMARY, ...changes };
    return (await readStatus(folder, arbiter)).reason;
  };
  expect(await reasonFor({})).toBe('');
  expect(await reasonFor({ protected: false, reason: 'need secondary' })).toBe('need secondary');
  expect(await reasonFor({ protected: 'yes', reason: 17 })).toBe('starting');
  expect(await reasonFor({ bus: false })).toBe('the primary is not connected to the bus');
  // The arbiter names it, and it does not know; or the next view is won already.
  expect(await reasonFor({ role: 'backup' })).toBe('changing view');
  expect(await reasonFor({ view: 0 })).toBe('changing view');
  // Another has the port of the dead.
  expect(await reasonFor({ incarnation: 'q' })).toBe('the primary does not answer');
  await arbiter.end('m-1', { kind: 'exit', status: 3 });
  expect(await reasonFor({})).toBe('ended: exit 3');
});

test('a machine of one replica is never protected, and one that the arbiter does not know is said to be unknown', async () => {
  const { folder, arbiter } = await folderAt(temporary.file('m'), { replicas: 1 });
  await arbiter.claim(view(1, 'p'));
  expect((await readStatus(folder, arbiter)).reason).toBe('disabled');
  const { arbiter: other } = await folderAt(temporary.file('n'), { machine: 'm-2' });
  expect((await readStatus(folder, other)).reason).toBe('the arbiter has no record of this machine');
});

test('a table tells of each backup how thoroughly it was compared, if that makes sense', async () => {
  const { folder, arbiter } = await folderAt(temporary.file('m'));
  await arbiter.claim(view(1, 'p', 'b', 'odd', 'old'));
  const verification = { share: 0.01, spent: 0.002, comparisons: 12, lastMs: 1000, covered: 1, everyMs: 40 };
  await part(folder, arbiter, 'replica', 'p', { ...PRIMARY, verification });
  await part(folder, arbiter, 'replica', 'b', { ...PRIMARY, role: 'backup', host: 'B', verification });
  const odd = { ...verification, lastMs: 1e300 };
  await part(folder, arbiter, 'replica', 'odd', { ...PRIMARY, role: 'backup', verification: odd });
  await part(folder, arbiter, 'replica', 'old', { ...PRIMARY, role: 'backup' });
  expect(statusTable(await readStatus(folder, arbiter)).filter(line => line.includes('compared'))).toEqual([
    'backup on B: state compared 12 times, last at 1970-01-01T00:00:01.000Z: all of memory, again after 40 ms (0.2 % of the time, at most 1 %)',
  ]);
});

test('a table has a line a part, and a part can do nothing to the terminal', async () => {
  const { folder, arbiter } = await folderAt(temporary.file('m'));
  await arbiter.claim(view(1, 'p', 'dead'));
  await part(folder, arbiter, 'bus', 'bus-1', { host: 'C\u001b[2J', pid: 3, view: 1, rssBytes: 50 * 2 ** 20 });
  await part(folder, arbiter, 'replica', 'p', { ...PRIMARY, lagMs: 4, rssBytes: 2 ** 20, epoch: 'many' });
  await arbiter.announce('m-1', { incarnation: 'dead', kind: 'replica', address: 'wss://127.0.0.1:1', host: 'B' });
  const status = await readStatus(folder, arbiter);
  const lines = statusTable(status).map(line => line.replaceAll(/wss:\S+:\d\d+/g, 'wss://...'));
  expect(lines.slice(0, -1)).toEqual([
    'machine m-1  view 1  Protected',
    expect.stringMatching(/^ROLE +HOST +PID +VIEW +EPOCH +INSTRUCTIONS +LAG +MEMORY +ADDRESS$/),
    expect.stringMatching(/^bus +C\?\[2J +3 +1 +- +- +- +50 MiB +wss:\/\/\.\.\.$/),
    expect.stringMatching(/^primary +A +7 +1 +- +99 +4 ms +1 MiB +wss:\/\/\.\.\.$/),
  ]);
  expect(lines.at(-1)).toMatch(/^replica: no answer +B +-.* wss:\/\/127\.0\.0\.1:1 \(.*ECONNREFUSED.*\)$/);
  expect(statusTable({ ...status, parts: [], protected: false, reason: 'not started' })).toEqual([
    'machine m-1  view 1  Not protected (not started)',
    'no part of it is announced',
  ]);
});
