// Does a kill at any instruction change anything? Every guest, every variant, kills spread over the whole run.
//
// `npm run sweep -- [--points N] [--jobs N] [--guest NAME]... [--fresh]`. A cell of the table is one `epochvisor failover
// --json`; it is kept in bench/results/failover-sweep.json as soon as it is there, so that a sweep that was interrupted
// goes on where it stood. `--fresh` begins anew.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { guestPath, isTiny, keep, quantile, ROOT } from '../host.js';

const MAIN = join(ROOT, 'dist/bundle/cli-main.js');
const KEPT = join(ROOT, 'bench/results/failover-sweep.json');
/** Short epochs, so that even a run of a few million instructions has hundreds. */
const EPOCH_LENGTH = 10_000;

interface Subject {
  readonly guest: string;
  readonly args: readonly string[];
  /** Flags that give it its devices, given a folder for their files, and its client. */
  readonly devices?: (folder: string) => readonly string[];
}

/** Runs of a fraction of a second each: a sweep is thousands of them. */
const SUBJECTS: readonly Subject[] = [
  { guest: 'hello', args: [] },
  { guest: 'compute', args: ['20', '4'] },
  { guest: 'recursive', args: ['15', '3'] },
  { guest: 'flood', args: ['256'] },
  { guest: 'ticks', args: ['20', '5'] },
  { guest: 'echo', args: [], devices: folder => ['--stdin', input(folder)] },
  { guest: 'disk', args: ['64'], devices: folder => ['--disk', disk(folder, 1 << 18)] },
  { guest: 'disk-log', args: ['40'], devices: folder => ['--disk', disk(folder, 1 << 15)] },
  { guest: 'teller', args: ['20'], devices: folder => ['--teller', join(folder, 'journal')] },
  { guest: 'keyvalue', args: [], devices: () => ['--listen', '127.0.0.1:0', '--load', client()] },
  { guest: 'clock-random', args: ['300'], devices: () => ['--judge', judge(300)] },
];

/** What is kept of a cell. */
interface Cell {
  readonly guest: string;
  readonly args: readonly string[];
  readonly variant: string;
  readonly points: number;
  readonly epochLength: number;
  readonly instructions: number;
  /** Points by verdict. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly asked: string; readonly verdict: string; readonly detail: string }[];
  /** Kills with operations outstanding at the guest, and uncertain interrupts raised in all. */
  readonly withOutstanding: number;
  readonly uncertain: number;
  readonly liveMs: readonly [median: number, worst: number];
  readonly firstByteMs: readonly [median: number, worst: number];
  readonly node: string;
}

/** The part of `failover --json` that is used here. */
interface Report {
  readonly undisturbed: { readonly instructions: number };
  readonly points: readonly {
    readonly asked: string;
    readonly verdict: string;
    readonly failed: boolean;
    readonly detail: string;
    readonly kill: { readonly outstanding: number } | null;
    readonly failover: {
      readonly uncertain: number;
      readonly liveMs: number;
      readonly firstByteMs?: number;
    } | null;
  }[];
}

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '200' },
    jobs: { type: 'string', default: '2' },
    guest: { type: 'string', multiple: true, default: [] },
    fresh: { type: 'boolean', default: false },
  },
});

function input(folder: string): string {
  const path = join(folder, 'input');
  writeFileSync(path, Array.from({ length: 1000 }, (_, n) => `line ${n}\n`).join(''));
  return path;
}

function disk(folder: string, bytes: number): string {
  const path = join(folder, 'disk');
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
}

function judge(lines: number): string {
  return `"${process.execPath}" "${join(ROOT, 'dist/test/end-to-end/transcript-judge.js')}" ${lines}`;
}

function client(): string {
  return `"${process.execPath}" "${join(ROOT, 'examples/failover/keyvalue-client.mjs')}" 20`;
}

function kept(): Cell[] {
  if (values.fresh || isTiny) return [];
  try {
    return JSON.parse(readFileSync(KEPT, 'utf8')) as Cell[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function failover(args: readonly string[]): Promise<Report> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, 'failover', '--json', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    child.once('error', reject);
    child.once('close', status => {
      // 1: some kill showed; that is a result too.
      if (status === 0 || status === 1) resolve(JSON.parse(text) as Report);
      else reject(new Error(`failover ended with status ${status}`));
    });
  });
}

async function sweep({ guest, args, devices }: Subject, variant: string): Promise<Cell> {
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-sweep-'));
  try {
    const shape = ['--variant', variant, '--epoch-length', String(EPOCH_LENGTH)];
    const work = ['--processes', '--points', values.points, '--jobs', values.jobs];
    const report = await failover([...shape, ...work, ...(devices?.(folder) ?? []), guestPath(guest), ...args]);
    const { points } = report;
    const verdicts: Record<string, number> = {};
    for (const { verdict } of points) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    const took = (values: readonly (number | undefined)[]): [number, number] => {
      const known = values.filter(value => value !== undefined).map(value => Math.round(value));
      return [quantile(known, 0.5), Math.max(...known)];
    };
    return {
      guest,
      args,
      variant,
      points: points.length,
      epochLength: EPOCH_LENGTH,
      instructions: report.undisturbed.instructions,
      verdicts,
      failures: points.filter(({ failed }) => failed).map(({ asked, verdict, detail }) => ({ asked, verdict, detail })),
      withOutstanding: points.filter(({ kill }) => kill !== null && kill.outstanding > 0).length,
      uncertain: points.reduce((sum, { failover }) => sum + (failover?.uncertain ?? 0), 0),
      liveMs: took(points.map(({ failover }) => failover?.liveMs)),
      firstByteMs: took(points.map(({ failover }) => failover?.firstByteMs)),
      node: process.versions.node,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function keepAll(cells: readonly Cell[]): void {
  keep('failover-sweep.json', `${JSON.stringify(cells, null, 1)}\n`);
  keep('failover-sweep.md', asText(cells));
}

function asText(cells: readonly Cell[]): string {
  const head = [
    ...['guest', 'variant', 'instructions', 'kills', 'verdicts', 'with operations outstanding'],
    ...['uncertain interrupts', 'live, ms: median', 'worst', 'first byte, ms: median', 'worst'],
  ];
  const rows = cells.map(cell => [
    [cell.guest, ...cell.args].join(' '),
    cell.variant,
    cell.instructions.toLocaleString('en-US'),
    String(cell.points),
    Object.entries(cell.verdicts)
      .map(([verdict, count]) => `${count} ${verdict}`)
      .join(', '),
    ...[cell.withOutstanding, cell.uncertain, ...cell.liveMs, ...cell.firstByteMs].map(String),
  ]);
  const failures = cells.flatMap(({ guest, variant, failures }) =>
    failures.map(({ asked, verdict, detail }) => `- ${guest}, ${variant}, killed at ${asked}: ${verdict}: ${detail}`),
  );
  const total = cells.reduce((sum, { points }) => sum + points, 0);
  return `# A kill at any instruction

\`npm run sweep\`, Node ${process.versions.node}, ${cpus().length} cores, epochs of ${EPOCH_LENGTH} instructions, two runs at a time (which
makes failovers slower than they are: see takeover.md). Each run's primary kills itself with SIGKILL at an instruction
of its own; what comes out is compared with undisturbed runs: stdout, disks, the teller's journal, the exit status.
clock-random is judged by its transcript, keyvalue by that of its client. ${total} kills, ${failures.length} failures.

${markdownTable([head, ...rows], { align: ['l', 'l', 'r', 'r', 'l', 'r', 'r', 'r', 'r', 'r', 'r'] })}
${failures.length === 0 ? '' : `\n${failures.join('\n')}\n`}`;
}

const cells = kept();
const wanted = SUBJECTS.filter(({ guest }) => values.guest.length === 0 || values.guest.includes(guest));
for (const variant of VARIANTS) {
  for (const subject of wanted) {
    const isThis = (cell: Cell) => cell.guest === subject.guest && cell.variant === variant;
    if (cells.some(cell => isThis(cell) && cell.points >= Number(values.points))) continue;
    const cell = await sweep(subject, variant);
    const before = cells.findIndex(isThis);
    if (before >= 0) cells.splice(before, 1);
    cells.push(cell);
    keepAll(cells);
    console.error(`${subject.guest}, ${variant}: ${JSON.stringify(cell.verdicts)}`);
  }
}
if (isTiny) console.log(asText(cells));
if (cells.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
