// Does a loss of power anywhere change anything?
//
// `npm run sweep:power -- [--guest NAME]... [--durability NAME]... [--points N] [--jobs N] [--show]`. A cell is a run that is recorded; at
// `--points` of its moments, spread, every process is dead, with each kind of loss (disks.ts), and `epochvisor recover` goes on from
// what is left. `--show` names each point.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { isTiny, keep, quantile } from '../host.js';
import { type Contents, LOSSES, type Loss } from './disks.js';
import { type Moment, RecordedRun } from './recorded-run.js';
import { hasSeen, isSeenAlike, recoverPoint, type Verdict } from './recovered-point.js';
import { CELLS, type Cell } from './subjects.js';

const { values } = parseArgs({
  options: {
    guest: { type: 'string', multiple: true, default: [] },
    durability: { type: 'string', multiple: true, default: [] },
    points: { type: 'string', default: '40' },
    jobs: { type: 'string', default: '2' },
    show: { type: 'boolean', default: false },
  },
});

interface Judged extends Verdict {
  readonly loss: Loss;
  readonly events: number;
  readonly ms: number;
}

interface Figures extends Pick<Cell, 'guest' | 'durability'> {
  /** Of the recorded run: where the disk has something else than before. */
  readonly moments: number;
  readonly points: readonly Judged[];
}

const folder = mkdtempSync(join(tmpdir(), 'epochvisor-power-'));

async function sweep({ guest, recorded, durability }: Cell): Promise<Figures> {
  const home = join(folder, `${guest}-${durability}`);
  mkdirSync(home);
  const run = await RecordedRun.make(recorded, durability, join(home, 'run'));
  const moments = [...run.moments(LOSSES)];
  const waiting = chosen(moments, run.reference, Number(values.points)).flatMap(moment =>
    LOSSES.map(loss => ({ moment, loss })),
  );
  const points: Judged[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { moment, loss } = next;
      const startMs = performance.now();
      const at = join(home, `${moment.events}-${loss}`);
      const verdict = await recoverPoint(run, recorded, moment, loss, at);
      const judged = { ...verdict, loss, events: moment.events, ms: performance.now() - startMs };
      points.push(judged);
      if (verdict.failed || values.show) console.error(`${at}: ${verdict.kind}: ${verdict.detail}`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
  return { guest, durability, moments: moments.length, points };
}

/** Of the long times in which a machine only begins, or only ends, a few. */
function chosen(moments: readonly Moment[], reference: Contents, limit: number): Moment[] {
  const few = Math.ceil(limit / 8);
  const early = moments.filter(({ visible }) => !hasSeen(visible));
  const late = moments.filter(({ visible }) => hasSeen(visible) && isSeenAlike(visible, reference));
  const [one, other] = [spread(early, few), spread(late, few)];
  const between = moments.filter(moment => !early.includes(moment) && !late.includes(moment));
  return [...one, ...spread(between, limit - one.length - other.length), ...other];
}

function spread<Item>(items: readonly Item[], limit: number): Item[] {
  if (items.length <= limit) return [...items];
  return Array.from({ length: limit }, (_, index) => items[Math.floor(((index + 0.5) * items.length) / limit)]!);
}

function listed(points: readonly Judged[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of points) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}

function asText(cells: readonly Figures[]): string {
  const head = ['guest', 'durability', 'moments', ...LOSSES, 'recovery, ms: median'];
  const rows = cells.map(({ guest, durability, moments, points }) => [
    ...[guest, durability, String(moments)],
    ...LOSSES.map(loss => listed(points.filter(point => point.loss === loss))),
    String(
      Math.round(
        quantile(
          points.map(({ ms }) => ms),
          0.5,
        ),
      ),
    ),
  ]);
  const all = cells.flatMap(({ points }) => points);
  const failures = cells.flatMap(({ guest, durability, points }) =>
    points
      .filter(({ failed }) => failed)
      .map(
        ({ events, loss, kind, detail }) =>
          `- ${guest}, ${durability}, ${loss} after ${events} events: ${kind}: ${detail.trim()}`,
      ),
  );
  return `# Everything dies at once

\`npm run sweep:power\`, Node ${process.versions.node}, ${cpus().length} cores. A pair runs with \`--log\`, in real processes, and all that it does to
files is recorded. At moments of it, spread, every process is dead, bus and launcher too, and of the files there is what was written (\`kill\`), what was
synced (\`power\`), for each anything between (\`torn\`), or what was synced without the log of one of the two (\`disk\`); then \`epochvisor recover\` goes on. At its end stdout, the disk and the teller's journal are
those of the run that nobody disturbed, and what had been seen is their beginning. clock-random never says the same twice: what had been seen is held
against it, and that no line is lacking. Under \`memory\` a loss of power may also be refused, under \`backup-disk\` that of the backup's disk.
${all.length.toLocaleString('en-US')} recoveries, ${failures.length} failures.

${markdownTable([head, ...rows], { align: ['l', 'l', 'r', 'l', 'l', 'l', 'r'] })}
${failures.length === 0 ? '' : `\n## Failures\n\n${failures.join('\n')}\n`}`;
}

const wanted = CELLS.filter(
  ({ guest, durability }) =>
    (values.guest.length === 0 || values.guest.includes(guest)) &&
    (values.durability.length === 0 || values.durability.includes(durability)),
);
const isWhole = wanted.length === CELLS.length;
const swept: Figures[] = [];
for (const cell of wanted) {
  const figures = await sweep(cell);
  swept.push(figures);
  if (isWhole) keep('power-sweep.md', asText(swept));
  console.error(`${cell.guest}, ${cell.durability}: ${listed(figures.points)}`);
}
if (isTiny || !isWhole) console.log(asText(swept));
if (swept.some(({ points }) => points.some(({ failed }) => failed))) process.exitCode = 1;
else rmSync(folder, { recursive: true, force: true });
