// Scripts of our own for relaxed vector operations and atomics, through counting, suspension at every boundary, fresh instances.
//
// Plain V8 is the oracle for atomics; of relaxed operations it may give what the processor does.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONTINUED_AFRESH, type Engine, MATRIX, plain, SUSPENDED } from './engines.js';
import { runScript } from './run.js';
import { loadFile } from './suite.js';

const FOLDER = join(import.meta.dirname, 'substitution');
const SCRIPTS = readdirSync(FOLDER).filter(name => name.endsWith('.wast'));

function complaints(name: string, engine: Engine): string[] {
  return runScript(loadFile(join(FOLDER, name)), engine)
    .filter(({ complaint }) => complaint !== undefined)
    .map(({ line, type, complaint }) => `${name}:${line} ${type}: ${complaint}`);
}

test('plain V8 agrees with the script of atomics', () => {
  expect(complaints('atomics.wast', plain)).toEqual([]);
});

describe.each([...MATRIX, ...SUSPENDED, ...CONTINUED_AFRESH])('replaced instructions: $name', engine => {
  test.each(SCRIPTS)('%s passes', name => {
    expect(complaints(name, engine)).toEqual([]);
  });
});
