// What comparing the replicas' state has come to (SD), in words.

import type { VerificationStatus } from './status.js';

type Told = Omit<VerificationStatus, 'divergences'> & Partial<Pick<VerificationStatus, 'divergences'>>;

export function describeVerification(told: Told): string {
  const { comparisons, covered, everyMs, last, spent, share, divergences } = told;
  const of = `${percentOf(spent)} of the time, at most ${percentOf(share)}`;
  if (comparisons === 0 && !divergences) return `state was never compared (${of})`;
  const memory = covered >= 1 ? 'all of memory' : `${percentOf(covered)} of memory`;
  const again = everyMs === null ? '' : `, again after ${seconds(everyMs)}`;
  const when = last === null ? '' : `, last at ${last}`;
  const differed = divergences ? `; ${divergences} ${divergences === 1 ? 'replica' : 'replicas'} differed` : '';
  return `state compared ${times(comparisons)}${when}: ${memory}${again} (${of})${differed}`;
}

/** Rounded down: `all` and 100 % are for what is whole. */
function percentOf(part: number): string {
  const percent = 100 * part;
  return `${percent >= 10 ? Math.floor(percent) : Math.floor(100 * percent) / 100} %`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${ms} ms` : `${Math.round(ms / 1000)} s`;
}
