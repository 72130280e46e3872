// What a run can do without: each part of its plan that can be left out, by a name that can be typed. A plan is data, so a run with
// cuts is a run, and repeatable by its seed and their names.

import type { RunOptions } from './run-plan.js';

/** Left out by its place in the uncut plan. */
type ListCut = { readonly part: 'fault' | 'visit' | 'input'; readonly at: number };

export type Cut =
  | ListCut
  /** The guest's program is so many steps. */
  | { readonly part: 'steps'; readonly to: number }
  | { readonly part: SwitchName };

/** What makes a run more than it need be, and what it is without. */
const SWITCHES = {
  spares: { is: (run: RunOptions) => (run.spares ?? 0) > 0, off: { spares: 0 } },
  third: { is: (run: RunOptions) => run.replicas === 3, off: { replicas: 2 } },
  repair: { is: (run: RunOptions) => run.repair, off: { repair: false } },
  flood: { is: (run: RunOptions) => run.floodBytes > 0, off: { floodBytes: 0 } },
  bytes: { is: (run: RunOptions) => run.encodes, off: { encodes: false } },
  digests: { is: (run: RunOptions) => run.digestProbability > 0, off: { digestProbability: 0 } },
  lengths: { is: (run: RunOptions) => run.lengthProbability > 0, off: { lengthProbability: 0 } },
  lost: { is: (run: RunOptions) => run.arbiterLossProbability > 0, off: { arbiterLossProbability: 0 } },
  stale: { is: (run: RunOptions) => run.arbiterStaleNs > 0, off: { arbiterStaleNs: 0 } },
  kept: { is: (run: RunOptions) => run.keepsEveryNs !== undefined, off: { keepsEveryNs: undefined } },
} as const;

type SwitchName = keyof typeof SWITCHES;

const isSwitch = (name: string): name is SwitchName => Object.hasOwn(SWITCHES, name);

/** All that can be left out of `run`; its program's steps apart. */
export function possibleCuts(run: RunOptions): Cut[] {
  const list = (part: ListCut['part'], length: number): Cut[] => Array.from({ length }, (_, at) => ({ part, at }));
  const switches = Object.keys(SWITCHES).filter(isSwitch);
  return [
    ...list('fault', run.faults.length),
    ...list('visit', run.visits.length),
    // The last one is the end.
    ...list('input', run.input.length - 1),
    ...switches.filter(name => SWITCHES[name].is(run)).map((part): Cut => ({ part })),
  ];
}

export function without(run: RunOptions, cuts: readonly Cut[]): RunOptions {
  const cut = new Set(cuts.map(cutText));
  const left = <T>(part: ListCut['part'], all: readonly T[]): T[] => all.filter((_, at) => !cut.has(`${part}${at}`));
  let short: Short = {
    ...run,
    faults: left('fault', run.faults),
    visits: left('visit', run.visits),
    input: left('input', run.input),
  };
  for (const one of cuts) {
    if (one.part === 'steps') short = { ...short, guestSteps: Math.min(run.guestSteps, one.to) };
    else if (!('at' in one)) short = { ...short, ...SWITCHES[one.part].off };
  }
  const { keepsEveryNs, ...others } = short;
  return keepsEveryNs === undefined ? others : { ...others, keepsEveryNs };
}

type Short = Omit<RunOptions, 'keepsEveryNs'> & { readonly keepsEveryNs?: number | undefined };

export function cutText(cut: Cut): string {
  if ('at' in cut) return `${cut.part}${cut.at}`;
  return 'to' in cut ? `${cut.part}${cut.to}` : cut.part;
}

/** Undefined: there is no such cut of `run`. */
export function parseCut(text: string, run: RunOptions): Cut | undefined {
  const { steps } = /^steps(?<steps>[1-9]\d{0,4})$/.exec(text)?.groups ?? {};
  if (steps !== undefined) return { part: 'steps', to: Number(steps) };
  return possibleCuts(run).find(cut => cutText(cut) === text);
}
