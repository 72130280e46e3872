// What the silence after a kill consists of: what the launcher said of it, and how long after.

import { quantile } from '../host.js';
import type { SaidLine } from './servers.js';

export interface Kill {
  /** By `performance.now()`. */
  readonly ms: number;
  /** Of the primary that was killed. */
  readonly pid: number;
}

const STEPS = [
  { name: 'its end is known', line: ({ pid }: Kill) => `replica ${pid} is gone` },
  { name: 'the claim is won', line: () => 'Not protected' },
  { name: 'live', line: () => ' went live ' },
  { name: 'a replacement joins', line: () => ' joins' },
  { name: 'protected', line: () => '. Protected' },
] as const;

/** In words; of several kills the median, and the most. */
export function describeSteps(kills: readonly Kill[], said: readonly SaidLine[]): string {
  return STEPS.map(({ name, line }) => {
    const all = kills.flatMap(kill => {
      const found = said.find(({ ms, text }) => ms >= kill.ms && text.includes(line(kill)));
      return found === undefined ? [] : [found.ms - kill.ms];
    });
    const most = all.length > 1 ? ` (most ${Math.max(...all).toFixed(0)})` : '';
    return `${name} after ${quantile(all, 0.5).toFixed(0)} ms${most}`;
  }).join(', ');
}
