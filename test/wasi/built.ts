// Programs in C, built by clang for WASI into a folder that git does not see.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const SOURCES = join(here, 'programs');
const BUILD = join(here, 'build');

/** Path of a program, built again where its source is newer. */
export function builtProgram(name: string): string {
  const source = join(SOURCES, `${name}.c`);
  const target = join(BUILD, `${name}.wasm`);
  mkdirSync(BUILD, { recursive: true });
  const built = statSync(target, { throwIfNoEntry: false });
  if (built === undefined || built.mtimeMs < statSync(source).mtimeMs) {
    execFileSync('clang', ['--target=wasm32-wasi', '-O2', '-Wall', source, '-o', target], { stdio: 'pipe' });
  }
  return target;
}

/** The program that leaves by longjmp, which clang makes exceptions of. */
export function builtUnwinder(): string {
  const sources = ['unwinder.c', 'jumps.c'].map(name => join(SOURCES, name));
  const target = join(BUILD, 'unwinder.wasm');
  mkdirSync(BUILD, { recursive: true });
  const built = statSync(target, { throwIfNoEntry: false });
  if (built === undefined || sources.some(source => built.mtimeMs < statSync(source).mtimeMs)) {
    const flags = ['--target=wasm32-wasi', '-O2', '-Wall', '-mexception-handling', '-mllvm', '-wasm-enable-sjlj'];
    execFileSync('clang', [...flags, ...sources, '-o', target], { stdio: 'pipe' });
  }
  return target;
}

export function builtModule(name: string): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(builtProgram(name)));
}
