// Says at the end what was skipped: one line for each thing that is missing, how many tests that cost, and how to get it.

import type { Reporter, TestModule, TestSuite, Vitest } from 'vitest/node';
import './needs.js';
import { type Missing, REQUIREMENTS, type RequirementName } from './requirements.js';

export default class LeftOut implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const vitest = this.#vitest!;
    const { missing = {} } = vitest.getRootProject().getProvidedContext();
    for (const line of leftOut(missing, countSkipped(modules))) vitest.logger.log(line);
  }
}

/** The lines to be printed, for what cost a test. */
export function leftOut(missing: Missing, skipped: ReadonlyMap<RequirementName, number>): string[] {
  return Object.entries(missing).flatMap(([key, reason]) => {
    const name = key as RequirementName;
    const count = skipped.get(name) ?? 0;
    if (count === 0) return [];
    const { what, howToGet } = REQUIREMENTS[name];
    return [`${count} ${count === 1 ? 'test' : 'tests'} skipped for want of ${what}: ${reason}. To run: ${howToGet}`];
  });
}

function countSkipped(modules: readonly TestModule[]): Map<RequirementName, number> {
  const counts = new Map<RequirementName, number>();
  for (const module of modules) {
    for (const test of module.children.allTests('skipped')) {
      const name = test.meta().needs ?? neededBy(test.parent);
      if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

/** What a suite needs, or one that it is in. */
function neededBy(parent: TestModule | TestSuite): RequirementName | undefined {
  if (parent.type === 'module') return undefined;
  return parent.meta().needs ?? neededBy(parent.parent);
}
