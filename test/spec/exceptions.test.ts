// Scripts of our own for exceptions, in both forms, through counting, suspension at every boundary and fresh instances.
//
// The standard form has to run on a Node whose V8 knows the legacy form only, so plain V8 is the oracle where it can be.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONTINUED_AFRESH, type Engine, MATRIX, plain, SUSPENDED } from './engines.js';
import { runScript } from './run.js';
import { loadFile } from './suite.js';

const FOLDER = join(import.meta.dirname, 'exceptions');
const SCRIPTS = readdirSync(FOLDER).filter(name => name.endsWith('.wast'));

function complaints(name: string, engine: Engine): string[] {
  return runScript(loadFile(join(FOLDER, name)), engine)
    .filter(({ complaint }) => complaint !== undefined)
    .map(({ line, type, complaint }) => `${name}:${line} ${type}: ${complaint}`);
}

test('plain V8 agrees with the script of the legacy form', () => {
  expect(complaints('legacy.wast', plain)).toEqual([]);
});

/** A function that throws a reference to an exception: `ref.null exn  throw_ref`. */
const STANDARD = [
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 7, 1, 5, 0, 0xd0, 0x69, 0x0a, 0x0b,
];
const hasStandard = WebAssembly.validate(Uint8Array.from(STANDARD));

test('plain V8 agrees with the script of the standard form from Node 22 on; before it has that form not', () => {
  expect(hasStandard).toBe(Number(process.versions.node.split('.')[0]) >= 22);
  if (hasStandard) expect(complaints('standard.wast', plain)).toEqual([]);
});

describe.each([...MATRIX, ...SUSPENDED, ...CONTINUED_AFRESH])('exceptions: $name', engine => {
  test.each(SCRIPTS)('%s passes', name => {
    expect(complaints(name, engine)).toEqual([]);
  });
});
