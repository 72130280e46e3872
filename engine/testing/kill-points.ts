// Where the primary is killed: points named by a user, and points spread over a run.

import { EpochvisorError } from '../errors/errors.js';
import type { KillPoint } from './kill-hook.js';

/** Each point is two processes and a whole run of the guest: more in one go is a mistake, not a wish. */
export const POINTS_MAX = 10_000;

/** `EPOCH:INSTRUCTION`, both from 0. @throws EpochvisorError BAD_POINT */
export function parsePoint(text: string): KillPoint {
  const match = /^(\d{1,15}):(\d{1,15})$/.exec(text.replaceAll('_', ''));
  if (match === null) {
    throw new EpochvisorError(
      'BAD_POINT',
      `'${text}' is no point to kill at`,
      'write EPOCH:INSTRUCTION, such as 3:50000',
    );
  }
  return { at: 'epoch', epoch: Number(match[1]), instruction: Number(match[2]) };
}

/** `every:K`: K, in instructions. @throws EpochvisorError BAD_POINT */
export function parseSweep(text: string): number {
  const every = Number(/^every:([\d_]+|\d+e\d+)$/.exec(text)?.[1]?.replaceAll('_', ''));
  if (!Number.isSafeInteger(every) || every < 1) {
    throw new EpochvisorError(
      'BAD_POINT',
      `'${text}' is no sweep`,
      'write every:K, K instructions, such as every:1000000',
    );
  }
  return every;
}

/** Every `every` instructions of a run of `instructions`. @throws EpochvisorError BAD_POINT where they are too many */
export function pointsEvery(every: number, instructions: number): KillPoint[] {
  const count = Math.max(1, Math.floor((instructions - 1) / every));
  if (count > POINTS_MAX) {
    const least = Math.ceil(instructions / POINTS_MAX);
    throw new EpochvisorError(
      'BAD_POINT',
      `every:${every} makes ${count} points of a run of ${instructions} instructions`,
      `at most ${POINTS_MAX}: take every:${least} or more`,
    );
  }
  return Array.from({ length: count }, (_, index) => ({ at: 'count', count: (index + 1) * every }));
}

/** `count` points with equal distances between them and to both ends of a run of `instructions`. */
export function pointsSpread(count: number, instructions: number): KillPoint[] {
  return Array.from({ length: count }, (_, index) => ({
    at: 'count',
    count: Math.max(1, Math.round(((index + 1) * instructions) / (count + 1))),
  }));
}

/** As a user writes it: `EPOCH:INSTRUCTION`, or the instruction count alone. */
export function describePoint(point: KillPoint): string {
  return point.at === 'epoch' ? `${point.epoch}:${point.instruction}` : String(point.count);
}
