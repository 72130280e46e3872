// Whether a guest survives failover: two undisturbed runs, then a run for each point, its primary killed there, and a verdict.

import { prepareRun } from '../cli/run-preparation.js';
import { checkLoad } from '../cli/socket-flags.js';
import { EpochvisorError } from '../errors/errors.js';
import type { Variant } from '../protocol/vocabulary.js';
import { FailoverTest, type TranscriptJudge } from '../testing/failover-test.js';
import type { KillPoint } from '../testing/kill-hook.js';
import { describePoint, pointsSpread } from '../testing/kill-points.js';
import { guestFile, type TestGuest } from './guest-file.js';
import { flagsOf, type TestOptions } from './launch-options.js';
import { type KillPlace, pointOf } from './machine-faults.js';

/** What a run is made of that is made again and again: nobody is there to write to it, or to connect, but `load`. */
export interface SurvivalOptions
  extends Omit<TestOptions, 'replicas' | 'repair' | 'limitMs' | 'arbiter' | 'encrypt' | 'bus'> {
  /**
   * The command that drives a guest that listens, by a shell: EPOCHVISOR_ADDRESS says where, for each run listens at a port of its own.
   * What it prints is compared, and its failure is one of the machine.
   */
  readonly load?: string;
  /** So many points, spread evenly (default 3), or these. */
  readonly points?: number | readonly KillPlace[];
  /** Default: the one of `variant`. */
  readonly variants?: readonly Variant[];
  /** For guests whose stdout, or whose client's, differs from run to run: why no machine that never failed could have written it. */
  readonly judge?: TranscriptJudge;
}

const POINTS = 3;

export interface Survival {
  /** Kills that landed, and were judged. */
  readonly kills: number;
  /** A line for each point that failed: variant, point, what was wrong. */
  readonly failures: readonly string[];
}

/**
 * @throws EpochvisorError where the guest does not run undisturbed; NOTHING_COMPARED where it can't be judged; NO_LOAD, NO_LISTEN where
 *   one of the two is missing; LOAD_FAILED where the client fails undisturbed
 */
export async function survival(guest: TestGuest, options: SurvivalOptions = {}): Promise<Survival> {
  const { variants = [options.variant ?? 'deferred'] } = options;
  let kills = 0;
  const failures: string[] = [];
  for (const variant of variants) {
    const test = await prepare(guest, { ...options, variant });
    try {
      const { stdoutRepeats, transcriptRepeats = stdoutRepeats } = test.reference;
      if (!transcriptRepeats && options.judge === undefined) {
        const what = options.load === undefined ? 'the guest writes' : 'the client prints';
        throw new EpochvisorError(
          'NOTHING_COMPARED',
          `${what} something else in each run, also undisturbed: nothing can be compared`,
          'give a judge',
        );
      }
      for (const point of pointsOf(options.points ?? POINTS, test)) {
        const { verdict, failed, detail } = await test.kill({ point });
        // A point behind the guest's end proves nothing.
        const isMissed = verdict === 'not reached';
        if (!isMissed) kills += 1;
        if (failed || isMissed) {
          const why = detail === '' ? '' : `, ${detail}`;
          failures.push(`${variant}, killed at ${describePoint(point)}: ${verdict}${why}`);
        }
      }
    } finally {
      await test.close();
    }
  }
  return { kills, failures };
}

async function prepare(
  guest: TestGuest,
  { points: _, variants: __, judge, load, ...options }: SurvivalOptions,
): Promise<FailoverTest> {
  const flags = flagsOf(options);
  const client = load === undefined ? {} : { load };
  checkLoad({ ...flags, ...client });
  const prepared = await prepareRun(guestFile(guest), options.args ?? [], flags);
  const { wasi, ...machine } = prepared.options;
  return await FailoverTest.prepare({
    module: prepared.module,
    moduleCache: prepared.moduleCache,
    machine: { ...machine, ...(wasi === undefined ? {} : { wasi: { ...wasi, terminals: [false, false, false] } }) },
    devices: flags.devices,
    stdin: Buffer.from(options.stdin ?? ''),
    ...{ listen: flags.listen, connect: flags.connect },
    ...client,
    ...(judge === undefined ? {} : { judge }),
  });
}

function pointsOf(points: number | readonly KillPlace[], test: FailoverTest): KillPoint[] {
  if (typeof points !== 'number') return points.map(pointOf);
  return pointsSpread(points, test.instructions);
}
