// The status of a machine as a table for people.

import { type MachineStatus, type PartStatus, textOf } from './machine-status.js';

const HEADER = ['ROLE', 'HOST', 'PID', 'VIEW', 'EPOCH', 'INSTRUCTIONS', 'LAG', 'MEMORY', 'ADDRESS'];
const MEBIBYTE = 2 ** 20;

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
  ];
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
