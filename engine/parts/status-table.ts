// The status of a machine as a table for people.

import { describeVerification } from '../observe/described-verification.js';
import { type MachineStatus, type PartStatus, textOf } from './machine-status.js';

const HEADER = ['ROLE', 'HOST', 'PID', 'VIEW', 'EPOCH', 'INSTRUCTIONS', 'LAG', 'MEMORY', 'ADDRESS'];
const MEBIBYTE = 2 ** 20;
/** Of ECMAScript. */
const TIME_MAX_MS = 8.64e15;

/** Lines without line ends. */
export function statusTable(status: MachineStatus): string[] {
  const { machine, view, reason } = status;
  const head = `machine ${machine}  view ${view}  ${status.protected ? 'Protected' : `Not protected (${reason})`}`;
  if (status.parts.length === 0) return [head, 'no part of it is announced'];
  const rows = [HEADER, ...status.parts.map(rowOf)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return [
    head,
    ...rows.map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    ),
    ...status.parts.flatMap(verificationOf),
    ...status.parts.flatMap(logOf),
  ];
}

/** What a replica can't write down any more, or not yet, lines. */
function logOf({ kind, host, report }: PartStatus): string[] {
  if (kind !== 'replica') return [];
  const replica = `replica on ${textOf(host) || '?'}`;
  const { code, why, since } = Object(report?.unlogged) as Record<string, unknown>;
  const waits = textOf(report?.logWaits);
  return [
    ...(code === undefined
      ? []
      : [`${replica}: writes no log since ${textOf(since)}: ${textOf(why)} [${textOf(code)}]`]),
    ...(waits === '' ? [] : [`${replica}: outputs wait: ${waits}`]),
  ];
}

/** How thoroughly a backup was compared with its primary (SD), a line. */
function verificationOf({ role, host, report }: PartStatus): string[] {
  if (role !== 'backup') return [];
  const { share, spent, comparisons, lastMs, covered, everyMs } = Object(report?.verification) as Record<
    string,
    unknown
  >;
  const isTime = isFigure(lastMs) && lastMs <= TIME_MAX_MS;
  if (!isTime || ![share, spent, comparisons, covered, everyMs].every(isFigure)) return [];
  const figures = { share, spent, comparisons, covered } as Record<
    'share' | 'spent' | 'comparisons' | 'covered',
    number
  >;
  const last = lastMs === 0 ? null : new Date(lastMs).toISOString();
  const told = describeVerification({ ...figures, last, everyMs: everyMs === 0 ? null : (everyMs as number) });
  return [`backup on ${textOf(host) || '?'}: ${told}`];
}

function isFigure(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

function rowOf({ kind, role, host, address, report, why }: PartStatus): string[] {
  const where = textOf(host) || '?';
  if (report === undefined) {
    return [`${kind}: no answer`, where, '-', '-', '-', '-', '-', '-', `${textOf(address)} (${textOf(why)})`];
  }
  const figure = (name: string) => (typeof report[name] === 'number' ? String(report[name]) : '-');
  const lag = role === 'primary' ? `${figure('lagMs')} ms` : '-';
  const { rssBytes } = report;
  const memory = typeof rssBytes === 'number' ? `${Math.round(rssBytes / MEBIBYTE)} MiB` : '-';
  return [role, where, figure('pid'), figure('view'), figure('epoch'), figure('count'), lag, memory, textOf(address)];
}
