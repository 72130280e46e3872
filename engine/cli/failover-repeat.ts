// The command that repeats one point of a failover test: the flags that were given, but those that chose the points.

import type { KillPoint } from '../testing/kill-hook.js';
import { describePoint } from '../testing/kill-points.js';

/** They choose points, or say what becomes of the report; all of them take a value. */
const LEFT_OUT: readonly string[] = [
  ...['--at', '--sweep', '--points', '--limit', '--seed', '--second-kill', '--variant'],
  ...['--jobs', '--report', '--html', '--junit', '--timelines'],
];
const LEFT_OUT_ALONE: readonly string[] = ['--json'];

export interface RepeatedPoint {
  readonly point: KillPoint;
  readonly second?: KillPoint;
  readonly variant: string;
}

/** @param flags as they were given, before the guest; @param guest and its arguments */
export function repeatCommand(
  flags: readonly string[],
  guest: readonly string[],
  { point, second, variant }: RepeatedPoint,
): string {
  const kept: string[] = [];
  for (let at = 0; at < flags.length; at++) {
    const flag = flags[at]!;
    if (LEFT_OUT.includes(flag)) at += 1;
    else if (!LEFT_OUT_ALONE.includes(flag) && !LEFT_OUT.includes(flag.split('=')[0]!)) kept.push(flag);
  }
  const where = point.at === 'count' ? `count:${point.count}` : describePoint(point);
  const again = second === undefined ? [] : ['--second-kill', describePoint(second)];
  return ['epochvisor', 'failover', ...kept, '--variant', variant, '--at', where, ...again, ...guest]
    .map(quoted)
    .join(' ');
}

/** For a shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
