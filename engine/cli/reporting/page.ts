// A failover test as a page to look at: one file, without a script, a network or a font of its own.
//
// It is well-formed XML as well as HTML, which a test's strict parser looks at, and bounded: of many points all failures come first.

import { createHash } from 'node:crypto';
import {
  countsOf,
  type FailoverReport,
  gradeOf,
  kindOf,
  POINT_KINDS,
  type ReportedVariant,
  recordsOf,
  shortcoming,
  VERDICT_KINDS,
} from './failover-report.js';
import type { Facts } from './in-flight.js';
import { grouped } from './in-flight.js';
import { element, Markup } from './markup.js';
import { chosen } from './page-choice.js';
import { articleOf, rowOf, tableHead, verdictOf } from './page-points.js';
import { type Filter, styleSheet } from './page-style.js';

export function asPage(report: FailoverReport): string {
  const choices = choicesOf(report);
  const style = styleSheet(choices.flatMap(({ filters }) => filters));
  const hash = createHash('sha256').update(style).digest('base64');
  const page = element(
    'html',
    { lang: 'en', xmlns: 'http://www.w3.org/1999/xhtml' },
    element(
      'head',
      {},
      element('meta', { charset: 'utf-8' }),
      // Whatever a guest has written, nothing of it is run.
      element('meta', {
        'http-equiv': 'Content-Security-Policy',
        content: `default-src 'none'; style-src 'sha256-${hash}'`,
      }),
      element('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      element('title', {}, `${report.guest}: failover`),
      new Markup(`<style>${style}</style>`),
    ),
    element('body', {}, '\n', element('main', {}, summary(report), details(report, choices))),
  );
  return `<!DOCTYPE html>\n${page.source}\n`;
}

// ---- the summary

function summary(report: FailoverReport): readonly Markup[] {
  const records = recordsOf(report);
  const failures = records.filter(({ failed }) => failed).length;
  const missing = shortcoming(report);
  const points = records.length === 1 ? '1 point' : `${grouped(records.length)} points`;
  const unreached = records.filter(({ verdict }) => verdict === 'not reached').length;
  const but = unreached === 0 ? '' : `; ${grouped(unreached)} not reached`;
  const [grade, words] =
    failures > 0
      ? ['bad', `✗ ${grouped(failures)} of ${points} failed${but}`]
      : missing === undefined
        ? ['good', `✓ ${points}, none failed${but}`]
        : ['weak', `○ ${points}, none failed, and yet no pass${but}`];
  return [
    element('h1', {}, `Failover of ${report.guest}`),
    element('p', { class: `verdict ${grade}` }, words),
    ...(missing === undefined ? [] : [element('p', { class: 'weak' }, missing)]),
    element(
      'div',
      { class: 'columns' },
      element(
        'section',
        { 'aria-labelledby': 'verdicts' },
        element('h2', { id: 'verdicts' }, 'Verdicts'),
        verdicts(report),
      ),
      element(
        'section',
        { 'aria-labelledby': 'tested' },
        element('h2', { id: 'tested' }, 'What was tested'),
        facts(report),
      ),
    ),
    ...report.variants.flatMap(variant => strip(variant)),
  ];
}

function verdicts({ variants }: FailoverReport): Markup {
  const counts = variants.map(({ records }) => countsOf(records));
  const kinds = VERDICT_KINDS.filter(kind => counts.some(count => count.has(kind)));
  const number = (name: string, content: string) => element(name, { class: 'number' }, content);
  const head = element(
    'tr',
    {},
    element('th', {}, 'verdict'),
    variants.map(({ variant }) => number('th', variant)),
  );
  const rows = kinds.map(kind =>
    element(
      'tr',
      {},
      element('td', {}, verdictOf({ verdict: kind })),
      counts.map(count => number('td', grouped(count.get(kind) ?? 0))),
    ),
  );
  return element('table', {}, element('thead', {}, head), element('tbody', {}, rows));
}

function facts({ facts, variants, at }: FailoverReport): Markup {
  const undisturbed = variants.filter(variant => variant.undisturbed !== '');
  const all: Facts = [
    ...facts,
    ...undisturbed.map(variant => [`undisturbed, ${variant.variant}`, variant.undisturbed] as const),
    ['begun', at],
  ];
  return element(
    'dl',
    {},
    all.map(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]),
  );
}

const STRIP_WIDTH = 1000;

/** Where in the run replicas were struck, and with what verdict. */
function strip({ variant, records }: ReportedVariant): readonly Markup[] {
  const struck = records.filter(({ kill }) => kill !== null);
  const most = Math.max(1, ...struck.map(({ kill }) => kill!.count));
  const lines = (['good', 'weak', 'bad'] as const).flatMap(grade => {
    const places = struck.filter(record => gradeOf(record) === grade).map(({ kill }) => 4 + (992 * kill!.count) / most);
    const d = [...new Set(places.map(Math.round))].map(x => `M${x} 4v22`).join('');
    return d === '' ? [] : [element('path', { class: grade, d })];
  });
  if (lines.length === 0) return [];
  const failures = struck.filter(({ failed }) => failed).length;
  const places = struck.length === 1 ? '1 place' : `${grouped(struck.length)} places`;
  const label = `${places} where somebody was struck, ${grouped(failures)} with a failure`;
  return [
    element(
      'h3',
      { class: 'muted strip-name' },
      `${variant}: ${label}; from the guest's start to instruction ${grouped(most)}`,
    ),
    element(
      'svg',
      {
        class: 'strip',
        viewBox: `0 0 ${STRIP_WIDTH} 30`,
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': label,
      },
      lines,
    ),
  ];
}

// ---- the points

interface Choice {
  readonly legend: string;
  readonly filters: readonly (Filter & { readonly name: string; readonly count: number })[];
}

/** What there is to choose from; of one thing alone there is no choice. */
function choicesOf(report: FailoverReport): readonly Choice[] {
  const records = chosen(report).rows;
  const choice = (legend: string, letter: string, names: readonly string[], of: (at: number) => string): Choice => {
    const counts = new Map<string, number>();
    for (const index of records.keys()) counts.set(of(index), (counts.get(of(index)) ?? 0) + 1);
    const occurring = names.filter(name => counts.has(name));
    const filters = occurring.map(name => {
      const id = `${letter}-${name.replaceAll(/\W+/g, '-')}`;
      return { name, count: counts.get(name)!, rows: id, box: `show-${id}` };
    });
    return { legend, filters };
  };
  return [
    choice('verdict', 'v', VERDICT_KINDS, index => records[index]!.verdict),
    choice('kind of point', 'k', POINT_KINDS, index => kindOf(records[index]!)),
    choice(
      'variant',
      'm',
      report.variants.map(({ variant }) => variant),
      index => records[index]!.variant,
    ),
  ].filter(({ filters }) => filters.length > 1);
}

function details(report: FailoverReport, choices: readonly Choice[]): readonly Markup[] {
  const { rows, leftOut, failures, others } = chosen(report);
  const withVariant = report.variants.length > 1;
  const ids = new Map([...failures, ...others].map((record, index) => [record, `point-${index + 1}`]));
  const articles = (records: typeof rows) => records.map(record => articleOf(record, ids.get(record)!));
  const section = (id: string, title: string, ...content: readonly (Markup | readonly Markup[])[]) =>
    element('section', { 'aria-labelledby': id }, element('h2', { id }, title), ...content);
  const drawn = (records: typeof rows) => (records.some(({ timeline }) => timeline !== undefined) ? [LEGEND] : []);
  return [
    ...(failures.length === 0
      ? []
      : [section('failures', 'Failures', notes(leftOut.failures, 'failures'), drawn(failures), articles(failures))]),
    section(
      'points',
      'Points',
      notes(leftOut.rows, 'points'),
      element('form', { class: 'filters', 'aria-label': 'which points are shown' }, choices.map(boxes)),
      element(
        'div',
        { class: 'scrolled', tabindex: 0, role: 'group', 'aria-labelledby': 'points' },
        element(
          'table',
          { class: 'points' },
          element('thead', {}, tableHead(withVariant)),
          element(
            'tbody',
            {},
            rows.map(record => ['\n', rowOf(record, withVariant, ids.get(record))]),
          ),
        ),
      ),
    ),
    ...(others.length === 0
      ? []
      : [
          section(
            'timelines',
            'Timelines of points that did not fail',
            notes(leftOut.others, 'timelines'),
            articles(others),
          ),
        ]),
  ];
}

const LEGEND = element(
  'p',
  { class: 'muted' },
  'Timelines: a lane is thick while its replica is the primary; arrows are messages, by their numbers at who says so, dashed ones ',
  'were never heard; what goes to the bus is output; a tick is the first that is seen of an epoch, a diamond a step of a takeover ',
  'or a join, the cross what was done to a replica, from which times count.',
);

function notes(leftOut: number, what: string): readonly Markup[] {
  if (leftOut === 0) return [];
  return [
    element(
      'p',
      { class: 'muted' },
      `${grouped(leftOut)} more ${what} are not on this page, which has to end somewhere.`,
    ),
  ];
}

function boxes({ legend, filters }: Choice): Markup {
  const labels = filters.map(({ name, count, box }) =>
    element(
      'label',
      {},
      element('input', { type: 'checkbox', id: box, checked: 'checked' }),
      ` ${name} (${grouped(count)})`,
    ),
  );
  return element('fieldset', {}, element('legend', {}, legend), labels);
}
