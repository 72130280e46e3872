// One mutant at a time in a copy of what was built: the seeds that found most so far, then the fast tests, then all seeds.
// A process that does not come to its end in time, or dies, has found something, too.

import { spawn } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../host.js';
import { owned, ownedFolder, removeFolder } from '../processes.js';
import type { Mutant } from './mutations.js';

/** Where the modules are, in `dist` and in a copy of it. */
export const PROTOCOL = 'engine/protocol';
/** Of `dist`, what a copy has. */
const COPIED = ['engine', 'devices', 'bench', 'test'];
const MEMORY_MAX_MEBIBYTES = 1024;
/** Nothing is written through the link to the packages; rules.test reads the sources, which no mutant changes. */
const VITEST_CONFIG = `export default {
  cacheDir: '.vite',
  test: { include: ['test/**/*.test.js'], exclude: ['**/rules.test.js'], testTimeout: 60_000 },
};
`;
/** For the seeds that are run first and the tests, ms: many times what they take. */
const FIRST_PATIENCE_MS = 60_000;

export interface Effort {
  /** Ranges of seeds, as seeds.ts takes them. */
  readonly seeds: readonly string[];
  /** Folders of tests, below `test`. */
  readonly tests: readonly string[];
  /** For all seeds, ms. */
  readonly patienceMs: number;
}

/** What found it; `survived`: nothing did. */
export type Finding =
  | { readonly by: 'seed'; readonly seed: string; readonly how: string }
  | { readonly by: 'test'; readonly how: string }
  | { readonly by: 'hang' | 'crash'; readonly how: string }
  | { readonly by: 'survived' };

interface Ended {
  readonly status: number | null;
  readonly output: string;
  readonly late: boolean;
}

export class Copy {
  readonly #folder = ownedFolder();
  readonly #effort: Effort;

  constructor(effort: Effort) {
    this.#effort = effort;
    for (const name of COPIED) cpSync(join(ROOT, 'dist', name), join(this.#folder, name), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(this.#folder, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(this.#folder, 'node_modules'));
    writeFileSync(join(this.#folder, 'vitest.config.js'), VITEST_CONFIG);
  }

  /** @param quick seeds that are run first */
  async try(mutant: Mutant, quick: readonly string[]): Promise<Finding> {
    const path = join(this.#folder, PROTOCOL, mutant.module);
    const code = readFileSync(path, 'utf8');
    writeFileSync(path, mutated(code, mutant));
    try {
      return await this.find(quick);
    } finally {
      writeFileSync(path, code);
    }
  }

  /** What is wrong with the copy as it stands. */
  async find(quick: readonly string[]): Promise<Finding> {
    for (const stage of [
      () => this.#seeds(quick, FIRST_PATIENCE_MS),
      () => this.#tests(),
      () => this.#seeds(this.#effort.seeds, this.#effort.patienceMs),
    ]) {
      const finding = await stage();
      if (finding.by !== 'survived') return finding;
    }
    return { by: 'survived' };
  }

  remove(): void {
    removeFolder(this.#folder);
  }

  async #seeds(ranges: readonly string[], patienceMs: number): Promise<Finding> {
    if (ranges.length === 0) return { by: 'survived' };
    const program = ['bench/mutants/seeds.js', ...ranges];
    const ended = await this.#node([`--max-old-space-size=${MEMORY_MAX_MEBIBYTES}`, ...program], patienceMs);
    if (ended.late) return { by: 'hang', how: 'a seed goes on for ever' };
    if (ended.status !== 0) return { by: 'crash', how: lastLine(ended.output) };
    const [, seed, how = ''] = /^(\w+:\d+) (.*)/.exec(ended.output) ?? [];
    return seed === undefined ? { by: 'survived' } : { by: 'seed', seed, how };
  }

  async #tests(): Promise<Finding> {
    if (this.#effort.tests.length === 0) return { by: 'survived' };
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const folders = this.#effort.tests.map(name => `test/${name}/`);
    const flags = ['--bail=1', '--no-color', '--maxWorkers=1', '--no-isolate', '--reporter=dot'];
    const ended = await this.#node([vitest, 'run', ...flags, ...folders], FIRST_PATIENCE_MS);
    if (ended.late) return { by: 'hang', how: 'a test goes on for ever' };
    if (ended.status === 0) return { by: 'survived' };
    const [, how = lastLine(ended.output)] = /FAIL\s+(.*)/.exec(ended.output) ?? [];
    return { by: 'test', how };
  }

  #node(args: readonly string[], patienceMs: number): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = owned(spawn(process.execPath, args, { cwd: this.#folder, stdio: ['ignore', 'pipe', 'pipe'] }));
      let output = '';
      let late = false;
      for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (output += text));
      const clock = setTimeout(() => {
        late = true;
        child.kill('SIGKILL');
      }, patienceMs);
      child.once('error', reject);
      child.once('close', status => {
        clearTimeout(clock);
        resolve({ status, output, late });
      });
    });
  }
}

function mutated(code: string, { from, to, text }: Mutant): string {
  return `${code.slice(0, from)}${text}${code.slice(to)}`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
