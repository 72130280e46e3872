// A seed that fails ends with a short story and a command, and that command fails in the same way.

import { expect, it } from 'vitest';
import { shortestStory } from '../../engine/cli/shortest-story.js';
import { type Cut, parseCut, without } from '../../engine/simulator/cuts.js';
import { choiceOf } from '../../engine/simulator/kinds.js';
import { wayOf } from '../../engine/simulator/shrink.js';
import { simulate } from '../../engine/simulator/simulated-run.js';
import { MISTAKES } from '../simulator/mistakes.js';

const kind = 'pairs';
// An output leaves before it is acknowledged.
const [mistake] = MISTAKES;
const parts = mistake!.parts!;

it('ends with a command that fails in the same way, and nothing else is left of the run', () => {
  const choose = choiceOf(kind);
  let seed = 1;
  while (simulate(choose(seed), parts).failure === undefined) seed += 1;
  const failure = simulate(choose(seed), parts).failure!;
  expect(failure).toMatch(mistake!.sees);
  const lines = shortestStory(seed, kind, failure, parts);
  expect(lines[0]).toMatch(/^The shortest run that fails so, with \d+ of \d+ parts of its plan:$/);
  expect(lines.length).toBeLessThan(20);
  const [, named, names] = /^Again: epochvisor simulate --seed (\d+) --kind pairs --without (\S+)$/.exec(
    lines.at(-1)!,
  )!;
  expect(named).toBe(`${seed}`);
  const run = choose(seed);
  const cuts = names!.split(',').map(name => parseCut(name, run) as Cut);
  const again = simulate(without(run, cuts), parts).failure;
  expect(wayOf(again!)).toBe(wayOf(failure));
  expect(lines).toContain(`${' '.repeat(17)}${again}`);
});
