// Compiles the kernels into .cache/bench: C with clang, AssemblyScript with asc. Rebuilt when a source is newer.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { type Kernel, MIXED } from './kernels.js';

const SOURCES = resolve('bench', 'instrumentation', 'kernels');
const BUILT = resolve('.cache', 'bench', 'instrumentation');

// Vectorising is left to the kernels that are about SIMD: else most float loops would measure the same thing.
const FREESTANDING = ['--target=wasm32', '-O2', '-nostdlib', '-ffreestanding', '-mbulk-memory', '-msimd128'];
const SCALAR = ['-fno-vectorize', '-fno-slp-vectorize', '-Wl,--no-entry'];

/** The path of the kernel's binary, compiled where needed. Throws when a compiler is missing or refuses. */
export function build(kernel: Kernel): string {
  const source = join(SOURCES, kernel.source);
  const target = join(BUILT, `${kernel.name}-${kernel.size}.wasm`);
  if (existsSync(target) && statSync(target).mtimeMs > statSync(source).mtimeMs) return target;
  mkdirSync(BUILT, { recursive: true });
  const [command, args] = compiler(kernel, source, target);
  const run = spawnSync(command, args, { encoding: 'utf8' });
  if (run.error !== undefined)
    throw new Error(`${command} cannot be run (${run.error.message}): install clang and lld`);
  if (run.status !== 0) throw new Error(`${command} failed on ${source}:\n${run.stderr}`);
  return target;
}

function compiler(kernel: Kernel, source: string, target: string): [string, string[]] {
  if (extname(source) === '.ts') {
    const asc = join('node_modules', 'assemblyscript', 'bin', 'asc.js');
    return [process.execPath, [asc, source, '-O3', '--runtime', 'incremental', '-o', target]];
  }
  if (kernel === MIXED) {
    return ['clang', ['--target=wasm32-wasi', '-O2', `-DITERATIONS=${kernel.size}`, source, '-o', target]];
  }
  return ['clang', [...FREESTANDING, ...SCALAR, source, '-o', target]];
}
