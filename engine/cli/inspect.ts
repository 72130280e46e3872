// `epochvisor inspect GUEST.wasm`: what would be rewritten, what is refused, and why.

import { Command } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { type Inspection, inspectModule } from './inspection.js';
import { readGuest } from './machine-flags.js';
import { print } from './output.js';

/** Exit status for a module that can be read and not be run. */
const EXIT_REFUSED = 2;

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('show what would be rewritten, what is refused, and why')
    .argument('<GUEST.wasm>', 'a WebAssembly module')
    .option('--json', 'print JSON')
    .action((path: string, { json }: { json?: boolean }) => {
      const inspection = inspectModule(readGuest(path).module);
      print(json === true ? `${JSON.stringify(inspection, null, 2)}\n` : inspectionText(inspection));
      if (inspection.refused.length > 0) process.exitCode = EXIT_REFUSED;
    });
}

/** Names to the left, aligned; lists one to a line. */
export function inspectionText(inspection: Inspection): string {
  const { imports, features, refused, bytesBefore, bytesAfter } = inspection;
  const rows: [string, string][] = [
    ...list(
      'imports',
      imports.map(({ module, name, type }) => `${module}.${name} ${type}`),
    ),
    ...list('features', features),
    ['functions', count(inspection.functions)],
    ['loops', count(inspection.loops)],
    ['calls', count(inspection.calls)],
    ['safe points', count(inspection.safePoints)],
    ['snapshots', snapshots(inspection)],
    ['size', `${count(bytesBefore)} bytes`],
  ];
  if (bytesAfter !== undefined) {
    const ratio = (bytesAfter / bytesBefore).toFixed(2);
    rows.push([
      'rewritten',
      `${count(bytesAfter)} bytes (${ratio} times), in ${inspection.rewriting_ms!.toFixed(1)} ms`,
    ]);
  }
  rows.push(
    ...list(
      'refused',
      refused.map(({ code, message, hint }) => new EpochvisorError(code, message, hint).line),
    ),
  );
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(width)}  ${value}\n`)
    .join('');
}

/** Where snapshots can be taken; empty where that is not known. */
function snapshots({ safePoints, referencePoints }: Inspection): string {
  if (safePoints === undefined || referencePoints === undefined) return '';
  if (referencePoints === 0) return 'at every safe point';
  return `perhaps not at ${count(referencePoints)} safe points, where a function holds a reference`;
}

/** A row for each item, the name at the first only. */
function list(name: string, items: readonly string[]): [string, string][] {
  return items.length === 0 ? [[name, 'none']] : items.map((item, index) => [index === 0 ? name : '', item]);
}

/** Digits in groups of three; empty for what is not known. */
function count(value: number | undefined): string {
  return value === undefined ? '' : value.toLocaleString('en-US');
}
