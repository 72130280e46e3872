// What `epochvisor failover --json` answers.

import { expect } from 'vitest';
import type { Bench } from './command.js';

export interface Report {
  readonly undisturbed: {
    readonly instructions: number;
    readonly stdoutBytes: number;
    readonly stdoutRepeats: boolean;
    readonly transcriptRepeats?: boolean;
  };
  readonly points: readonly {
    readonly verdict: string;
    readonly detail: string;
    readonly repeat: string;
    readonly second?: string;
    readonly secondKill: {
      readonly what?: string;
      readonly replica?: { readonly owner: string; readonly incarnation: string };
    } | null;
    readonly kill: {
      readonly replica?: { readonly owner: string; readonly incarnation: string };
      readonly inFlight?: { readonly view: number; readonly role: string; readonly sent: number };
      readonly epoch: number;
      readonly instruction?: number;
      readonly count: number;
      readonly outstanding: number;
      readonly what?: string;
    } | null;
    readonly restart?: { readonly times: number };
    readonly failover: { readonly view: number; readonly uncertain: number } | null;
    readonly operations?: number;
    readonly client?: { readonly bytes: number; readonly failure: string | null };
    readonly parting?: { readonly where: string };
  }[];
  readonly failures: number;
}

/** Runs the verb on a bench; it has nothing to say on stderr. */
export function failoverOf(bench: Bench) {
  return async (...args: readonly string[]): Promise<{ status: number | null; report: Report }> => {
    const { status, stdout, stderr } = await bench.run(['failover', '--json', ...args]);
    expect(stderr).toBe('');
    return { status, report: JSON.parse(stdout) as Report };
  };
}
