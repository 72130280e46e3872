// Throughput, lag, log and held output over the last minute, as plots that move on with time.

import uPlot from 'uplot';
import { colour, made } from './elements.js';
import type { PageFrame } from './page-frame.js';
import { lasted, scaled, sized } from './words.js';

const WINDOW_S = 60;
/** One sample each so many seconds: a page that is open for a day keeps WINDOW_S of them. */
const EVERY_S = 0.1;
const HEIGHT_PX = 150;
const AXIS_PX = 74;
/** The plots stand a little behind: the edge would flicker otherwise. */
const BEHIND_S = 0.3;

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly of: (frame: PageFrame, last: PageFrame | undefined) => number | null;
}

interface Plot {
  readonly title: string;
  readonly text: (value: number) => string;
  /** Steps between the lines of its axis; uPlot's own where none are given. */
  readonly steps?: number[];
  /** The scale reaches at least so far. */
  readonly least: number;
  readonly lines: readonly Line[];
}

/** How long it took on average since the frame before; null: nothing came. */
function average(count: 'roundTrips' | 'outputs', total: 'roundTripMs' | 'outputHeldMs'): Line['of'] {
  return ({ figures }, last) => {
    const more = figures[count] - (last?.figures[count] ?? figures[count]);
    return more <= 0 ? null : (figures[total] - last!.figures[total]) / more;
  };
}

const PLOTS: readonly Plot[] = [
  {
    title: 'Instructions a second',
    text: scaled,
    least: 1_000,
    lines: [{ name: 'primary', colour: 'primary', of: ({ status }) => status.instructionsPerSecond }],
  },
  {
    title: 'Backup behind by',
    text: lasted,
    least: 10,
    lines: [{ name: 'lag', colour: 'backup', of: ({ status }) => status.lagMs }],
  },
  {
    title: 'Log a second',
    text: sized,
    steps: Array.from({ length: 40 }, (_, power) => 2 ** power),
    least: 1_024,
    lines: [{ name: 'log', colour: 'log', of: ({ status }) => status.logBytesPerSecond }],
  },
  {
    title: 'Acknowledged after, output held for',
    text: lasted,
    least: 2,
    lines: [
      { name: 'acknowledged after', colour: 'log', of: average('roundTrips', 'roundTripMs') },
      { name: 'held for', colour: 'interrupt', of: average('outputs', 'outputHeldMs') },
    ],
  },
];

export class Plots {
  readonly #place: HTMLElement;
  #all: { readonly plot: Plot; readonly chart: uPlot; readonly values: (number | null)[][] }[] = [];
  readonly #seconds: number[] = [];
  #last: PageFrame | undefined;

  constructor(place: HTMLElement) {
    this.#place = place;
    this.#make(PLOTS.map(({ lines }) => lines.map(() => [])));
    // uPlot keeps the colours that it was made with.
    const remake = () => this.#make(this.#all.map(({ values }) => values));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', remake);
    new ResizeObserver(() => this.#fit()).observe(place);
  }

  /** @param nowMs of the page's clock */
  add(frame: PageFrame, nowMs: number): void {
    const now = nowMs / 1000;
    if (now - (this.#seconds.at(-1) ?? -Infinity) < EVERY_S) return;
    this.#seconds.push(now);
    for (const { plot, values } of this.#all) {
      for (const [at, line] of plot.lines.entries()) values[at]!.push(line.of(frame, this.#last));
    }
    this.#last = frame;
    let old = 0;
    while ((this.#seconds[old] ?? now) < now - WINDOW_S - 1) old += 1;
    // By the dozen: to move an array is dearer than to keep a little more of it.
    if (old < 50) return;
    this.#seconds.splice(0, old);
    for (const { values } of this.#all) for (const line of values) line.splice(0, old);
  }

  draw(nowMs: number): void {
    const max = nowMs / 1000 - BEHIND_S;
    for (const { chart, values } of this.#all) {
      chart.setData([this.#seconds, ...values] as uPlot.AlignedData, false);
      chart.setScale('x', { min: max - WINDOW_S, max });
    }
  }

  #make(values: (number | null)[][][]): void {
    for (const { chart } of this.#all) chart.destroy();
    this.#place.replaceChildren();
    this.#all = PLOTS.map((plot, at) => {
      const figure = made('figure', {}, caption(plot));
      this.#place.append(figure);
      return { plot, values: values[at]!, chart: new uPlot(optionsOf(plot), [[]], figure) };
    });
    this.#fit();
  }

  #fit(): void {
    for (const { chart } of this.#all) {
      const width = chart.root.parentElement?.clientWidth ?? 0;
      if (width > 0 && width !== chart.width) chart.setSize({ width, height: HEIGHT_PX });
    }
  }
}

function caption({ title, lines }: Plot): HTMLElement {
  const element = made('figcaption', { text: title });
  if (lines.length > 1) {
    element.textContent = '';
    for (const { name, colour: key } of lines) {
      const line = made('span', { text: name });
      line.style.setProperty('--key', `var(--${key})`);
      line.className = 'key';
      element.append(line);
    }
  }
  return element;
}

function optionsOf({ text, least, lines, steps }: Plot): uPlot.Options {
  const axis = {
    stroke: colour('muted'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, "DejaVu Sans", sans-serif',
  };
  return {
    width: 320,
    height: HEIGHT_PX,
    pxAlign: 0,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false },
      y: { range: (_, __, max) => [0, Math.max(least, (max ?? 0) * 1.15)] },
    },
    axes: [
      {
        ...axis,
        size: 24,
        splits: ({ scales }) => [0, 15, 30, 45].map(back => (scales.x?.max ?? 0) - back).reverse(),
        values: ({ scales }, splits) =>
          splits.map(at => {
            const back = Math.round((scales.x?.max ?? 0) - at);
            return back === 0 ? 'now' : `-${back} s`;
          }),
      },
      {
        ...axis,
        ...(steps === undefined ? {} : { incrs: steps }),
        size: AXIS_PX,
        space: 34,
        values: (_, splits) => splits.map(text),
      },
    ],
    series: [
      {},
      ...lines.map(line => ({
        label: line.name,
        stroke: colour(line.colour),
        width: 1.5,
        points: { show: false },
        spanGaps: true,
      })),
    ],
  };
}
