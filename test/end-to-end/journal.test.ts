// `--journal`: what happened to a real machine is in its file, whatever end it comes to.

import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Bench, guest, until } from './command.js';

const bench = new Bench();
/** A death is noticed at once; a busy host is not to look like one. */
const CALM = ['--suspicion', '20000'];

interface Line {
  readonly time: string;
  readonly machine: string;
  readonly event: string;
  readonly rule?: string;
  readonly view?: number;
}

function linesOf(path: string): Line[] {
  const text = readFileSync(path, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .slice(0, -1)
    .split('\n')
    .map(line => JSON.parse(line) as Line);
}

test('a failover and its repair are in it, in order, with their rules, and so is the end', async () => {
  const path = bench.file('journal');
  const machine = bench.startWatched([...CALM, '--journal', path, '--verbose', guest('gated'), '100000'], 'pipe');
  const { primary, backups } = await machine.isProtected();
  process.kill(primary.pid, 'SIGKILL');
  const { machine: id } = await machine.status(one => one.protected && one.view === 3);
  machine.command.endInput();
  const { status, stderr } = await machine.command.ended;
  expect(status).toBe(0);
  const lines = linesOf(path);
  expect(new Set(lines.map(line => line.machine))).toEqual(new Set([id]));
  expect(lines.every(({ time }, at) => at === 0 || time >= lines[at - 1]!.time)).toBe(true);
  const told = lines.map(({ event, rule = '' }) => `${event} ${rule}`.trimEnd());
  expect(told[0]).toBe('started');
  expect(told.at(-1)).toBe('ended XT');
  const order = ['view VW', 'failover P7', 'live P7', 'joined JN'].map(one => told.indexOf(one));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(Math.min(...order)).toBeGreaterThan(0);
  expect(lines.find(({ event }) => event === 'failover')).toMatchObject({
    ...{ view: 2, from: primary.incarnation, to: backups[0]!.incarnation },
  });
  for (const one of ['fenced FN', 'lost', 'joining JN']) expect(told).toContain(one);
  // `--verbose` says each of them.
  for (const { event, rule } of lines) {
    expect(stderr).toContain(`epochvisor: ${rule === undefined ? event : `${event} (${rule})`} `);
  }
});

test('ends by a trap, a signal and the loss of all replicas are in it', async () => {
  const path = bench.file('journal');
  await bench.run(['run', '--journal', path, '--verbose', guest('trap')]);
  expect(linesOf(path).at(-1)).toMatchObject({ event: 'ended', kind: 'trap' });
  const stopped = bench.startWatched(['--journal', path, guest('spin')]);
  await stopped.isProtected();
  stopped.command.kill('SIGTERM');
  await stopped.command.ended;
  expect(linesOf(path).at(-1)).toMatchObject({ event: 'stopped', signal: 'SIGTERM' });
  const lost = bench.startWatched(['--replicas', '1', '--journal', path, guest('spin')]);
  const { primary } = await lost.status(({ instructions }) => instructions > 0);
  process.kill(primary.pid, 'SIGKILL');
  expect((await lost.command.ended).status).toBe(70);
  expect(linesOf(path).at(-1)).toMatchObject({ event: 'failed', code: 'ALL_REPLICAS_LOST' });
});

test('a reader of it that goes away stops nothing, and is said once', async () => {
  const pipe = bench.file('pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const machine = bench.startWatched([...CALM, '--journal', pipe, guest('gated'), '100000'], 'pipe');
  const { primary } = await machine.isProtected();
  closeSync(reader);
  process.kill(primary.pid, 'SIGKILL');
  await machine.status(one => one.protected && one.view === 3);
  await until(() => machine.command.stderr.includes('[JOURNAL_FILE]') || undefined);
  machine.command.endInput();
  const { status, stderr } = await machine.command.ended;
  expect(status).toBe(0);
  expect(stderr.match(/the journal .* can't be written: EPIPE \[JOURNAL_FILE\]/g)).toHaveLength(1);
});

test('a file that can not be written is refused in one line, and leaves nothing', async () => {
  for (const path of [bench.folder, bench.file('none/journal'), '/dev/full']) {
    const { status, stdout, stderr } = await bench.run(['run', '--journal', path, guest('hello')]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(
      /^epochvisor: the journal \S+ can't be written: E\w+ \[JOURNAL_FILE\]: name another file\n$/,
    );
  }
  const both = await bench.run(['run', '--verbose', '--quiet', guest('hello')]);
  expect(both.status).toBe(2);
  expect(both.stderr).toMatch(/^epochvisor: [^\n]*--quiet[^\n]* \[BAD_USAGE\][^\n]*\n$/);
  expect(bench.temporaryFiles()).toEqual([]);
});
