// The page: well-formed, self-contained, bounded, filtered by style alone, and readable for everybody.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { FailoverReport } from '../../../engine/cli/reporting/failover-report.js';
import { asPage } from '../../../engine/cli/reporting/page.js';
import { FAILURES_MAX, OTHERS_MAX, TABLE_ROWS_MAX } from '../../../engine/cli/reporting/page-choice.js';
import { COLOURS } from '../../../engine/cli/reporting/page-style.js';
import type { PointRecord } from '../../../engine/testing/point-record.js';
import { FAILED, HOSTILE, PASSED, reportOf, UNREACHED, WICKED } from './sample-records.js';
import { descendants, parseXml, textOf, type XmlElement } from './strict-xml.js';

/** A browser reads what is in a style sheet as it stands: for XML it must be the same. */
function read(report: FailoverReport): { source: string; page: XmlElement } {
  const source = asPage(report);
  expect(source.startsWith('<!DOCTYPE html>\n')).toBe(true);
  const page = parseXml(source);
  const ids = descendants(page).flatMap(({ attributes: { id } }) => id ?? []);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { attributes } of descendants(page)) {
    const named = [attributes['aria-labelledby'], attributes.href?.slice(1)].flatMap(text => text?.split(' ') ?? []);
    for (const id of named) expect(ids).toContain(id);
  }
  return { source, page };
}

const byClass = (page: XmlElement, name: string) =>
  descendants(page).filter(({ attributes }) => attributes.class?.split(' ').includes(name));
const rowsOf = (page: XmlElement) => descendants(byClass(page, 'points')[0]!, 'tr').slice(1);
const times = (count: number, record: PointRecord): PointRecord[] =>
  Array.from({ length: count }, (_, index) => ({ ...record, asked: `${index}:0` }));

describe('a page', () => {
  const { source, page } = read(reportOf([PASSED, FAILED, UNREACHED]));

  test('says what was tested, and the verdicts', () => {
    const text = textOf(page);
    expect(text).toContain('Failover of hello.wasm');
    expect(text).toContain('✗ 1 of 3 points failed; 1 not reached');
    expect(text).toContain('--sweep all');
    expect(text).toContain('11747 instructions');
    expect(rowsOf(page).map(row => textOf(row.children[1]!))).toEqual(['✓ same', '✗ different', '○ not reached']);
  });

  test('tells of a failure where the histories part, what was in flight, and the command', () => {
    const [article] = byClass(page, 'failure');
    const text = textOf(article!);
    for (const word of [FAILED.detail, '"two"', 'sent up to 17, acknowledged up to 9', '64 bytes held back']) {
      expect(text).toContain(word);
    }
    expect(textOf(byClass(article!, 'command')[0]!)).toBe(FAILED.repeat);
  });

  test('loads nothing, and allows nothing but its own style', () => {
    expect(source).not.toMatch(/<script|<link|<img|url\(|@import|src=|https?:(?!\/\/www\.w3\.org\/)/);
    const style = descendants(page, 'style')[0]!.text;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(source).toContain(`default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;`);
    expect(descendants(page).every(({ attributes }) => attributes.style === undefined)).toBe(true);
  });

  test('has a box for every verdict and kind that hides exactly its rows', () => {
    const style = descendants(page, 'style')[0]!.text;
    const boxes = descendants(page, 'input').map(({ attributes }) => attributes.id!);
    expect(boxes).toEqual([
      ...['show-v-same', 'show-v-not-reached', 'show-v-different'],
      ...['show-k-instruction', 'show-k-io', 'show-k-message'],
    ]);
    for (const box of boxes) {
      const rows = box.replace('show-', '');
      expect(style).toContain(`body:has(#${box}:not(:checked)) tr.${rows}{display:none}`);
      expect(rowsOf(page).filter(({ attributes }) => attributes.class!.split(' ').includes(rows))).toHaveLength(1);
    }
  });

  test('has for each picture its name and the same in words', () => {
    const pictures = descendants(page, 'svg');
    expect(pictures.every(({ attributes }) => attributes.role === 'img')).toBe(true);
    const [timeline] = byClass(page, 'timed');
    const words = descendants(timeline!, 'li').map(textOf);
    expect(words).toHaveLength(13);
    expect(words).toContain('−3.00 ms, primary, view 1, epoch 2: message 1, send log');
    expect(words).toContain('0 ms, primary, view 1, epoch 4: killed: after send log');
    expect(words.at(-1)).toBe('+3.00 ms, backup, view 2, epoch 8: output 1, release stream');
  });
});

test('what a guest writes is text', () => {
  const { source, page } = read(reportOf([WICKED, PASSED], { guest: HOSTILE, facts: [[HOSTILE, HOSTILE]] }));
  expect(source).not.toContain('<script');
  expect(descendants(page, 'script')).toEqual([]);
});

test.each([
  ['without points', [], false, '○ 0 points, none failed, and yet no pass'],
  ['of one point', [PASSED], false, '✓ 1 point, none failed'],
  ['that was interrupted', [PASSED], true, '○ 1 point, none failed, and yet no pass'],
  ['where nobody was struck', [UNREACHED], false, '○ 1 point, none failed, and yet no pass; 1 not reached'],
])('a sweep %s has its page', (_, records, interrupted, words) => {
  const { page } = read(reportOf(records, { interrupted }));
  expect(textOf(byClass(page, 'verdict')[0]!)).toBe(words);
});

test('of very many points all failures are in the table, and what is left out is said', () => {
  const others = times(20_000, { ...PASSED, timeline: FAILED.timeline! });
  const failures = times(150, FAILED).map((record, index) => ({ ...record, asked: `message:${index + 1}:after` }));
  const { source, page } = read(reportOf([...others, ...failures]));
  const rows = rowsOf(page);
  expect(rows).toHaveLength(TABLE_ROWS_MAX);
  expect(rows.filter(({ attributes }) => attributes.class!.includes('v-different'))).toHaveLength(150);
  expect(byClass(page, 'failure')).toHaveLength(FAILURES_MAX);
  expect(byClass(page, 'point')).toHaveLength(FAILURES_MAX + OTHERS_MAX);
  expect(textOf(page)).toContain('15,150 more points are not on this page');
  expect(textOf(page)).toContain('50 more failures are not on this page');
  expect(textOf(page)).toContain('19,900 more timelines are not on this page');
  expect(source.length).toBeLessThan(6e6);
});

describe.each(['light', 'dark'] as const)('in %s', scheme => {
  const { background, raised, line: _, ...inks } = COLOURS[scheme];

  test.each(Object.entries(inks))('%s is told from what is behind it', (_, ink) => {
    for (const behind of [background, raised]) expect(contrast(ink, behind)).toBeGreaterThan(4.5);
  });
});

/** By WCAG 2. */
function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light! + 0.05) / (dark! + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map(at => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
