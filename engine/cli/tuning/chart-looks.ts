// How variants and the paper's figures look in every picture: colours are Okabe and Ito's, which the colour-blind tell apart;
// variants differ in the shapes of their points as well.

import type { LegendComponentOption } from 'echarts';
import type { Setting } from './cells.js';

export const CHART_FONT = 'DejaVu Sans';

export const LOOKS: Readonly<Record<Setting, { readonly colour: string; readonly symbol: string }>> = {
  simplex: { colour: '#7F7F7F', symbol: 'circle' },
  original: { colour: '#D55E00', symbol: 'rect' },
  revised: { colour: '#0072B2', symbol: 'triangle' },
  deferred: { colour: '#009E73', symbol: 'diamond' },
};

export const PAPER_LOOKS = [
  { variant: 'original', name: 'paper, original', symbol: 'path://M0,0 L10,10 M10,0 L0,10', colour: '#000000' },
  { variant: 'revised', name: 'paper, revised', symbol: 'path://M5,0 L5,10 M0,5 L10,5', colour: '#000000' },
] as const;

/** Without a DOM the library guesses how wide text is, and guesses too little. */
export function spacedLegend(place: Pick<LegendComponentOption, 'top' | 'left' | 'width'>): LegendComponentOption {
  return {
    ...place,
    itemGap: 12,
    itemWidth: 20,
    textStyle: { fontSize: 12 },
    formatter: name => `${name}${'\u00a0'.repeat(Math.ceil(name.length / 8))}`,
  };
}
