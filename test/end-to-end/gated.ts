// A machine whose guest works until the test has seen enough: `gated`, whose output is compared with that of as many rounds.

import { expect } from 'vitest';
import { type Bench, type Ended, guest, type Watched } from './command.js';

/** A millisecond or so a round, and a line of 20 bytes. */
const WORK = '100000';
const LAST_LINE = /(?<rounds>\d+) rounds\n$/;

/** What `run` or the plain machine is given. */
export const GATED = [guest('gated'), WORK];

export class Gated {
  readonly machine: Watched;
  readonly #bench: Bench;

  /** @param snapshot for a machine that goes on from that file */
  constructor(bench: Bench, flags: readonly string[] = [], snapshot?: string) {
    this.#bench = bench;
    this.machine =
      snapshot === undefined
        ? bench.startWatched([...flags, ...GATED], 'pipe')
        : bench.startWatched([...flags, snapshot], 'pipe', 'resume');
  }

  /** Tells the guest to end, and waits for that. */
  async ended(): Promise<Ended> {
    this.machine.command.endInput();
    return this.machine.command.ended;
  }

  /** The whole output of an undisturbed machine that does as many rounds as this one says at its end to have done. */
  async undisturbed(): Promise<string> {
    const { stdout, status } = await this.ended();
    expect(status).toBe(0);
    const { rounds } = LAST_LINE.exec(stdout)?.groups ?? {};
    expect(rounds, 'the number of rounds in the last line').toBeDefined();
    return (await this.#bench.runPlain([...GATED, rounds!])).stdout;
  }

  /** Tells the guest to end; its output is that of an undisturbed one. */
  async endsUndisturbed(): Promise<Ended> {
    const expected = await this.undisturbed();
    const ended = await this.machine.command.ended;
    expect(ended.stdout).toBe(expected);
    return ended;
  }
}
