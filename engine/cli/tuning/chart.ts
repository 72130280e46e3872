// A sweep as a picture: NP against epoch length with intervals, fitted curves and the paper's points; below it, latency.
//
// Apache ECharts draws without a DOM, and is loaded for those who ask for a picture only. What it draws is described by a plain
// object (`chartOption`), which tests look at.

import type { EChartsOption, SeriesOption } from 'echarts';
import type { Cell, Setting } from './cells.js';
import { CHART_FONT, LOOKS, PAPER_LOOKS, spacedLegend } from './chart-looks.js';
import type { Tuning } from './conclusion.js';
import type { VariantFit } from './fits.js';
import { modelled } from './model.js';
import { shortLength } from './terminal-plot.js';

export const CHART_WIDTH = 960;
export const CHART_HEIGHT = 860;

/** Normalized performance of the paper's processor workload (section 4.2 and 4.3), by epoch length. */
const PAPER_POINTS = {
  original: [
    [1_000, 22.24],
    [2_000, 11.83],
    [4_000, 6.5],
    [8_000, 3.83],
  ],
  revised: [
    [1_000, 11.67],
    [2_000, 4.49],
    [4_000, 3.21],
    [8_000, 2.2],
  ],
} as const;

/** A dashed line as a legend shows it. */
const DASHES = 'path://M0,4 h8 v2 h-8 z M12,4 h8 v2 h-8 z M24,4 h8 v2 h-8 z';

/** Points of a drawn curve, a decade. */
const CURVE_POINTS = 24;

const variantsOf = (cells: readonly Cell[]) => [...new Set(cells.map(cell => cell.variant))];

function of(cells: readonly Cell[], variant: Setting): Cell[] {
  return cells.filter(cell => cell.variant === variant).toSorted((one, other) => one.epochLength - other.epochLength);
}

interface Range {
  readonly min: number;
  readonly max: number;
  /** Of the logarithm: ticks are its powers. */
  readonly base: 2 | 10;
}

/** Of the points, ours and the paper's, and not of their intervals: one that is wild would leave no room for the rest. */
function performanceRange(cells: readonly Cell[]): Range {
  const paper = Object.values(PAPER_POINTS).flatMap(points => points.map(([, np]) => np));
  const values = [...paper, 1, ...cells.flatMap(({ performance }) => performance?.value ?? [])];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const base = most / least > 2 ** 10 ? 10 : 2;
  const power = (value: number, round: (exponent: number) => number) => base ** round(Math.log(value) / Math.log(base));
  // A little less than 1 is noise, and no reason for another octave.
  return { min: least > 0.9 ? 0.9 : power(least, Math.floor), max: power(most, Math.ceil), base };
}

function performanceSeries(cells: readonly Cell[], variant: Setting, range: Range): SeriesOption[] {
  const { colour, symbol } = LOOKS[variant];
  const own = of(cells, variant).flatMap(({ epochLength, performance }) =>
    performance === undefined ? [] : [{ epochLength, ...performance }],
  );
  return [
    {
      name: variant,
      type: 'line',
      data: own.map(({ epochLength, value }) => [epochLength, value]),
      symbol,
      symbolSize: 9,
      lineStyle: { width: 1.5, color: colour },
      itemStyle: { color: colour },
      z: 3,
    },
    {
      // Named as the variant is: one entry of the legend.
      name: variant,
      type: 'custom',
      data: own
        .filter(({ count }) => count > 1)
        .map(({ epochLength, low, high }) => [epochLength, Math.max(low, range.min), Math.min(high, range.max)]),
      itemStyle: { color: colour },
      renderItem: (_, api) => {
        const [x = 0, high = 0] = api.coord([api.value(0), api.value(2)]);
        const [, low = 0] = api.coord([api.value(0), api.value(1)]);
        const line = (x1: number, y1: number, x2: number, y2: number) => ({
          type: 'line' as const,
          shape: { x1, y1, x2, y2 },
          style: { stroke: colour, lineWidth: 1.2 },
        });
        return {
          type: 'group',
          children: [line(x, low, x, high), line(x - 4, low, x + 4, low), line(x - 4, high, x + 4, high)],
        };
      },
      clip: true,
      z: 2,
    },
  ];
}

function fitSeries(fit: VariantFit, lengths: readonly number[]): SeriesOption {
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  const steps = Math.max(1, Math.round(Math.log10(most / least) * CURVE_POINTS));
  const data = Array.from({ length: steps + 1 }, (_, step) => {
    const length = least * (most / least) ** (step / steps);
    return [length, modelled(fit, length)];
  });
  return {
    name: 'fitted, 1 + a + b/EL',
    type: 'line',
    data,
    symbol: 'none',
    lineStyle: { width: 1.5, type: 'dashed', color: LOOKS[fit.variant].colour, opacity: 0.7 },
    itemStyle: { color: '#555555' },
    z: 1,
  };
}

function paperSeries(): SeriesOption[] {
  return PAPER_LOOKS.map(({ variant, name, symbol, colour }) => ({
    name,
    type: 'scatter',
    data: PAPER_POINTS[variant].map(point => [...point]),
    symbol,
    symbolSize: 9,
    itemStyle: { color: colour, borderColor: colour, borderWidth: 1.5 },
  }));
}

function latencySeries(cells: readonly Cell[], variant: Setting): SeriesOption[] {
  const { colour, symbol } = LOOKS[variant];
  const lower = { type: 'line', xAxisIndex: 1, yAxisIndex: 1, itemStyle: { color: colour } } as const;
  const points = (figure: (cell: Cell) => number | undefined) =>
    of(cells, variant).flatMap(cell => {
      const ms = figure(cell);
      return ms === undefined || ms <= 0 ? [] : [[cell.epochLength, ms]];
    });
  return [
    {
      ...lower,
      name: variant,
      data: points(({ interruptMs }) => interruptMs?.p99),
      symbol,
      symbolSize: 8,
      lineStyle: { width: 1.5, color: colour },
    },
    {
      ...lower,
      name: variant,
      data: points(({ outputMs }) => outputMs?.p99),
      symbol: `empty${symbol[0]!.toUpperCase()}${symbol.slice(1)}`,
      symbolSize: 8,
      lineStyle: { width: 1.2, type: 'dotted', color: colour },
    },
  ];
}

const AXIS = { nameLocation: 'middle', nameTextStyle: { fontSize: 13, color: '#222222' } } as const;
const LABEL = { fontSize: 12, color: '#222222' } as const;

function axes(cells: readonly Cell[], performance: Range): Pick<EChartsOption, 'xAxis' | 'yAxis'> {
  const lengths = cells.map(cell => cell.epochLength);
  // The paper's points are from 1,000 to 8,000 instructions.
  const range = { min: Math.min(...lengths, 1_000), max: Math.max(...lengths, 10_000) };
  const lengthAxis = (gridIndex: number) => ({
    ...AXIS,
    ...range,
    type: 'log' as const,
    gridIndex,
    name: 'epoch length, instructions',
    nameGap: 28,
    axisLabel: { ...LABEL, formatter: (value: number) => shortLength(value) },
    axisLine: { onZero: false },
    splitLine: { show: true, lineStyle: { color: '#E5E5E5' } },
  });
  const valueAxis = (gridIndex: number, name: string, logBase: number) => ({
    ...AXIS,
    type: 'log' as const,
    logBase,
    gridIndex,
    name,
    nameGap: 52,
    axisLabel: { ...LABEL, formatter: (value: number) => String(Number(value.toPrecision(2))) },
    axisLine: { show: true, onZero: false },
    splitLine: { show: true, lineStyle: { color: '#E5E5E5' } },
  });
  return {
    xAxis: [lengthAxis(0), lengthAxis(1)],
    yAxis: [
      {
        ...valueAxis(0, 'NP: time over plain (1 = no cost)', performance.base),
        min: performance.min,
        max: performance.max,
      },
      valueAxis(1, 'latency at 99 %, ms', 10),
    ],
  };
}

export function chartOption(tuning: Tuning): EChartsOption {
  const { cells, fits, baseline, guest } = tuning;
  const variants = variantsOf(cells);
  const lengths = cells.map(cell => cell.epochLength);
  const range = performanceRange(cells);
  const option = axes(cells, range);
  if (baseline === 'simplex') {
    const [first, ...rest] = option.yAxis as { name?: string }[];
    option.yAxis = [{ ...first, name: 'NP: time over simplex, longest epochs' }, ...rest] as NonNullable<
      typeof option.yAxis
    >;
  }
  return {
    ...option,
    animation: false,
    backgroundColor: '#FFFFFF',
    textStyle: { fontFamily: `${CHART_FONT}, Verdana, sans-serif` },
    title: [
      { text: `What fault tolerance costs ${shortened(guest)}`, left: 'center', top: 10, textStyle: { fontSize: 17 } },
      {
        text: 'full: interrupts (measured, to the next delivery); dotted: output, from the write to the device',
        left: 'center',
        top: 545,
        textStyle: { fontSize: 12, fontWeight: 'normal', color: '#222222' },
      },
    ],
    legend: { ...spacedLegend({ top: 42, left: 'center', width: 880 }), data: legend(tuning, variants) },
    grid: [
      { left: 90, right: 40, top: 100, height: 385 },
      { left: 90, right: 40, top: 572, height: 225 },
    ],
    series: [
      ...variants.flatMap(variant => performanceSeries(cells, variant, range)),
      ...fits.map(fit => fitSeries(fit, lengths)),
      ...paperSeries(),
      ...variants.flatMap(variant => latencySeries(cells, variant)),
    ],
  };
}

function legend({ fits }: Tuning, variants: readonly Setting[]) {
  return [
    ...variants.map(name => ({ name, icon: LOOKS[name].symbol, itemStyle: { color: LOOKS[name].colour } })),
    ...(fits.length > 0 ? [{ name: 'fitted, 1 + a + b/EL', icon: DASHES, itemStyle: { color: '#555555' } }] : []),
    ...PAPER_LOOKS.map(({ name }) => ({ name })),
  ];
}

function shortened(guest: string): string {
  return guest.length > 60 ? `${guest.slice(0, 59)}…` : guest;
}
