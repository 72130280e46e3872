// How a replica begins that nobody has given a view: in the first view of its machine, or by joining.
//
// The arbiter has a record of the machine from its birth on (view 0, which names nobody). While that is the latest, replicas
// announce themselves and call each other (peer-search.ts). When as many are linked as the machine wants, or after a wait, the
// earliest claims view 1 with itself as the primary and the next ones as backups. A claim is put if absent, so whoever claims,
// and however many do, there is one first view; everybody reads it. It names this replica: it begins there. It does not, or a
// later view is there: this replica joins. Where the arbiter has no record of the machine nothing may be concluded (its folder
// may not be mounted): it is asked again.
//
// The record decides, also over a claim that was answered: what was asked for and what is read can't differ then.

import type { Arbiter } from '../arbiter/arbiter.js';
import { isLater } from '../arbiter/members.js';
import { EpochvisorError } from '../errors/errors.js';
import type { View } from '../protocol/vocabulary.js';
import type { Timers } from '../threads/thread-ports.js';

/** The record of a machine that has no view yet. */
export const BIRTH_VIEW = 0;
const FIRST_VIEW = 1;

/** So long the earliest waits for as many as are wanted, ms: hosts that are started together. */
export const WAIT_MAX_MS = 3_000;
/** Likewise, whoever is not the earliest waits for it: it may hang. */
const WAIT_FOR_EARLIEST_MAX_MS = 10_000;
/** Pause between two looks: at first, and later on, ms. */
const LOOK_MS = 100;
const LOOK_LATER_MS = 1_000;

export interface FirstViewParts {
  readonly machine: string;
  readonly incarnation: string;
  /** Replicas of a machine that lacks none. */
  readonly wanted: number;
  readonly arbiter: Pick<Arbiter, 'claim' | 'read' | 'latest' | 'members'>;
  readonly timers: Pick<Timers, 'nowMs' | 'after'>;
  /** Whether a link to that replica stands. */
  readonly isLinked: (incarnation: string) => boolean;
  readonly newClaim: () => string;
  /** The arbiter has no record of the machine, or can't be reached; once each. */
  readonly waits: (reason: string) => void;
}

/**
 * The view to begin in; undefined: this replica joins.
 * @throws EpochvisorError VIEW_CORRUPT, MEMBER_CORRUPT, MACHINE_MALFORMED
 */
export async function findFirstView(parts: FirstViewParts): Promise<View | undefined> {
  const { machine, arbiter, timers, waits } = parts;
  const sinceMs = timers.nowMs();
  const said = new Set<string>();
  const say = (kind: string, reason: string) => {
    if (!said.has(kind)) waits(reason);
    said.add(kind);
  };
  let claim: View | undefined;
  for (;;) {
    try {
      const latest = await arbiter.latest(machine);
      if (latest === undefined) say('unknown', 'the arbiter has no record of this machine');
      else if (latest.number > BIRTH_VIEW) return await ownFirstView(parts, latest);
      else {
        // A claim whose answer was lost is made again as it was: its record may be there already.
        claim ??= await claimIfDue(parts, timers.nowMs() - sinceMs);
        if (claim !== undefined && (await arbiter.claim(claim)).result !== 'unreachable') continue;
      }
    } catch (error) {
      if (!(error instanceof EpochvisorError) || error.code !== 'ARBITER_UNREACHABLE') throw error;
      say(error.code, error.message);
    }
    const pauseMs = timers.nowMs() - sinceMs < WAIT_FOR_EARLIEST_MAX_MS ? LOOK_MS : LOOK_LATER_MS;
    await new Promise<void>(resolve => timers.after(pauseMs, resolve));
  }
}

/** Who is named in the first view begins there, also where the others are further by now: they tell it. */
async function ownFirstView(
  { machine, incarnation, arbiter }: FirstViewParts,
  latest: View,
): Promise<View | undefined> {
  if (!names(latest, incarnation)) return undefined;
  const first = latest.number === FIRST_VIEW ? latest : await arbiter.read(machine, FIRST_VIEW);
  return first !== undefined && names(first, incarnation) ? first : undefined;
}

async function claimIfDue(parts: FirstViewParts, waitedMs: number): Promise<View | undefined> {
  const { machine, incarnation, wanted, arbiter, isLinked, newClaim } = parts;
  const replicas = (await arbiter.members(machine)).filter(({ kind }) => kind === 'replica');
  const own = replicas.find(one => one.incarnation === incarnation);
  // Not announced yet.
  if (own === undefined) return undefined;
  const others = replicas
    .filter(one => one !== own && isLinked(one.incarnation))
    .sort((a, b) => (isLater(a, b) ? 1 : -1));
  const isEarliest = others.every(one => isLater(one, own));
  const isDue = isEarliest
    ? others.length + 1 >= wanted || waitedMs >= WAIT_MAX_MS
    : waitedMs >= WAIT_FOR_EARLIEST_MAX_MS;
  if (!isDue) return undefined;
  const backups = others.slice(0, wanted - 1).map(one => one.incarnation);
  return { number: FIRST_VIEW, machine, primary: incarnation, backups, claim: newClaim() };
}

function names({ primary, backups }: View, incarnation: string): boolean {
  return primary === incarnation || backups.includes(incarnation);
}
