// What does a recording cost, how large is it, and how soon is it run again? Guests that do a fixed piece of work, run by the command
// line with a recording and without, in turn; then each recording is run again. And one of a guest that computes in some memory, with
// checkpoints, in which instructions anywhere are gone to.
//
//   --rounds N      (default 5), alternating
//   --scale S       of the work of each guest (default 1)
//   --seconds S     of the recording with checkpoints (default 60)
//   --every T       as --checkpoint-every has it (default 1s)
//   --mebibytes N   memory that its guest works in (default 4)
//   --seeks N       instructions that are gone to (default 20)

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import type { Status } from '../../engine/observe/status.js';
import { Random } from '../../engine/simulator/random.js';
import { FIRST_ROUND, guestPath, publish, quantile, ROOT } from '../host.js';
import { owned, ownedFolder, removeFolder } from '../processes.js';

const [AIM_TIME, AIM_LOG, AIM_SEEK] = ['1.02', '1 Mbit/s', '2 s'];
const MAIN = join(ROOT, 'dist/bundle/cli-main.js');
const TICK_MS = 10;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    every: { type: 'string', default: '1s' },
    mebibytes: { type: 'string', default: '4' },
    seeks: { type: 'string', default: '20' },
  },
});
const rounds = Number(values.rounds);
const scaled = (count: number) => String(Math.max(1, Math.round(count * Number(values.scale))));

interface Work {
  readonly name: string;
  readonly guest: string;
  readonly arguments: readonly string[];
}
const WORKS: readonly Work[] = [
  { name: 'computes', guest: 'cpu', arguments: [scaled(30_000_000)] },
  { name: 'reads the clock, draws, prints lines', guest: 'clock-random', arguments: [scaled(100_000)] },
  { name: 'puts out 60 MiB', guest: 'flood', arguments: [scaled(61_440)] },
  { name: 'waits, a timer each ms', guest: 'latency', arguments: [scaled(3_000), '1', 'idle'] },
];

interface Cost {
  readonly ms: number;
  /** Of the command and all its children. */
  readonly cpuMs: number;
}

/** CPU time of children that have ended, and of theirs, ms. */
function cpuOfChildrenMs(): number {
  const text = readFileSync('/proc/self/stat', 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

/** Runs a command to its end. @param stop when to stop it, as Ctrl-C does @returns what it said on stderr, too */
async function run(args: readonly string[], stop?: () => Promise<void>): Promise<Cost & { readonly said: string }> {
  const cpuBefore = cpuOfChildrenMs();
  const begunMs = performance.now();
  const child = owned(spawn(process.execPath, [MAIN, ...args], { stdio: 'pipe' }));
  let said = '';
  child.stdout.resume();
  // What `mill` grinds for as long as it is let.
  child.stdin.write('a line\n');
  child.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const closed = once(child, 'close');
  if (stop !== undefined) {
    await stop();
    child.kill('SIGINT');
  }
  await closed;
  const status = child.exitCode;
  if (status !== 0 && stop === undefined) throw new Error(`${args.join(' ')} ended with ${status}: ${said}`);
  return { ms: performance.now() - begunMs, cpuMs: cpuOfChildrenMs() - cpuBefore, said };
}

class Samples {
  readonly #all = new Map<string, number[]>();

  add(name: string, value: number): void {
    this.#all.set(name, [...(this.#all.get(name) ?? []), value]);
  }

  median(name: string): number {
    return quantile(this.#all.get(name) ?? [], 0.5);
  }
}

const folder = ownedFolder();
const file = join(folder, 'recording');
const samples = new Samples();

async function measure(work: Work, isCounted: boolean): Promise<void> {
  const { name, guest } = work;
  const program = [guestPath(guest), ...work.arguments];
  const without = await run(['run', '--quiet', ...program]);
  const recorded = await run(['run', '--quiet', '--record', file, ...program]);
  const replayed = await run(['replay', '--output', 'none', file]);
  if (!isCounted) return;
  samples.add(`${name}: ms`, without.ms);
  samples.add(`${name}: time`, recorded.ms / without.ms);
  samples.add(`${name}: CPU`, recorded.cpuMs / without.cpuMs);
  const module = statSync(guestPath(guest)).size;
  samples.add(`${name}: Mbit/s`, (8 * Math.max(0, statSync(file).size - module)) / recorded.ms / 1000);
  samples.add(`${name}: replay`, replayed.ms / recorded.ms);
}

function hasBegun(statusFile: string): boolean {
  return existsSync(statusFile) && (JSON.parse(readFileSync(statusFile, 'utf8')) as Status).epoch > 10;
}

/** A recording with checkpoints, and how long it takes to go anywhere in it. */
async function seek(): Promise<string[]> {
  const { every, mebibytes } = values;
  const statusFile = join(folder, 'status');
  const [disk, teller] = [join(folder, 'disk'), join(folder, 'teller')];
  writeFileSync(disk, Buffer.alloc(1 << 16));
  const flags = ['--record', file, '--checkpoint-every', every, '--status-file', statusFile];
  flags.push('--disk', disk, '--teller', teller);
  const seconds = Number(values.seconds);
  await run(['run', '--quiet', ...flags, guestPath('mill'), '1000000000', mebibytes], async () => {
    while (!hasBegun(statusFile)) await pause(50);
    await pause(1000 * seconds);
  });
  const megabytes = statSync(file).size / 1e6;
  const whole = await run(['replay', '--output', 'none', file]);
  const last = Number(/: epoch (\d+)/.exec(whole.said)?.[1] ?? 1);
  const random = new Random(7);
  const seeks: number[] = [];
  for (let at = 0; at < Number(values.seeks); at += 1) {
    const to = `${random.below(last)}:${random.below(1_000_000)}`;
    seeks.push((await run(['replay', '--output', 'none', '--to', to, file])).ms);
  }
  const s = (ms: number) => (ms / 1000).toFixed(2);
  return [
    ...[values.seconds, every, mebibytes, megabytes.toFixed(1), (whole.ms / 1000 / seconds).toFixed(2)],
    ...[s(quantile(seeks, 0.5)), s(Math.max(...seeks))],
  ];
}

let seeks: string[];
try {
  for (let round = FIRST_ROUND; round < rounds; round += 1) {
    console.error(`recording: round ${round + 1} of ${rounds}`);
    for (const work of WORKS) await measure(work, round >= 0);
  }
  seeks = await seek();
} finally {
  removeFolder(folder);
}

const rows = WORKS.map(({ name }) => {
  const figure = (what: string, digits = 3) => samples.median(`${name}: ${what}`).toFixed(digits);
  return [name, figure('ms', 0), figure('time'), figure('CPU'), figure('Mbit/s'), figure('replay', 2)];
});
const heads = ['guest', 'without, ms', 'time', 'CPU', 'Mbit/s', 'replay'];
const seekHeads = ['recorded, s', 'checkpoint every', 'MiB', 'MB of file', 'replay', '--to, s', 'most'];
const right = (count: number) => Array.from({ length: count }, () => 'r');
publish(
  'recording',
  'What a recording costs, and how soon it is run again',
  `Pairs, \`run --record\` against \`run\`, medians of ${rounds} alternating rounds, from the start of the command to its end. Time and CPU (of
launcher and replicas): with a recording against without (aim ${AIM_TIME}); Mbit/s: of the file, without the module (aim, of a guest that
computes: ${AIM_LOG} and less); replay: time of \`replay\` against that of the run.

${markdownTable([heads, ...rows], { align: ['l', ...right(5)] })}

A guest that computes in some memory, with checkpoints: \`replay --to\` an instruction anywhere, ${values.seeks} times, median and most (aim ${AIM_SEEK}).

${markdownTable([seekHeads, seeks], { align: right(7) })}`,
);
