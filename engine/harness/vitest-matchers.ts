// What `import 'epochvisor/vitest'` adds: two matchers, and an end for machines that a test file has forgotten.

import { afterAll, expect } from 'vitest';
import { differenceFrom } from './comparison.js';
import type { TestGuest } from './guest-file.js';
import { endForgotten } from './living-machines.js';
import { type SurvivalOptions, survival } from './survival.js';
import { TestedMachine } from './tested-machine.js';

interface FailoverMatchers<R> {
  /** Of a guest: with its primary killed at several points it does what it does undisturbed. */
  toSurviveFailover(options?: SurvivalOptions): Promise<R>;
  /** Of a machine, after whatever was done to it: at its end it has done what an undisturbed one does with the same stdin. */
  toEqualUndisturbed(): Promise<R>;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  interface Matchers<T = any> extends FailoverMatchers<T> {}
}

expect.extend({
  async toSurviveFailover(guest: TestGuest, options?: SurvivalOptions) {
    const { kills, failures } = await survival(guest, options);
    const pass = failures.length === 0;
    const told = failures.map(line => `  ${line}`).join('\n');
    return {
      pass,
      message: () => (pass ? `the guest survives all ${kills} kills` : `the guest does not survive failover:\n${told}`),
    };
  },

  async toEqualUndisturbed(machine: unknown) {
    if (!(machine instanceof TestedMachine)) throw new TypeError('toEqualUndisturbed is for a machine of launch()');
    const expected = await machine.undisturbed();
    await machine.expectKillsLanded();
    const difference = differenceFrom(expected, await machine.result());
    return {
      pass: difference === undefined,
      message: () => difference ?? 'the machine has done what an undisturbed one does',
    };
  },
});

afterAll(async () => {
  const forgotten = await endForgotten();
  if (forgotten !== undefined) throw forgotten;
});
