// The paper's experiments as a picture: a panel for each that the paper did, with both channels and the paper's own figures.

import { expect, test } from 'vitest';
import { type Experiment, picture, pictureOption } from '../../bench/paper/picture.js';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';

const experiment = (title: string, slowChannel: boolean, isAsPublished = true): Experiment => ({
  workload: 'cpu',
  title,
  slowChannel,
  isAsPublished,
  cells: [1000, 8000].flatMap(length => VARIANTS.map(variant => ({ length, variant, ratios: [2e6 / length] }))),
});
const experiments = [
  experiment('one', false),
  experiment('not of the paper', false, false),
  experiment('other', false),
  experiment('one', true),
];

test('each experiment of the paper is a panel, with the channel as it is, the slow one, and its own figures', async () => {
  const { grid, series } = pictureOption(experiments) as {
    grid: unknown[];
    series: { name: string; data: unknown[] }[];
  };
  expect(grid).toHaveLength(2);
  const names = series.map(({ name }) => name);
  expect(names.filter(name => name === 'deferred')).toHaveLength(2);
  expect(names.filter(name => name === 'deferred, slow channel')).toHaveLength(1);
  expect(names.filter(name => name === 'paper, original')).toHaveLength(2);
  expect(series.find(({ name }) => name === 'deferred')!.data).toEqual([
    [1000, 2000],
    [8000, 250],
  ]);
  expect(await picture(experiments)).toContain('</svg>');
});
