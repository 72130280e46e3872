// Of a seed that fails: the shortest run that fails in the same way, told in words, and the command that repeats it.

import { cutText, possibleCuts, without } from '../simulator/cuts.js';
import { choiceOf, DEFAULT_KIND } from '../simulator/kinds.js';
import { type Parts, PRODUCTION } from '../simulator/parts.js';
import type { RunOptions } from '../simulator/run-plan.js';
import { shrink } from '../simulator/shrink.js';
import { simulate } from '../simulator/simulated-run.js';
import { Story } from '../simulator/story.js';

/** Lines. @param failure of that run, uncut */
export function shortestStory(seed: number, kind: string, failure: string, parts: Parts = PRODUCTION): string[] {
  const run = choiceOf(kind)(seed);
  const cuts = shrink(run, failure, (tried: RunOptions) => simulate(tried, parts).failure);
  const story = new Story();
  const short = simulate(without(run, cuts), parts, { see: (atMs, seen) => story.see(atMs, seen) });
  const all = possibleCuts(run).length;
  const left = all - cuts.filter(({ part }) => part !== 'steps').length;
  const ofKind = kind === DEFAULT_KIND ? '' : ` --kind ${kind}`;
  const shortened = cuts.length === 0 ? '' : ` --without ${cuts.map(cutText).join(',')}`;
  return [
    `The shortest run that fails so, with ${left} of ${all} parts of its plan:`,
    ...story.tell(short.failure ?? 'nothing is wrong with it any more: what fails depends on more than its seed'),
    '',
    `Again: epochvisor simulate --seed ${seed}${ofKind}${shortened}`,
  ];
}
