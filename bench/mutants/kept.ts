// What is known of mutants from earlier runs, a line each in a file, so that a run that was interrupted goes on where it stood.
//
// A mutant that was found stays found as long as its module is the same. One that survived is tried again when anything has
// changed that could find it: the engine, the simulator, the tests.

import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import type { Mutant } from './mutations.js';
import type { Finding } from './trial.js';

interface Line {
  readonly module: string;
  readonly name: string;
  /** Of the module. */
  readonly code: string;
  /** Of all that is run. */
  readonly all: string;
  readonly finding: Finding;
}

export class Kept {
  readonly #path: string | undefined;
  readonly #all: string;
  /** Hash of each module. */
  readonly #codes: ReadonlyMap<string, string>;
  readonly #findings = new Map<string, Finding>();

  /** @param path undefined: nothing is kept */
  constructor(path: string | undefined, modules: ReadonlyMap<string, string>, all: string) {
    this.#path = path;
    this.#all = all;
    this.#codes = new Map([...modules].map(([module, code]) => [module, hashOf(code)]));
    for (const line of path === undefined ? [] : linesOf(path)) {
      if (line.code !== this.#codes.get(line.module)) continue;
      if (line.finding.by === 'survived' && line.all !== all) continue;
      this.#findings.set(keyOf(line), line.finding);
    }
  }

  of(mutant: Mutant): Finding | undefined {
    return this.#findings.get(keyOf(mutant));
  }

  keep(mutant: Mutant, finding: Finding): void {
    const { module, name } = mutant;
    this.#findings.set(keyOf(mutant), finding);
    if (this.#path === undefined) return;
    const line: Line = { module, name, code: this.#codes.get(module)!, all: this.#all, finding };
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
  }

  /** Seeds that have found something, those that found most first. */
  get productive(): string[] {
    const counts = new Map<string, number>();
    for (const finding of this.#findings.values()) {
      if (finding.by === 'seed') counts.set(finding.seed, (counts.get(finding.seed) ?? 0) + 1);
    }
    return [...counts].sort(([, one], [, other]) => other - one).map(([seed]) => seed);
  }
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

function keyOf({ module, name }: { readonly module: string; readonly name: string }): string {
  return `${module} ${name}`;
}

function linesOf(path: string): Line[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    // The last one may have been cut off.
    return lines.slice(0, -1).map(line => JSON.parse(line) as Line);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
