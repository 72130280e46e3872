// `npm run flood`: a thousand machines with much output under way, whose replicas are killed; none hangs, no byte is lost.
//
//   npm run flood -- [--runs 1000] [--from SEED] [--report FILE]
//
// Each run is made from its seed, and its outcome a line of the report; what stands there is not run again.

import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { markdownTable } from 'markdown-table';
import { publish, quantile } from '../host.js';
import { expectedOf, faultOf, flooded, planOf } from './flooded.js';

interface Line {
  readonly seed: number;
  readonly kind: string;
  readonly kills: number;
  readonly endMs: number;
  readonly fault?: string;
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    report: { type: 'string', default: '.cache/flood.jsonl' },
  },
});
const [runs, from] = [Number(values.runs), Number(values.from)];
mkdirSync(dirname(values.report), { recursive: true });
const lines = existsSync(values.report)
  ? readFileSync(values.report, 'utf8')
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as Line)
  : [];
const done = new Set(lines.map(({ seed }) => seed));
const expected = new Map<number, { bytes: number; sha256: string }>();
let interrupted = false;
process.once('SIGINT', () => {
  interrupted = true;
});

console.error(`flood: seeds ${from} to ${from + runs - 1}, report ${values.report}`);
const bar = process.stderr.isTTY
  ? new SingleBar({ format: '{bar} {value} of {total} runs, {faults} faults, {eta_formatted} left' })
  : undefined;
bar?.start(runs, 0, { faults: 0 });
for (let seed = from; seed < from + runs && !interrupted; seed++) {
  if (!done.has(seed)) lines.push(await run(seed));
  bar?.update(seed - from + 1, { faults: lines.filter(({ fault }) => fault !== undefined).length });
}
bar?.stop();
const mine = lines.filter(({ seed }) => seed >= from && seed < from + runs);
for (const { seed, fault } of mine) if (fault !== undefined) console.error(`flood: seed ${seed}: ${fault}`);
summarise();
process.exitCode = mine.some(({ fault }) => fault !== undefined) ? 1 : 0;

async function run(seed: number): Promise<Line> {
  const plan = planOf(seed);
  const right = expected.get(plan.kibibytes) ?? (await expectedOf(plan));
  expected.set(plan.kibibytes, right);
  const outcome = await flooded(plan);
  const fault = faultOf(outcome, right);
  const kind = `${plan.stallMs > 0 ? 'slow' : 'fast'} reader, ${plan.kills.map(({ role }) => role).join(', then ')}`;
  const line: Line = {
    seed,
    kind,
    kills: outcome.kills,
    endMs: outcome.endMs,
    ...(fault === undefined ? {} : { fault: `${fault}\n${outcome.stderr}` }),
  };
  appendFileSync(values.report, `${JSON.stringify(line)}\n`);
  return line;
}

function summarise(): void {
  const kinds = [...new Set(mine.map(({ kind }) => kind))].sort();
  const rows = kinds.map(kind => {
    const of = mine.filter(line => line.kind === kind);
    const ends = of.map(({ endMs }) => endMs);
    const kills = of.reduce((sum, line) => sum + line.kills, 0);
    const faults = of.filter(({ fault }) => fault !== undefined).length;
    return [kind, of.length, kills, faults, Math.round(quantile(ends, 0.5)), Math.round(Math.max(...ends))].map(String);
  });
  const head = ['kind', 'machines', 'kills', 'hangs or differences', 'last kill to the end, ms, median', 'most'];
  const kills = mine.reduce((sum, line) => sum + line.kills, 0);
  publish(
    'flood',
    'Kills with much output under way',
    `The flood guest, 4 to 64 MiB to a fast reader, 4 to 16 MiB to a slow one; 2 or 3 replicas; each killed by SIGKILL at a random
moment within 250 ms of Protected, or of the kill before. ${mine.length} machines, ${kills} kills.

${markdownTable([head, ...rows], { align: ['l', 'r', 'r', 'r', 'r', 'r'] })}`,
    'flood',
  );
}
