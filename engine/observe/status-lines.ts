// The status of a machine that a launcher of this host has, in lines for people.

import { describeVerification } from './described-verification.js';
import type { LastFailover, ReplicaFigures, Status } from './status.js';

const HEADER = ['ROLE', 'PID', 'EPOCH', 'INSTRUCTIONS', 'MEMORY'];
const UNITS = ['', ' k', ' M', ' G', ' T'];
const SIZES = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Which machine it is, and whether it is protected. */
export function statusHead(status: Status): string {
  const { machine, view, launcher } = status;
  const guest = launcher === undefined ? '' : `  ${plain(launcher.guest.split('/').at(-1)!)}  pid ${launcher.pid}`;
  const protection = status.protected ? 'Protected' : `Not protected (${plain(status.reason)})`;
  return `machine ${machine}${guest}  view ${view}  ${protection}`;
}

/** Lines without line ends. @param nowMs since 1970 */
export function statusLines(status: Status, nowMs: number): string[] {
  const { launcher, logWaits } = status;
  const rows = [HEADER, ...status.replicas.map(rowOf)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  const started =
    launcher === undefined ? '' : `on ${plain(launcher.host)} for ${age(nowMs - Date.parse(launcher.since))}, `;
  const failures = status.failovers === undefined ? '' : `, ${many(status.failovers, 'failover')}`;
  return [
    statusHead(status),
    ...rows.map(row => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd()),
    `  ${started}${scaled(status.instructionsPerSecond)} instructions/s in epochs of ${scaled(status.epochLength)}${failures}`,
    `  backup behind by ${status.lagMs} ms, ${many(status.lagEntries, 'entry', 'entries')}; log ${sized(status.logBytesPerSecond)}/s`,
    `  output held: ${sized(status.heldBytes)}${status.heldMs > 0 ? `, for ${status.heldMs} ms` : ''}; ${many(status.outstanding, 'operation')} outstanding`,
    `  ${describeVerification(status.verification)}`,
    ...failoverLines(status.lastFailover ?? undefined, nowMs),
    ...(logWaits === undefined ? [] : [`  outputs wait: ${plain(logWaits)}`]),
  ];
}

function rowOf({ role, pid, epoch, instructions, rssBytes }: ReplicaFigures): string[] {
  return [role, String(pid), String(epoch), String(instructions), rssBytes === 0 ? '-' : sized(rssBytes)];
}

function failoverLines(last: LastFailover | undefined, nowMs: number): string[] {
  if (last === undefined) return [];
  const { view, at, silentMs, failoverEpoch, uncertain } = last;
  const silent = silentMs === null ? '' : `, after ${silentMs} ms of silence`;
  const live =
    uncertain === null ? ', not live yet' : `, epoch ${failoverEpoch}, ${many(uncertain, 'operation')} uncertain`;
  return [`  last failover ${age(nowMs - Date.parse(at))} ago (${at}): view ${view}${silent}${live}`];
}

function many(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}

/** Three digits: 0, 999, 12.3 M. */
function scaled(value: number): string {
  return digits(value, 1000, UNITS, '');
}

function sized(bytes: number): string {
  return digits(bytes, 1024, SIZES, ' ');
}

function digits(value: number, step: number, units: readonly string[], space: string): string {
  let [rest, at] = [value, 0];
  while (rest >= step && at < units.length - 1) {
    rest /= step;
    at += 1;
  }
  const text = at === 0 || rest >= 100 ? rest.toFixed(0) : rest.toFixed(rest >= 10 ? 1 : 2);
  return `${text}${space}${units[at]}`;
}

function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** For a terminal: a name does nothing to it. */
function plain(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}
