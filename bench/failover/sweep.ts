// Does a kill anywhere change anything?
//
// `npm run sweep -- [--part every|programs|processes|instructions]... [--guest NAME]... [--points N] [--jobs N] [--fresh]`. Its parts are in
// subjects.ts. A cell of a table is one `epochvisor failover --json`; it is kept in bench/results/failover-sweep.json as soon as it is
// there, and its points in a report beside what is compiled: a sweep that was interrupted goes on where it stood. `--points` bounds those of a
// cell; `--fresh` begins anew.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isTiny, keep, ROOT } from '../host.js';
import { asText, type Figures, figuresOf, type Report } from './figures.js';
import { CELLS, type Cell, flagsOf, nameOf, PARTS, type Part } from './subjects.js';

const MAIN = join(ROOT, 'dist/bundle/cli-main.js');
const KEPT = join(ROOT, 'bench/results/failover-sweep.json');
const REPORTS = join(ROOT, '.cache/failover-sweep');
/** How often it is told how far a cell is. */
const TOLD_EVERY_MS = 20_000;

const { values } = parseArgs({
  options: {
    part: { type: 'string', multiple: true, default: [] },
    points: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    guest: { type: 'string', multiple: true, default: [] },
    fresh: { type: 'boolean', default: false },
  },
});
const asked = values.points === undefined ? undefined : Number(values.points);

function kept(): Figures[] {
  if (values.fresh || isTiny) return [];
  try {
    const cells = JSON.parse(readFileSync(KEPT, 'utf8')) as Figures[];
    return cells.filter(({ part }) => PARTS.includes(part));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Points that a report has. */
class ReportGrowth {
  readonly #path: string;
  #bytes = 0;
  #lines = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Less the lines that begin it, of the test and of the sweep. */
  get points(): number {
    if (!existsSync(this.#path)) return 0;
    const file = openSync(this.#path, 'r');
    const buffer = Buffer.alloc(1 << 20);
    for (;;) {
      const count = readSync(file, buffer, 0, buffer.length, this.#bytes);
      if (count === 0) break;
      this.#bytes += count;
      for (let at = buffer.indexOf(10); at >= 0 && at < count; at = buffer.indexOf(10, at + 1)) this.#lines += 1;
    }
    closeSync(file);
    return Math.max(0, this.#lines - 2);
  }
}

function failover(args: readonly string[]): Promise<Report> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, 'failover', '--json', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // A terminal tells both; whoever else ends this one, ends what it has started.
    const ended = () => child.kill();
    process.once('SIGTERM', ended);
    const pieces: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => pieces.push(bytes));
    child.once('error', reject);
    child.once('close', status => {
      process.off('SIGTERM', ended);
      // 1: some kill showed; that is a result too.
      if (status === 0 || status === 1) resolve(JSON.parse(Buffer.concat(pieces).toString()) as Report);
      // Interrupted: its points are kept.
      else if (status === 130 || status === 143) process.exit(status);
      else reject(new Error(`failover ended with status ${status}`));
    });
  });
}

/** Of children that have ended, and of theirs; Linux alone tells. */
function childrensCpuSeconds(): number | undefined {
  const TICKS_A_SECOND = 100;
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[13]) + Number(fields[14])) / TICKS_A_SECOND;
  } catch {
    return undefined;
  }
}

/** Its points, until its figures are kept; and what it is given: where that lies is part of what a report is of. */
function homeOf(cell: Cell): string {
  return join(REPORTS, `${nameOf(cell).replaceAll(/[^a-z-]+/g, '-')}-${values.points ?? 'all'}`);
}

async function sweep(cell: Cell): Promise<Figures> {
  const name = nameOf(cell);
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-sweep-'));
  const home = isTiny ? folder : homeOf(cell);
  if (values.fresh) rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const report = join(home, 'points');
  const isBegun = existsSync(report);
  const growth = new ReportGrowth(report);
  const telling = setInterval(() => console.error(`${name}: ${growth.points} points`), TOLD_EVERY_MS);
  const startMs = performance.now();
  const cpuBefore = childrensCpuSeconds();
  try {
    const told = await failover(['--report', report, ...flagsOf(cell, home, asked, values.jobs)]);
    const cpuAfter = childrensCpuSeconds();
    const hasCpu = !isBegun && cpuBefore !== undefined && cpuAfter !== undefined;
    return figuresOf(cell, told, {
      asked: asked ?? null,
      seconds: isBegun ? null : (performance.now() - startMs) / 1000,
      cpuSeconds: hasCpu ? cpuAfter - cpuBefore : null,
    });
  } finally {
    clearInterval(telling);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of a cell that was swept at as many points nothing is asked again. */
function isEnough(figures: Figures): boolean {
  return figures.asked === null || (asked !== undefined && figures.asked >= asked);
}

const parts = PARTS.filter(part => values.part.length === 0 || values.part.includes(part));
const unknown = values.part.filter(part => !PARTS.includes(part as Part));
if (unknown.length > 0) throw new Error(`no part ${unknown.join(', ')}: there are ${PARTS.join(', ')}`);
const wanted = CELLS.filter(
  ({ part, guest }) => parts.includes(part) && (values.guest.length === 0 || values.guest.includes(guest)),
);
const swept = new Map(kept().map(figures => [nameOf(figures), figures]));
const inOrder = () => CELLS.flatMap(cell => swept.get(nameOf(cell)) ?? []);
for (const [index, cell] of wanted.entries()) {
  const name = nameOf(cell);
  const before = swept.get(name);
  if (before !== undefined && isEnough(before)) continue;
  const figures = await sweep(cell);
  swept.set(name, figures);
  keep('failover-sweep.json', `${JSON.stringify(inOrder(), null, 1)}\n`);
  keep('failover-sweep.md', asText(inOrder(), PARTS));
  rmSync(homeOf(cell), { recursive: true, force: true });
  const { seconds, verdicts } = figures;
  const time = seconds === null ? '' : ` in ${Math.round(seconds)} s`;
  console.error(`${index + 1} of ${wanted.length}: ${name}: ${JSON.stringify(verdicts)}${time}`);
}
if (isTiny) console.log(asText(inOrder(), PARTS));
if (inOrder().some(({ failures }) => failures.length > 0)) process.exitCode = 1;
