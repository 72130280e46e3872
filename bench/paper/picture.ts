// The paper's experiments as a picture: a panel for each, ours on the channel as it is and on the paper's, and the paper's own.

import type { EChartsOption, SeriesOption } from 'echarts';
import { type DrawnChart, drawnOption } from '../../engine/cli/tuning/chart-file.js';
import { CHART_FONT, LOOKS, PAPER_LOOKS, spacedLegend } from '../../engine/cli/tuning/chart-looks.js';
import { shortLength } from '../../engine/cli/tuning/terminal-plot.js';
import { VARIANTS, type Variant } from '../../engine/protocol/vocabulary.js';
import { quantile } from '../host.js';
import { PUBLISHED, type Workload } from './published.js';

/** One experiment on one channel. */
export interface Experiment {
  readonly workload: Workload;
  readonly title: string;
  readonly slowChannel: boolean;
  /** What the paper did: its figures stand beside. */
  readonly isAsPublished: boolean;
  /** Normalized performance in each round, by the paper's epoch length (instructions) and variant. */
  readonly cells: readonly { readonly length: number; readonly variant: Variant; readonly ratios: readonly number[] }[];
}

const WIDTH = 1_080;
const PANEL = { width: 420, height: 300 } as const;
const [LEFT, TOP, ACROSS, DOWN] = [80, 130, 525, 395];

/** By the title: the same experiment on both channels is one panel. */
function panelsOf(experiments: readonly Experiment[]): Experiment[][] {
  const drawn = experiments.filter(each => each.isAsPublished);
  return [...new Set(drawn.map(({ title }) => title))].map(title => drawn.filter(each => each.title === title));
}

const CHANNELS = [
  { slowChannel: false, type: 'solid', suffix: '' },
  { slowChannel: true, type: 'dashed', suffix: ', slow channel' },
] as const;

function seriesOf(panel: readonly Experiment[], index: number): SeriesOption[] {
  const axes = { xAxisIndex: index, yAxisIndex: index } as const;
  const ours = CHANNELS.flatMap(({ slowChannel, type, suffix }) => {
    const cells = panel.filter(each => each.slowChannel === slowChannel).flatMap(each => each.cells);
    return VARIANTS.filter(variant => cells.some(cell => cell.variant === variant)).map(
      (variant): SeriesOption => ({
        ...axes,
        name: `${variant}${suffix}`,
        type: 'line',
        data: cells
          .filter(cell => cell.variant === variant)
          .map(({ length, ratios }) => [length, quantile(ratios, 0.5)]),
        symbol: LOOKS[variant].symbol,
        symbolSize: 8,
        lineStyle: { width: 1.5, type, color: LOOKS[variant].colour },
        itemStyle: { color: LOOKS[variant].colour },
      }),
    );
  });
  const published = Object.entries(PUBLISHED[panel[0]!.workload]);
  const papers = PAPER_LOOKS.map(
    ({ name, variant, symbol, colour }): SeriesOption => ({
      ...axes,
      name,
      type: 'line',
      data: published.flatMap(([length, figures]) => {
        const figure = figures[variant];
        return figure === undefined ? [] : [[Number(length), figure]];
      }),
      symbol,
      symbolSize: 9,
      lineStyle: { width: 1, color: colour },
      itemStyle: { color: colour, borderColor: colour, borderWidth: 1.5 },
    }),
  );
  return [...ours, ...papers];
}

function figuresIn(panel: readonly Experiment[]): number[] {
  const ours = panel.flatMap(({ cells }) => cells.map(({ ratios }) => quantile(ratios, 0.5)));
  const papers = Object.values(PUBLISHED[panel[0]!.workload]).flatMap(({ original, revised }) => [original, revised]);
  return [...ours, ...papers.flatMap(figure => figure ?? [])];
}

/** Figures that are near each other are told apart on a straight scale. */
function valueScale(figures: readonly number[]) {
  const most = Math.max(...figures);
  if (most < 4) return { type: 'value', min: Math.min(0.8, ...figures) } as const;
  return { type: 'log', logBase: most > 100 ? 10 : 2, min: Math.min(0.9, ...figures) } as const;
}

const AXIS = {
  nameLocation: 'middle',
  nameTextStyle: { fontSize: 12, color: '#222222' },
  axisLine: { show: true, onZero: false },
  splitLine: { show: true, lineStyle: { color: '#E5E5E5' } },
} as const;
const LABEL = { fontSize: 11, color: '#222222' } as const;

export function pictureOption(experiments: readonly Experiment[]): EChartsOption {
  const panels = panelsOf(experiments);
  const places = panels.map((_, index) => ({
    left: LEFT + (index % 2) * ACROSS,
    top: TOP + Math.floor(index / 2) * DOWN,
    ...PANEL,
  }));
  const lengthsOf = (panel: readonly Experiment[]) => Object.keys(PUBLISHED[panel[0]!.workload]).map(Number);
  return {
    animation: false,
    backgroundColor: '#FFFFFF',
    textStyle: { fontFamily: `${CHART_FONT}, Verdana, sans-serif` },
    title: [
      {
        text: "Bressoud and Schneider's experiments, 1995 and now",
        left: 'center',
        top: 10,
        textStyle: { fontSize: 17 },
      },
      ...panels.map(([first], index) => ({
        text: first!.title,
        left: places[index]!.left + PANEL.width / 2,
        top: places[index]!.top - 26,
        textAlign: 'center' as const,
        textStyle: { fontSize: 12, width: PANEL.width },
      })),
    ],
    legend: spacedLegend({ top: 42, left: 'center', width: WIDTH - 120 }),
    grid: places,
    xAxis: panels.map((panel, gridIndex) => ({
      ...AXIS,
      type: 'log' as const,
      gridIndex,
      min: Math.min(...lengthsOf(panel)),
      max: Math.max(...lengthsOf(panel)),
      name: "epoch length, the paper's instructions",
      nameGap: 26,
      axisLabel: { ...LABEL, formatter: (value: number) => shortLength(value) },
    })),
    yAxis: panels.map((panel, gridIndex) => ({
      ...AXIS,
      gridIndex,
      ...valueScale(figuresIn(panel)),
      name: 'NP: time over plain',
      nameGap: 44,
      axisLabel: { ...LABEL, formatter: (value: number) => String(Number(value.toPrecision(2))) },
    })),
    series: panels.flatMap(seriesOf),
  };
}

/** As SVG. */
export function picture(experiments: readonly Experiment[]): Promise<string> {
  const height = TOP + Math.ceil(panelsOf(experiments).length / 2) * DOWN - 30;
  const chart: DrawnChart = { option: pictureOption(experiments), width: WIDTH, height };
  return drawnOption(chart);
}
