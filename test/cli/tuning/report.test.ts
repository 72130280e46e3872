// The report of a sweep as text, in a terminal and as a picture.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chartOption } from '../../../engine/cli/tuning/chart.js';
import { drawn, writeChart } from '../../../engine/cli/tuning/chart-file.js';
import { stands } from '../../../engine/cli/tuning/conclusion.js';
import { sharing } from '../../../engine/cli/tuning/host-facts.js';
import { text, verdictText } from '../../../engine/cli/tuning/report.js';
import { outsideIn } from '../../../engine/cli/tuning/sweep.js';
import { plot } from '../../../engine/cli/tuning/terminal-plot.js';
import { TestFolder } from '../../building/test-folder.js';
import { cell, obeying, tuningOf } from './tuning-building.js';

const cells = [...obeying('simplex', 0.01, 200), ...obeying('deferred', 0.04, 900)];

describe('the report', () => {
  it('is a table, a plot, the model and what to use', () => {
    const small = [cell('simplex', 1e3, 1.2), cell('deferred', 1e3, 2), cell('deferred', 1e6, 1.1)];
    expect(text(tuningOf(small))).toMatchSnapshot();
  });

  it('says what a goal wants that nothing meets', () => {
    const tuning = tuningOf(cells, { maxOverhead: 0.01 });
    expect(stands(tuning)).toBe(false);
    expect(verdictText(tuning)).toMatch(
      /^Nothing meets the goal \(overhead of 1.0 % at most\): .*\nNearest: --epoch-length/,
    );
  });

  it('recommends nothing on figures that are none', () => {
    const problems = [{ code: 'GUEST_TRAPS', message: 'the guest traps', fatal: true }];
    const tuning = { ...tuningOf(cells), problems };
    expect(stands(tuning)).toBe(false);
    expect(text(tuning)).toContain('the guest traps [GUEST_TRAPS]');
    expect(text(tuning)).not.toContain('Recommended');
  });

  it('says who else has the processors', () => {
    const host = { processor: '', parallelism: 2, loadBefore: 3, stealPart: 0.2 };
    expect(sharing(host)).toEqual([
      expect.stringContaining('share 2 processors'),
      expect.stringContaining('3.0 processors busy'),
      expect.stringContaining('20 %'),
    ]);
    expect(sharing({ ...host, parallelism: 8, loadBefore: 0, stealPart: undefined })).toEqual([]);
  });
});

describe('the plot', () => {
  it('fits a terminal of 80 columns', () => {
    const lines = plot(cells, tuningOf(cells).fits).split('\n');
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(80);
    expect(lines.join('')).toContain('100M');
  });

  it('of one epoch length is none', () => {
    expect(plot([cell('deferred', 1e3, 1.5)], [])).toBe('');
  });
});

describe('the file of a picture', () => {
  const folder = new TestFolder();
  const SIGNS = {
    svg: Buffer.from('<svg'),
    html: Buffer.from('<!doctype html>'),
    png: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
  };

  it.each(Object.entries(SIGNS))('%s', async (kind, sign) => {
    const path = folder.file(`chart.${kind}`);
    await writeChart(path, tuningOf(cells));
    const bytes = readFileSync(path);
    expect(bytes.subarray(0, sign.length)).toEqual(sign);
    // Nothing is fetched by who looks at it.
    expect(bytes.toString('latin1').replaceAll('http://www.w3.org/', '')).not.toMatch(/https?:\/\//);
  });
});

describe('the picture', () => {
  it('has a line, intervals and a curve of each variant, the paper beside, and latency', async () => {
    const { series } = chartOption(tuningOf(cells)) as { series: { name: string; type: string }[] };
    const named = (name: string, type: string) => series.filter(one => one.name === name && one.type === type).length;
    // NP, interrupts and outputs.
    expect(named('deferred', 'line')).toBe(3);
    expect(named('deferred', 'custom')).toBe(1);
    expect(series.filter(({ name }) => name.startsWith('fitted'))).toHaveLength(2);
    expect(named('paper, original', 'scatter')).toBe(1);
    const svg = await drawn(tuningOf(cells));
    for (const words of [
      'simplex',
      'deferred',
      'paper, revised',
      'epoch length, instructions',
      'latency at 99 %, ms',
    ]) {
      expect(svg).toContain(words);
    }
    expect(svg).not.toContain('NaN');
  });

  it('of one cell, and of cells without figures, is drawn as well', async () => {
    const bare = { ...cell('deferred', 1e3, 1.5), performance: undefined, interruptMs: undefined };
    for (const few of [[cell('deferred', 1e6, 1.5)], [bare]]) {
      const svg = await drawn(tuningOf(few));
      expect(svg).toContain('<svg');
      expect(svg).not.toContain('NaN');
    }
  });
});

describe('a round', () => {
  it('begins with what a curve needs', () => {
    expect(outsideIn([1, 2, 3, 4, 5])).toEqual([5, 1, 4, 2, 3]);
    expect(outsideIn([1])).toEqual([1]);
  });
});
