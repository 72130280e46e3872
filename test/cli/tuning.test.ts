// `epochvisor tune` as a user calls it. How fast anything is depends on the host, and is never asserted.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Cell } from '../../engine/cli/tuning/cells.js';
import { TestFolder } from '../building/test-folder.js';

const root = join(import.meta.dirname, '../..');
const folder = new TestFolder();
const main = join(root, 'dist/bundle/cli-main.js');
const guestPath = (name: string) => join(root, `guest/build/${name}.wasm`);

const epochvisor = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', input: '' });

const guest = guestPath('compute');
const short = ['--epoch-lengths', '100000,1e6', '--variants', 'deferred', '--time'];

/** Whether a recommendation stands depends on the host; the status says which it was. */
function tuned(...args: string[]) {
  const { status, stdout, stderr } = epochvisor('tune', '--json', ...args);
  expect(stderr).toBe('');
  const tuning = JSON.parse(stdout);
  const fatal = tuning.problems.some((problem: { fatal: boolean }) => problem.fatal);
  expect(status).toBe(tuning.verdict?.met === true && !fatal ? 0 : 1);
  return tuning;
}

const codes = (tuning: { problems: { code: string }[] }) => tuning.problems.map(({ code }) => code);

describe('epochvisor tune', () => {
  it('gives figures for every setting, and a picture of them; among them what outputs wait for', () => {
    const chart = folder.file('chart.png');
    const tuning = tuned(...short, '6s', '--chart', chart, guest, '100000', '1');
    const settings = tuning.cells.map((each: Cell) => `${each.variant} ${each.epochLength}`);
    expect(settings.length).toBeGreaterThan(0);
    expect(tuning.baseline).toBe('plain');
    // Where functions of this V8 are known, plain and pair begin alike.
    expect(tuning.optimised).toBe(['11', '12', '13'].includes(process.versions.v8.split('.')[0]!));
    for (const each of tuning.cells) {
      expect(each.instructionsPerSecond).toBeGreaterThan(0);
      // A busy host may leave a cell without common work.
      if (each.performance !== undefined) expect(each.performance.value).toBeGreaterThan(0);
    }
    expect(readFileSync(chart).subarray(0, 8)).toEqual(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));
    const held = tuning.cells.filter((each: Cell) => each.variant === 'deferred').map((each: Cell) => each.outputMs);
    expect(held.some((each: Cell['outputMs']) => (each?.count ?? 0) > 0)).toBe(true);
    for (const each of held) if (each !== undefined) expect(each.median).toBeGreaterThan(0);
  }, 60_000);

  it('prints a table, the model and what to use, or why nothing', () => {
    const { status, stdout } = epochvisor('tune', ...short, '6s', guest, '100000', '1');
    expect([0, 1]).toContain(status);
    expect(stdout).toMatch(/^\| variant {2}\|/);
    expect(stdout).toMatch(status === 0 ? /^Recommended: --epoch-length \d+ --variant deferred/m : /No recommendation/);
  }, 60_000);

  it('knows a guest that waits, which hears of interrupts at once', () => {
    const { cells } = tuned(...short, '5s', guestPath('ticks'), '1000', '5');
    // A busy host may leave a cell without a sample.
    expect(Math.max(...cells.map((each: Cell) => each.waitingPart))).toBeGreaterThan(0.5);
  }, 60_000);

  it('gives a guest its stdin, on every machine', () => {
    const file = folder.file('words');
    writeFileSync(file, 'a line of words\n'.repeat(200_000));
    const { cells } = tuned(...short, '4s', '--stdin', file, guestPath('mill'));
    expect(cells.length).toBeGreaterThan(0);
  }, 60_000);

  it('drives a guest that serves, and takes the time of the command for the work', () => {
    const client = folder.file('client.mjs');
    writeFileSync(
      client,
      `import { connect } from 'node:net';
       const at = process.env.EPOCHVISOR_ADDRESS.lastIndexOf(':');
       const address = process.env.EPOCHVISOR_ADDRESS;
       const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
       socket.end('hello');
       socket.resume().on('error', () => process.exit(1));`,
    );
    const load = `${process.execPath} ${client}`;
    const tuning = tuned(...short, '10s', '--listen', '127.0.0.1:0', '--load', load, guestPath('echo-clients'));
    const works = tuning.cells.flatMap((each: Cell) => each.work ?? []);
    expect(works).toContain('load');
  }, 60_000);

  it('compares a guest that prints nothing and never ends by its operations', () => {
    const disk = folder.file('disk');
    writeFileSync(disk, Buffer.alloc(1 << 20));
    const { baseline, cells } = tuned(...short, '5s', '--disk', disk, guestPath('disk-paper'), 'read', '1000000000');
    expect(baseline).toBe('plain');
    expect(cells.flatMap((each: Cell) => each.work ?? [])).toContain('output');
  }, 60_000);

  it("leaves the user's disk as it is", () => {
    const disk = folder.file('disk');
    writeFileSync(disk, Buffer.alloc(1 << 20, 7));
    const { stdout } = epochvisor('tune', ...short, '4s', '--disk', disk, guestPath('disk'));
    expect(stdout).toContain('| simplex');
    expect(readFileSync(disk).equals(Buffer.alloc(1 << 20, 7))).toBe(true);
  }, 60_000);

  it.each([
    ['hello', 'GUEST_ENDS_SOON'],
    ['trap', 'GUEST_TRAPS'],
  ])(
    'says why no recommendation stands: %s, %s',
    (name, code) => {
      const tuning = tuned(...short, '4s', guestPath(name));
      expect(codes(tuning)).toContain(code);
    },
    60_000,
  );

  it('says that a command of a load fails, with what was measured', () => {
    const tuning = tuned(...short, '5s', '--listen', '127.0.0.1:0', '--load', 'echo no >&2; false', guestPath('echo'));
    expect(codes(tuning)).toContain('LOAD_FAILED');
  }, 60_000);

  it.each([300, 6_000])(
    'ends at Ctrl-C with what it has, %d ms after its start',
    async ms => {
      // A group of its own: as from a terminal, the signal reaches the replicas too.
      const child = spawn(process.execPath, [main, 'tune', guest, '100000'], { detached: true });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += chunk));
      await sleep(ms);
      process.kill(-child.pid!, 'SIGINT');
      const [status, signal] = await once(child, 'close');
      // Before the command has been loaded, Node itself ends by the signal.
      expect(status ?? signal).toBeOneOf([130, 'SIGINT']);
      expect(said === '' || said.startsWith('| variant')).toBe(true);
    },
    60_000,
  );

  it('refuses to draw where a folder is', () => {
    const place = folder.file('folder.svg');
    mkdirSync(place);
    const { status, stderr } = epochvisor('tune', '--chart', place, guest);
    expect(status).toBe(2);
    expect(stderr).toMatch(/it is a folder \[CHART_FILE\]/);
  });

  it.each([
    [['--epoch-lengths', '0', guest], /epoch-lengths.*whole number/],
    [['--variants', 'fast', guest], /Variants are original, revised, deferred/],
    [['--time', '60', guest], /time with its unit/],
    [['--time', '1ms', guest], /time with its unit/],
    [['--max-overhead', 'x', guest], /such as 5%/],
    [['--max-latency', '2', guest], /time with its unit/],
    [['--chart', 'picture.gif', guest], /CHART_KIND/],
    [['--chart', '/no/such/folder/picture.svg', guest], /CHART_FILE/],
    [['--chart', '/dev/full/picture.svg', guest], /ENOTDIR \[CHART_FILE\]/],
    [['--stdin', 'no-such-file', guest], /STDIN_UNREADABLE/],
    [['--listen', '127.0.0.1:0', guest], /NO_LOAD/],
    [['--load', 'true', guest], /NO_LISTEN/],
    [['no-such.wasm'], /no such file/],
    [['--disk', 'no-such-disk', guest], /DISK_MISSING/],
  ])('refuses %j in one line', (args, message) => {
    const { status, stdout, stderr } = epochvisor('tune', ...args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
