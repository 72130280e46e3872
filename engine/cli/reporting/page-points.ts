// A point on the page of a failover test: its row in the table, and, of failures and where there is a timeline, all that is known.

import type { KillProof } from '../../testing/kill-hook.js';
import type { PointRecord } from '../../testing/point-record.js';
import { gradeOf, kindOf, titleOf } from './failover-report.js';
import { type Facts, failoverOf, grouped, inFlightOf, partingOf, secondStrikeOf, strikeOf } from './in-flight.js';
import { element, type Markup } from './markup.js';
import { timelinePicture } from './timeline-picture.js';

/** Colour alone tells nobody anything. @param record of a kind of verdicts: without whether it failed */
export function verdictOf(record: Pick<PointRecord, 'verdict'> & Partial<PointRecord>): Markup {
  const grade = gradeOf(record);
  return element(
    'span',
    { class: `verdict ${grade}` },
    `${{ good: '✓', weak: '○', bad: '✗' }[grade]} ${record.verdict}`,
  );
}

const COLUMNS = [
  'point',
  'verdict',
  'struck at',
  'count',
  'outstanding',
  'uncertain',
  'live ms',
  'first byte ms',
  'detail',
];
const NUMBERS: readonly string[] = ['count', 'outstanding', 'uncertain', 'live ms', 'first byte ms'];

export function tableHead(withVariant: boolean): Markup {
  const names = withVariant ? ['variant', ...COLUMNS] : COLUMNS;
  return element(
    'tr',
    {},
    names.map(name => element('th', { scope: 'col', class: NUMBERS.includes(name) ? 'number' : undefined }, name)),
  );
}

/** @param id of the article that tells more */
export function rowOf(record: PointRecord, withVariant: boolean, id: string | undefined): Markup {
  const { variant, verdict, failed, detail, kill, failover, restart, stderrDiffers } = record;
  const title = titleOf(record);
  const number = (value: number | undefined) =>
    element('td', { class: 'number' }, value === undefined ? '-' : grouped(value));
  const ms = (value: number | undefined) => number(value === undefined ? undefined : Math.round(value));
  const words = (name: string) => name.replaceAll(/\W+/g, '-');
  const told = [detail, stderrDiffers ? 'stderr differs' : ''].filter(text => text !== '').join('; ');
  return element(
    'tr',
    { class: `v-${words(verdict)} k-${kindOf(record)} m-${words(variant)}` },
    ...(withVariant ? [element('td', {}, variant)] : []),
    element('td', { class: 'mono' }, id === undefined ? title : element('a', { href: `#${id}` }, title)),
    element('td', {}, verdictOf({ verdict, failed })),
    element('td', {}, kill === null ? '-' : placeOf(kill)),
    number(kill?.count),
    number(kill?.outstanding),
    number(failover?.uncertain),
    ms((failover ?? restart)?.liveMs),
    ms((failover ?? restart)?.firstByteMs),
    element('td', {}, told),
  );
}

function placeOf({ epoch, instruction, what }: KillProof): string {
  return instruction === undefined ? `${epoch}, ${what ?? ''}` : `${epoch}:${instruction}`;
}

export function articleOf(record: PointRecord, id: string): Markup {
  const { variant, verdict, failed, detail, repeat } = record;
  const picture = timelinePicture(record, id);
  const timeline =
    picture === undefined
      ? []
      : [element('details', failed ? { open: 'open' } : {}, element('summary', {}, 'Timeline'), picture)];
  return element(
    'article',
    { id, class: failed ? 'point failure' : 'point', 'aria-labelledby': `${id}-name` },
    element(
      'h3',
      { id: `${id}-name` },
      element('span', { class: 'mono' }, titleOf(record)),
      element('span', { class: 'muted' }, ` ${variant} `),
      verdictOf({ verdict, failed }),
    ),
    ...(detail === '' ? [] : [element('p', {}, detail)]),
    element('p', { class: 'muted' }, record.kill === null ? 'Nobody was struck.' : struck(record)),
    ...(failed ? columns(record) : []),
    ...(repeat === '' || !failed ? [] : [element('h4', {}, 'Again by'), element('pre', { class: 'command' }, repeat)]),
    ...timeline,
  );
}

function struck(record: PointRecord): string {
  return [strikeOf(record), secondStrikeOf(record)]
    .filter(text => text !== undefined)
    .map(text => `${text}.`)
    .join(' Then ');
}

function columns(record: PointRecord): readonly Markup[] {
  const part = (title: string, facts: Facts) =>
    facts.length === 0 ? [] : [element('div', {}, element('h4', {}, title), list(facts))];
  const { parting } = record;
  return [
    ...(parting === undefined ? [] : [element('h4', {}, 'Where the histories part'), list(partingOf(record), 'mono')]),
    element(
      'div',
      { class: 'columns' },
      ...part('In flight', inFlightOf(record)),
      ...part(record.restart === undefined ? 'Failover' : 'Restart', failoverOf(record)),
    ),
  ];
}

function list(facts: Facts, values?: string): Markup {
  return element(
    'dl',
    {},
    facts.map(([name, value]) => [element('dt', {}, name), element('dd', { class: values }, value)]),
  );
}
