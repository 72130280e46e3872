// The measured figures beside the paper's, as a table: a row for each epoch length, columns for each variant.

import { markdownTable } from 'markdown-table';
import type { Variant } from '../../engine/protocol/vocabulary.js';
import { quantile } from '../host.js';
import type { Experiment } from './picture.js';
import { PUBLISHED } from './published.js';

/** As many digits as are worth reading, from 1.02 to 1,234. */
function short(ratio: number): string {
  return ratio < 10 ? ratio.toFixed(2) : ratio.toLocaleString('en-US', { maximumFractionDigits: ratio < 100 ? 1 : 0 });
}

function cell(ratios: readonly number[]): string {
  const median = short(quantile(ratios, 0.5));
  return ratios.length < 2 ? median : `${median} (${short(Math.min(...ratios))} to ${short(Math.max(...ratios))})`;
}

export function table(
  { workload, isAsPublished, cells }: Experiment,
  lengths: readonly number[],
  variants: readonly Variant[],
): string {
  const ratiosOf = (length: number, variant: Variant) =>
    cells.find(each => each.length === length && each.variant === variant)!.ratios;
  const rows = lengths.map(length => {
    const { original, revised } = PUBLISHED[workload][length] ?? {};
    return [
      length.toLocaleString('en-US'),
      ...variants.map(variant => cell(ratiosOf(length, variant))),
      ...(isAsPublished ? [original, revised].map(figure => figure?.toFixed(2) ?? '') : []),
    ];
  });
  const published = isAsPublished ? ["the paper's original", "the paper's revised"] : [];
  const heads = ['epoch, instructions', ...variants, ...published];
  return markdownTable([heads, ...rows], { align: heads.map(() => 'r') });
}
