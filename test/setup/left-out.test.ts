// What a machine lacks for some tests is told, each thing in one line, with the way to get it.

import { expect, test } from 'vitest';
import { leftOut } from './left-out.js';
import { needs } from './needs.js';
import { prepareAll, REQUIREMENTS, type RequirementName } from './requirements.js';

const skipped = (counts: Partial<Record<RequirementName, number>>) =>
  new Map(Object.entries(counts) as [RequirementName, number][]);

test('what cannot be had is missing, with the first line of the reason; the rest is prepared', () => {
  const prepared: string[] = [];
  const requirement = (prepare: () => void) => ({ what: 'something', howToGet: 'somewhere', prepare });
  const missing = prepareAll({
    here: requirement(() => void prepared.push('here')),
    away: requirement(() => {
      throw new Error('clang is not installed\nand more');
    }),
    also: requirement(() => void prepared.push('also')),
  });
  expect(missing).toEqual({ away: 'clang is not installed' });
  expect(prepared).toEqual(['here', 'also']);
});

test('each thing that cost a test is one line: how many, what, why, and how to get it', () => {
  const missing = { c: 'clang is not installed', rust: 'no rustc has the target wasm32-wasi', ruby: 'no network' };
  expect(leftOut(missing, skipped({ c: 12, ruby: 1 }))).toEqual([
    `12 tests skipped for want of ${REQUIREMENTS.c.what}: clang is not installed. To run: ${REQUIREMENTS.c.howToGet}`,
    `1 test skipped for want of ${REQUIREMENTS.ruby.what}: no network. To run: ${REQUIREMENTS.ruby.howToGet}`,
  ]);
});

test('where nothing is missing, nothing is said', () => {
  expect(leftOut({}, skipped({ c: 3 }))).toEqual([]);
});

test.each(Object.keys(REQUIREMENTS) as RequirementName[])('a test that needs %s says so to the reporter', name => {
  expect(needs(name).meta).toEqual({ needs: name });
});
