// The host that figures were taken on, and where they are kept, unless they are only a test's.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';

/** Of the package, whether this file is run as it is or compiled. */
export const ROOT = ['..', '../..']
  .map(up => resolve(import.meta.dirname, up))
  .find(at => existsSync(join(at, 'package.json')))!;

/** Set by `npm run bench -- --tiny`: what comes out is no figure. */
export const TINY_VARIABLE = 'EPOCHVISOR_BENCH_TINY';
export const isTiny = process.env[TINY_VARIABLE] !== undefined;

/** Set by `npm run bench -- --compare`: what comes out is one round of many. */
export const KEEP_NOTHING_VARIABLE = 'EPOCHVISOR_BENCH_KEEP_NOTHING';

/** Before the first round that counts there is one for file caches and the module cache. */
export const FIRST_ROUND = isTiny ? 0 : -1;

/** A guest of guest/programs, compiled. */
export function guestPath(name: string): string {
  return join(ROOT, 'guest', 'build', `${name}.wasm`);
}

/** Options of a machine as `run` has them by default. */
export const DEFAULT_MACHINE = {
  epochLength: 1_000_000,
  variant: 'deferred',
  counting: 'block',
  operationIds: true,
  maxMemory: 1 << 30,
} as const;

/** One line: what a reader has to know to compare. */
function describeHost(): string {
  const model = cpus()[0]?.model.trim() ?? 'an unknown processor';
  const load = loadavg()[0]!.toFixed(1);
  const date = new Date().toISOString().slice(0, 10);
  return `Node ${process.versions.node}, ${cpus().length} x ${model}, load before ${load}, ${date}.`;
}

// Read when a bench begins: its own load is not to be counted.
const host = describeHost();

/** Prints a result and keeps it as bench/results/NAME.md. */
export function publish(name: string, title: string, body: string, command = `bench ${name}`): void {
  const text = `# ${title}\n\n${host} Written by \`npm run ${command}\`.\n\n${body.trim()}\n`;
  console.log(text);
  keep(`${name}.md`, text);
}

/** Keeps a file of bench/results. */
export function keep(file: string, text: string): void {
  if (isTiny || process.env[KEEP_NOTHING_VARIABLE] !== undefined) return;
  const folder = join(ROOT, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), text);
}

/** The numbers of a flag, with commas between. */
export function numbers(list: string): number[] {
  return list.split(',').map(Number);
}

/** The value below which `part` (0 to 1) of all values lie. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
