// NP against epoch length in 80 columns of text: a letter for each point of a variant, dots for its fitted curve.

import type { Cell, Setting } from './cells.js';
import type { VariantFit } from './fits.js';
import { modelled } from './model.js';

const COLUMNS = 66;
const ROWS = 14;
const MARGIN = 8;
/** Several variants at one place. */
const SEVERAL = '*';

const LETTERS: Readonly<Record<Setting, string>> = { simplex: 's', original: 'o', revised: 'r', deferred: 'd' };

/** Both axes are logarithmic. Empty where there is nothing to draw. */
export function plot(cells: readonly Cell[], fits: readonly VariantFit[]): string {
  const points = cells.flatMap(({ variant, epochLength, performance }) =>
    performance === undefined ? [] : [{ variant, epochLength, np: performance.value }],
  );
  const lengths = points.map(point => point.epochLength);
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  if (points.length === 0 || least === most) return '';
  const bottom = Math.min(1, ...points.map(({ np }) => np));
  const top = Math.max(1.1, ...points.map(({ np }) => np));
  const column = (length: number) => Math.round((Math.log(length / least) / Math.log(most / least)) * (COLUMNS - 1));
  const row = (np: number) => Math.round((Math.log(top / np) / Math.log(top / bottom)) * (ROWS - 1));
  const canvas = Array.from({ length: ROWS }, () => new Array<string>(COLUMNS).fill(' '));
  for (const fit of fits) {
    for (let at = 0; at < COLUMNS; at += 1) {
      const y = row(modelled(fit, least * (most / least) ** (at / (COLUMNS - 1))));
      if (canvas[y] !== undefined) canvas[y][at] = '·';
    }
  }
  for (const { variant, epochLength, np } of points) {
    const line = canvas[row(np)]!;
    const at = column(epochLength);
    line[at] = line[at] === ' ' || line[at] === '·' || line[at] === LETTERS[variant] ? LETTERS[variant] : SEVERAL;
  }
  const labels = new Map(ticks(bottom, top).map(np => [row(np), shown(np)]));
  const lines = canvas.map(
    (line, at) => `${(labels.get(at) ?? '').padStart(MARGIN)} ${labels.has(at) ? '┤' : '│'}${line.join('')}`,
  );
  const axis = `${' '.repeat(MARGIN + 1)}└${'─'.repeat(COLUMNS)}`;
  const names = [...new Set(points.map(({ variant }) => variant))].map(name => `${LETTERS[name]} ${name}`);
  return [
    `NP (${[...names, `${SEVERAL} several`, '· fitted'].join(', ')})`,
    ...lines.map(line => line.trimEnd()),
    axis,
    lengthLabels(lengths, column),
    `${' '.repeat(MARGIN + 2)}epoch length, instructions`,
    '',
  ].join('\n');
}

function ticks(bottom: number, top: number): number[] {
  const steps = [0.1, 0.2, 0.5, 1, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1_000];
  const within = steps.filter(np => np >= bottom && np <= top);
  return within.length > 1 ? within : [bottom, top];
}

function shown(np: number): string {
  return np.toLocaleString('en-US', { maximumSignificantDigits: 3, useGrouping: false });
}

/** A name under each length, where the one before leaves room for it. */
function lengthLabels(lengths: readonly number[], column: (length: number) => number): string {
  let line = ' '.repeat(MARGIN + 2);
  for (const length of [...new Set(lengths)].sort((one, other) => one - other)) {
    const label = shortLength(length);
    const at = Math.min(MARGIN + 2 + column(length), MARGIN + 2 + COLUMNS - label.length);
    if (at > line.trimEnd().length || line.trim() === '') line = line.padEnd(at).slice(0, at) + label;
  }
  return line;
}

/** 1K, 10K, 1M, 2.5M. */
export function shortLength(length: number): string {
  if (length >= 1e6) return `${Number((length / 1e6).toPrecision(3))}M`;
  return length >= 1e3 ? `${Number((length / 1e3).toPrecision(3))}K` : String(length);
}
