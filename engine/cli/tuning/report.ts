// A sweep as text: a table with a chart in its last column, the fitted model, and the recommendation.

import { markdownTable } from 'markdown-table';
import type { Variant } from '../../protocol/vocabulary.js';
import { type Fit, fitModel, recommend, TOLERANCE } from './model.js';
import type { Cell } from './sweep.js';

/** The paper's boundary: 442.59 us at 50 MIPS. */
const PAPER_BOUNDARY_INSTRUCTIONS = 21_000;

export interface VariantFit extends Fit {
  readonly variant: Variant | 'simplex';
  /** `b` at the speed of the plain machine, us. */
  readonly boundaryUs: number;
}

export interface Tuning {
  readonly guest: string;
  readonly node: string;
  readonly cells: readonly Cell[];
  readonly fits: readonly VariantFit[];
  readonly recommendation: { readonly variant: Variant; readonly epochLength: number } | undefined;
}

/** The cost of a cell: over plain where that is known, else over simplex. */
function cost(cell: Cell): number | undefined {
  return cell.overPlain ?? cell.overSimplex;
}

/** @param cells of one sweep */
export function conclude(guest: string, cells: readonly Cell[]): Tuning {
  const pairs = cells.flatMap(cell => {
    const performance = cost(cell);
    return cell.variant === 'simplex' || performance === undefined ? [] : [{ ...cell, performance }];
  });
  const fits = [...new Set(cells.map(cell => cell.variant))].flatMap(variant => fitVariant(variant, cells));
  const best = recommend(pairs);
  const recommendation = best && { variant: best.variant as Variant, epochLength: best.epochLength };
  return { guest, node: process.versions.node, cells, fits, recommendation };
}

function fitVariant(variant: Variant | 'simplex', cells: readonly Cell[]): VariantFit[] {
  const points = cells.flatMap(cell => {
    const { epochLength, overPlain: performance } = cell;
    return cell.variant !== variant || performance === undefined ? [] : [{ ...cell, epochLength, performance }];
  });
  const fit = fitModel(points);
  const longest = points.at(-1);
  if (fit === undefined || longest === undefined) return [];
  const plainRate = longest.instructionsPerSecond * longest.performance;
  return [{ variant, ...fit, boundaryUs: (1e6 * fit.b) / plainRate }];
}

const HEADS = [
  'variant',
  'epoch, instructions',
  'epoch, ms',
  'pair / plain',
  'pair / simplex',
  'M instructions/s',
  'interrupt waits, ms (median / p99)',
  'log, Mbit/s',
  'time, plain = 1',
] as const;

/** Width of the chart: its longest bar, characters. */
const BAR_MAX = 24;

function bar(ratio: number | undefined): string {
  if (ratio === undefined) return '';
  const eighths = Math.max(1, Math.round(ratio * 32));
  if (eighths > BAR_MAX * 8) return `${'█'.repeat(BAR_MAX)}…`;
  return '█'.repeat(eighths >> 3) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths & 7]!;
}

const grouped = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 0 });
const ratio = (value: number | undefined) => value?.toFixed(2) ?? '-';
function waits({ interruptWaitMs: wait }: Cell): string {
  return wait === undefined ? 'none' : `${short(wait.median)} / ${short(wait.p99)}`;
}

const short = (ms: number) => (ms >= 0.1 ? ms.toFixed(2) : ms.toPrecision(2));

export function table(cells: readonly Cell[]): string {
  const rows = cells
    .toSorted((one, other) => one.variant.localeCompare(other.variant))
    .map(cell => [
      cell.variant,
      grouped(cell.epochLength),
      short(cell.epochMs),
      ratio(cell.overPlain),
      ratio(cell.overSimplex),
      grouped(cell.instructionsPerSecond / 1e6),
      waits(cell),
      ((8 * cell.logBytesPerSecond) / 1e6).toFixed(3),
      bar(cost(cell)),
    ]);
  return markdownTable([[...HEADS], ...rows], { align: ['l', 'r', 'r', 'r', 'r', 'r', 'r', 'r', 'l'] });
}

export function models(fits: readonly VariantFit[]): string {
  return fits
    .map(({ variant, a, b, boundaryUs }) => {
      const sign = a < 0 ? '-' : '+';
      return `${variant}: NP(EL) = 1 ${sign} ${Math.abs(a).toFixed(3)} + ${grouped(b)} / EL: a boundary costs ${grouped(b)} instructions, ${boundaryUs.toFixed(2)} us`;
    })
    .join('\n');
}

export function text(tuning: Tuning): string {
  const { cells, fits, recommendation } = tuning;
  const parts = [
    table(cells),
    '',
    'Ratios are time over time, as in the paper: 1 = no cost. The machine without a backup stands as simplex. An',
    'interrupt waits for the end of its epoch, half an epoch in the median; a guest that waits hears of it at once.',
  ];
  if (cells.every(cell => cell.overPlain === undefined)) {
    parts.push(
      'There is no figure over plain: the plain machine runs bare guests, and these must print or come to an end.',
    );
  }
  if (fits.length > 0) {
    parts.push('', "The paper's model, NP(EL) = 1 + a + b / EL, fitted:", models(fits));
    parts.push(`(The paper's boundary cost ${grouped(PAPER_BOUNDARY_INSTRUCTIONS)} instructions, 442.59 us.)`);
  }
  if (recommendation !== undefined) {
    const { variant, epochLength } = recommendation;
    const why = `the shortest epoch within ${TOLERANCE * 100} % of the best`;
    parts.push('', `Recommended: --epoch-length ${epochLength} --variant ${variant} (${why})`);
  }
  return `${parts.join('\n')}\n`;
}
