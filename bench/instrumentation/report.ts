// The results as a Markdown table: a row a kernel, a column for each host and mode, and the aims of issue 3.

import { markdownTable } from 'markdown-table';
import { clockName } from './clock.js';
import { type Kernel, MIXED } from './kernels.js';
import type { Cell } from './measure.js';
import type { RewritingResult } from './rewriting.js';
import { geometricMean } from './statistics.js';

export const AIMS = { geometricMean: 1.05, worst: 1.3, mixed: 1.1, rewriting_mb_per_s: 20, growth: 1.6 } as const;

export interface Results {
  readonly sides: readonly [string, string];
  readonly rounds: number;
  /** What else the machine did, as the load average at the end. */
  readonly load: { readonly average: number; readonly cores: number };
  readonly kernels: readonly Kernel[];
  readonly cells: readonly Cell[];
  readonly rewriting: readonly RewritingResult[];
}

function columns(cells: readonly Cell[]): { host: string; mode: string }[] {
  const seen = new Map<string, { host: string; mode: string }>();
  for (const { host, mode } of cells) seen.set(`${host}, ${mode}`, { host, mode });
  return [...seen.values()];
}

function ratios(results: Results, column: { host: string; mode: string }): Map<string, number> {
  const own = results.cells.filter(cell => cell.host === column.host && cell.mode === column.mode);
  return new Map(own.map(cell => [cell.kernel, cell.ratio]));
}

function summary(name: string, aim: string, values: readonly (number | undefined)[]): string[] {
  return [`**${name}**`, `aim ${aim}`, ...values.map(value => (value === undefined ? '' : `**${value.toFixed(3)}**`))];
}

/** The table of slow-downs: second side over first side, 1 = no cost. */
export function slowdownTable(results: Results): string {
  const heads = columns(results.cells);
  const values = heads.map(head => ratios(results, head));
  const plainKernels = results.kernels.filter(kernel => kernel.name !== MIXED.name);
  const listed = (each: ReadonlyMap<string, number>): number[] =>
    plainKernels.flatMap(kernel => each.get(kernel.name) ?? []);
  const rows = results.kernels.map(kernel => [
    kernel.name,
    kernel.kind,
    ...values.map(each => each.get(kernel.name)?.toFixed(2) ?? ''),
  ]);
  const align = ['l', 'l', ...heads.map(() => 'r')];
  return markdownTable(
    [
      ['kernel', 'kind', ...heads.map(({ host, mode }) => `${host}, ${mode}`)],
      ...rows,
      summary(
        'geometric mean',
        `${AIMS.geometricMean}`,
        values.map(each => (listed(each).length === 0 ? undefined : geometricMean(listed(each)))),
      ),
      summary(
        'worst kernel',
        `${AIMS.worst}`,
        values.map(each => (listed(each).length === 0 ? undefined : Math.max(...listed(each)))),
      ),
      summary(
        'mixed program',
        `${AIMS.mixed}`,
        values.map(each => each.get(MIXED.name)),
      ),
    ],
    { align },
  );
}

export function rewritingTable(results: readonly RewritingResult[]): string {
  return markdownTable(
    [
      ['module', 'MB', `MB/s (aim ${AIMS.rewriting_mb_per_s})`, `size after / before (aim ${AIMS.growth})`],
      ...results.map(each => [
        each.module,
        (each.bytes / 1e6).toFixed(2),
        each.mb_per_s.toFixed(1),
        (each.bytes_after / each.bytes).toFixed(2),
      ]),
    ],
    { align: ['l', 'r', 'r', 'r'] },
  );
}

export function markdown(results: Results): string {
  const [base, other] = results.sides;
  return `# What the instrumenter costs

Time of \`${other}\` over time of \`${base}\` (${clockName}): median of the ratios of ${results.rounds} alternating pairs in one process.
Default tiering: each sample is a module that V8 has not seen, run once. Optimising compiler alone: one warm instance a side.
Load average at the end: ${results.load.average.toFixed(1)} on ${results.load.cores} cores (this bench alone makes about 1).
Written by \`node dist/bench/instrumentation/main.js\`; the kernels are in \`bench/instrumentation/kernels\`.

${slowdownTable(results)}
${results.rewriting.length === 0 ? '' : `\n## Rewriting\n\n${rewritingTable(results.rewriting)}\n`}`;
}
