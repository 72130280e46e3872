// Rules are written once: every label of rules.ts is cited by code and by tests.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../engine/protocol/rules.js';

const ROOT = join(import.meta.dirname, '..', '..');

/** Paths of the sources under `folder`, without those that would cite anything. */
function sources(folder: string, ...without: string[]): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !without.some(part => path.includes(part)))
    .map(path => join(ROOT, folder, path));
}

/** A label as an effect cites it (`rule: 'P0'`, `'P0'` as an argument), or a comment or a title (`P0:`, `(P0)`, `P0 to`). */
function cites(text: string, label: string): boolean {
  return new RegExp(`(^|[\\s('"\`/,])${label}($|[\\s)'"\`:,.;])`, 'm').test(text);
}

function citedIn(paths: readonly string[]): (label: string) => boolean {
  const texts = paths.map(path => readFileSync(path, 'utf8'));
  return label => texts.some(text => cites(text, label));
}

describe('the rules of the protocol', () => {
  const code = citedIn([...sources('engine', 'simulator', join('protocol', 'rules.ts')), ...sources('devices')]);
  const tests = citedIn(sources('test', 'rules.test.ts'));

  it.each(Object.keys(RULES))('%s is cited by code', label => {
    expect(code(label)).toBe(true);
  });

  it.each(Object.keys(RULES))('%s is cited by a test', label => {
    expect(tests(label)).toBe(true);
  });

  it('a label that nobody cites is seen', () => {
    expect(code('Q9')).toBe(false);
    expect(tests('Q9')).toBe(false);
    expect(cites("{ rule: 'P1', type }", 'P1')).toBe(true);
    expect(cites('rule P10 and XP1', 'P1')).toBe(false);
  });

  it('each rule says something', () => {
    for (const [label, text] of Object.entries(RULES)) {
      expect(text.length, label).toBeGreaterThan(20);
      expect(text.endsWith('.'), label).toBe(true);
    }
  });
});
