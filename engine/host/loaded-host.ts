// A host module, loaded: what it declares, and whether that is what the machine was started with.
//
// The launcher loads it first, and says in the machine's options what it found; every replica loads the same file, and halts
// where it is another one by then.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { EpochvisorError } from '../errors/errors.js';
import type { HostClass, HostFunction, HostKind, HostResult } from './host-function.js';
import { reasonOf } from './host-values.js';

/** A function as the machine's options have it. */
export interface DeclaredFunction {
  readonly module: string;
  readonly name: string;
  readonly class: HostClass;
  readonly params: readonly HostKind[];
  readonly result: HostResult;
}

/** The host functions of a machine: plain data. */
export interface HostOptions {
  /** Absolute. */
  readonly path: string;
  /** SHA-256 of that file, hexadecimal. What it imports is not looked at. */
  readonly hash: string;
  /** In the order of the file; io functions are named by their place in it. */
  readonly functions: readonly DeclaredFunction[];
}

export interface LoadedFunction extends DeclaredFunction {
  readonly function: HostFunction;
}

export interface LoadedHost {
  readonly options: HostOptions;
  readonly functions: readonly LoadedFunction[];
}

const KINDS: readonly string[] = ['i32', 'i64', 'f32', 'f64', 'bytes', 'text'];
const CLASSES: readonly string[] = ['pure', 'environment', 'io'];
/** Modules that a guest imports of the machine itself. */
const OWN_MODULES: readonly string[] = ['epochvisor', 'wasi_snapshot_preview1'];

/** @throws EpochvisorError HOST_MISSING, HOST_FAILED, HOST_INVALID */
export async function loadHost(path: string): Promise<LoadedHost> {
  const hash = createHash('sha256').update(read(path)).digest('hex');
  let exported: unknown;
  try {
    exported = ((await import(pathToFileURL(path).href)) as { readonly default?: unknown }).default;
  } catch (error) {
    throw new EpochvisorError('HOST_FAILED', `the host module ${path} can't be loaded: ${reasonOf(error)}`);
  }
  const functions = [...entriesOf(exported, path)];
  const declared = functions.map(({ function: _, ...one }) => one);
  return { options: { path, hash, functions: declared }, functions };
}

/** At a replica. @throws EpochvisorError HOST_CHANGED, and as `loadHost` */
export async function loadSameHost(options: HostOptions): Promise<LoadedHost> {
  const loaded = await loadHost(options.path);
  if (
    loaded.options.hash === options.hash &&
    JSON.stringify(loaded.options.functions) === JSON.stringify(options.functions)
  ) {
    return loaded;
  }
  throw new EpochvisorError(
    'HOST_CHANGED',
    `the host module ${options.path} is not the one that the machine was started with`,
    'put that one back: a machine keeps its host functions for life',
  );
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError('HOST_MISSING', `the host module ${path} can't be read: ${code ?? message}`);
  }
}

function* entriesOf(exported: unknown, path: string): Generator<LoadedFunction> {
  const invalid = (what: string) =>
    new EpochvisorError('HOST_INVALID', `the host module ${path}: ${what}`, 'docs/embedding.md shows one');
  if (typeof exported !== 'object' || exported === null) throw invalid('it has no default export with functions');
  for (const [module, names] of Object.entries(exported)) {
    if (OWN_MODULES.includes(module)) throw invalid(`the module '${module}' is the machine's own`);
    if (typeof names !== 'object' || names === null) throw invalid(`'${module}' has no functions`);
    for (const [name, value] of Object.entries(names as Record<string, unknown>)) {
      const wrong = wrongWith(value);
      if (wrong !== undefined) throw invalid(`${module}.${name} ${wrong}`);
      const { class: kind, params, result } = value as HostFunction;
      yield { module, name, class: kind, params, result, function: value as HostFunction };
    }
  }
}

function wrongWith(value: unknown): string | undefined {
  const { class: kind, params, result, call, whenUncertain } = Object(value) as Partial<HostFunction>;
  if (!CLASSES.includes(kind ?? '') || typeof call !== 'function') return 'is not made by pure, environment or io';
  if (!Array.isArray(params) || params.some(one => !KINDS.includes(one))) return `has a parameter of no kind`;
  if (result !== 'nothing' && !KINDS.includes(result ?? '')) return 'has a result of no kind';
  if (whenUncertain !== undefined && (result !== 'i32' || !Number.isInteger(whenUncertain))) {
    return 'says whenUncertain, and has no result that could say it (i32)';
  }
  return undefined;
}
