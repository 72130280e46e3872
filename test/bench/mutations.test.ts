// Which small mistakes does `npm run mutants` make of a module, and is what it keeps of them used again?

import { appendFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Kept } from '../../bench/mutants/kept.js';
import { type Mutant, mutantsOf } from '../../bench/mutants/mutations.js';
import { TestFolder } from '../building/test-folder.js';

const NO_MAP = JSON.stringify({ version: 3, sources: ['m.ts'], names: [], mappings: '' });

function mutants(code: string): Mutant[] {
  return mutantsOf('m.js', code, NO_MAP);
}

/** What becomes of the code, in order. */
function results(code: string): string[] {
  return mutants(code).map(({ from, to, text }) => `${code.slice(0, from)}${text}${code.slice(to)}`);
}

describe('a mutant', () => {
  test('turns a condition round, and never meets it where nothing else is done', () => {
    expect(results('if (a(1e9)) b(c);')).toEqual(['if ((!(a(1e9)))) b(c);', 'if ((false)) b(c);', 'if (a(1e9)) ;']);
    expect(results('x = a ? b : c;')).toEqual([';', 'x = (!(a)) ? b : c;']);
  });

  test('swaps comparisons, sums and the lesser of two', () => {
    expect(results('export const x = a <= b;')).toEqual(['export const x = (a < b);']);
    expect(results('if (a === b) c;')).toEqual(['if ((false)) c;', 'if ((a !== b)) c;', 'if (a === b) ;']);
    expect(results('export const x = a - b;')).toEqual(['export const x = (a + b);']);
    expect(results('export const x = Math.min(a, b);')).toEqual(['export const x = (Math.max(a, b));']);
  });

  test('takes one side of what needs both, or either', () => {
    expect(results('export const x = a && b;')).toEqual(['export const x = (a);', 'export const x = (b);']);
  });

  test('is one off where few are counted', () => {
    expect(results('export const x = [0, 1000, true];')).toEqual([
      'export const x = [(1), 1000, true];',
      'export const x = [0, 1000, (false)];',
    ]);
  });

  test('leaves out a statement, and a part of what is done in one go', () => {
    expect(results('a.push(b(), c());')).toEqual([';', 'a.push(c());', 'a.push(b());']);
    expect(results('export const x = [a(), ...b];')).toEqual(['export const x = [...b];', 'export const x = [a()];']);
  });

  test('touches neither assertions nor words', () => {
    expect(results("assert(a < b, 'c'); export const x = `$" + "{a ? b : 1}`, y = 'a' + b;")).toEqual([]);
  });

  test('has a name of its own, by the function that it is in', () => {
    const code = 'class A { #b() { c(); c(); } }\nfunction d() { e(); }';
    const names = ['A.#b: without c();', 'A.#b: without c(); (2)', 'd: without e();'];
    expect(mutants(code).map(({ name }) => name)).toEqual(names);
  });
});

describe('what is kept', () => {
  const folder = new TestFolder();
  const [one, other] = mutants('a(); b();') as [Mutant, Mutant];
  const seed = { by: 'seed', seed: 'run:3', how: '' } as const;
  const open = (code: string, all: string) => new Kept(folder.file('kept'), new Map([['m.js', code]]), all);

  test('is there again, but for survivors once anything has changed', () => {
    const kept = open('code', 'all');
    kept.keep(one, seed);
    kept.keep(other, { by: 'survived' });
    expect([one, other].map(mutant => open('code', 'all').of(mutant))).toEqual([seed, { by: 'survived' }]);
    expect([one, other].map(mutant => open('code', 'more tests').of(mutant))).toEqual([seed, undefined]);
    expect([one, other].map(mutant => open('other code', 'all').of(mutant))).toEqual([undefined, undefined]);
  });

  test('goes without a line that was cut off', () => {
    open('code', 'all').keep(one, seed);
    appendFileSync(folder.file('kept'), '{"module":');
    expect(open('code', 'all').of(one)).toEqual(seed);
  });

  test('names the seeds that found most first', () => {
    const kept = open('code', 'all');
    kept.keep(one, { ...seed, seed: 'run:1' });
    kept.keep(other, seed);
    kept.keep({ ...other, name: 'third' }, seed);
    expect(kept.productive).toEqual(['run:3', 'run:1']);
  });
});
