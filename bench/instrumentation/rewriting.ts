// How fast modules are rewritten and how much they grow: real modules, each rewritten again and again by tinybench.

import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Bench } from 'tinybench';
import { withPackage } from '../../engine/cli/npm-package.js';
import { instrument } from '../../engine/index.js';
import { isTiny } from '../host.js';
import { RUBY, RUBY_VERSION, UNPACKED } from '../wasi/programs.js';
import { build } from './build.js';
import { now_ms } from './clock.js';
import { KERNELS, MIXED } from './kernels.js';

export interface RewritingResult {
  readonly module: string;
  readonly bytes: number;
  readonly bytes_after: number;
  readonly mb_per_s: number;
}

/** The Ruby interpreter from npm, fetched into an ignored folder on first use: 17 MB from a real compiler. */
function rubyModule(): string {
  const path = resolve('.cache', 'bench', 'ruby.wasm');
  if (existsSync(path)) return path;
  withPackage(UNPACKED, RUBY, RUBY_VERSION, folder => {
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(join(folder, 'dist', 'ruby.wasm'), path);
  });
  return path;
}

export async function measureRewriting(withRuby: boolean): Promise<RewritingResult[]> {
  const tokens = KERNELS.find(kernel => kernel.name === 'tokens')!;
  const modules: [string, string][] = [
    ['tokens (AssemblyScript)', build(tokens)],
    ['mixed (C, wasi-libc)', build(MIXED)],
  ];
  if (withRuby) modules.push(['Ruby 3.4 interpreter', rubyModule()]);
  const results: RewritingResult[] = [];
  for (const [module, path] of modules) {
    const bytes = new Uint8Array(readFileSync(path));
    const bench = new Bench({
      time: isTiny ? 50 : 1000,
      iterations: 5,
      warmupIterations: 2,
      warmupTime: 100,
      now: now_ms,
    });
    bench.add(module, () => {
      instrument(bytes);
    });
    await bench.run();
    const result = bench.tasks[0]!.result;
    if (!('latency' in result)) throw new Error(`rewriting ${module} failed`);
    const mb_per_s = bytes.length / 1e6 / (result.latency.p50 / 1e3);
    results.push({ module, bytes: bytes.length, bytes_after: instrument(bytes).module.length, mb_per_s });
  }
  return results;
}
