// The file of a picture: .svg, .html or .png, by its name; whatever can be wrong with it is said before a minute of measuring.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname } from 'node:path';
import type { EChartsOption } from 'echarts';
import { EpochvisorError } from '../../errors/errors.js';
import { tryWriting } from '../writable-file.js';
import { CHART_HEIGHT, CHART_WIDTH, chartOption } from './chart.js';
import { CHART_FONT } from './chart-looks.js';
import type { Tuning } from './conclusion.js';
import { notes, remarks, tableRows } from './report.js';

export const CHART_KINDS = ['.svg', '.html', '.png'] as const;

/** Pixels of a PNG for each of the picture: readable on dense screens, too. */
const PNG_SCALE = 2;
/** A picture is about as large. */
const TRIAL_BYTES = 64 * 1024;

/**
 * The libraries are there, and something can be written where the file is to be.
 * @throws EpochvisorError CHART_KIND, CHART_LIBRARY, CHART_FILE
 */
export async function refuseChart(path: string): Promise<void> {
  const kind = kindOf(path);
  await load(() => import('echarts'));
  if (kind === '.png') await load(() => import('@resvg/resvg-js'));
  try {
    tryWriting(path, TRIAL_BYTES);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function kindOf(path: string): (typeof CHART_KINDS)[number] {
  const kind = CHART_KINDS.find(known => known === extname(path).toLowerCase());
  if (kind !== undefined) return kind;
  throw new EpochvisorError(
    'CHART_KIND',
    `${basename(path)} is no picture known here`,
    `name it ${CHART_KINDS.join(', ')}`,
  );
}

/** They are optional dependencies: a machine that only runs guests needs none of them. */
async function load<Library>(library: () => Promise<Library>): Promise<Library> {
  try {
    return await library();
  } catch (error) {
    const why = (error as Error).message.split('\n')[0];
    throw new EpochvisorError(
      'CHART_LIBRARY',
      `a library for --chart can't be loaded: ${why}`,
      'npm install without --omit=optional',
    );
  }
}

function unwritable(path: string, error: unknown): EpochvisorError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new EpochvisorError(
    'CHART_FILE',
    `the chart ${path} can't be written: ${code ?? message}`,
    'name another file',
  );
}

/** @throws EpochvisorError CHART_FILE, CHART_LIBRARY */
export async function writeChart(path: string, tuning: Tuning): Promise<void> {
  const svg = await drawn(tuning);
  const kind = kindOf(path);
  const bytes = kind === '.png' ? await rasterised(svg) : kind === '.html' ? page(svg, tuning) : svg;
  try {
    writeFileSync(path, bytes);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** As SVG. */
export function drawn(tuning: Tuning): Promise<string> {
  return drawnOption({ option: chartOption(tuning), width: CHART_WIDTH, height: CHART_HEIGHT });
}

/** Width and height in pixels. */
export interface DrawnChart {
  readonly option: EChartsOption;
  readonly width: number;
  readonly height: number;
}

/** As SVG. */
export async function drawnOption({ option, width, height }: DrawnChart): Promise<string> {
  const { init } = await load(() => import('echarts'));
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(option);
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

async function rasterised(svg: string): Promise<Uint8Array> {
  const { Resvg } = await load(() => import('@resvg/resvg-js'));
  // A font that comes along: a bare machine has none, and a picture without its text says nothing.
  const require = createRequire(import.meta.url);
  const font = (name: string) => require.resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`);
  const fontFiles = await load(async () => [font('DejaVuSans'), font('DejaVuSans-Bold')]);
  const fonts = { loadSystemFonts: false, fontFiles, defaultFontFamily: CHART_FONT, sansSerifFamily: CHART_FONT };
  return new Resvg(svg, { font: fonts, fitTo: { mode: 'zoom', value: PNG_SCALE } }).render().asPng();
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** The picture, and the report below it: readable without a script, without a network. */
function page(svg: string, tuning: Tuning): string {
  const [heads = [], ...rows] = tableRows(tuning.cells);
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map(cell => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  const rest = [...notes(tuning), '', ...remarks(tuning)].join('\n');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(tuning.guest)}: what fault tolerance costs</title>
<style>
body { font: 14px/1.45 ${CHART_FONT}, Verdana, sans-serif; max-width: ${CHART_WIDTH}px; margin: 1em auto; color: #222; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 12px; width: 100%; }
th, td { padding: 3px 8px; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
pre { font: 12px/1.4 "DejaVu Sans Mono", Consolas, monospace; white-space: pre-wrap; }
</style></head><body>
${svg}
<table>
${row(heads, 'th')}
${rows.map(cells => row(cells, 'td')).join('\n')}
</table>
<pre>${escaped(rest)}</pre>
</body></html>
`;
}
