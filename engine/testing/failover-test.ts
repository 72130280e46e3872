// A failover test of one guest: two undisturbed runs, then a run for each point, its primary killed there, and a verdict.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import type { Outcome } from '../protocol/vocabulary.js';
import type { ChannelTiming } from '../replica/replica-configuration.js';
import { temporaryFolder } from '../replica/temporary-folder.js';
import { describeFailure, loadFailed } from './client-command.js';
import { type Difference, firstDifference, firstFileDifference } from './difference.js';
import { GuestPool } from './guest-pool.js';
import { endMayHaveLeft, type Fault, type Victim } from './kill-hook.js';
import { describePoint } from './kill-points.js';
import { type ListedPlace, readListing } from './listing-hook.js';
import type { PlannedPoint } from './planned-point.js';
import type { Parting, PointRecord } from './point-record.js';
import { keptTimeline } from './timeline-links.js';
import { runTrial, type Trial, type TrialOptions } from './trial.js';
import type { FaultPlan } from './trial-hooks.js';
import { isSameOutcome, judge, type Reference } from './trial-judge.js';

/** Undisturbed runs: two that agree make a coincidence unlikely, and cost two runs. */
const UNDISTURBED_RUNS = 2;
/** An undisturbed run that takes longer than this is not tested but stopped, ms. */
const UNDISTURBED_LIMIT_MS = 10 * 60_000;
/** A run with a kill in it may take this much longer than undisturbed before it counts as hung. */
const HUNG_FACTOR = 10;
const HUNG_LEAST_MS = 30_000;
/** Between a strike and its proof, at most, ms. */
const STRIKE_MS = 1_000;

/**
 * Who dies, or loses its links, is noticed at once, by the end of a socket. Silence is no sign on a host as busy as one that runs
 * sweeps: a replica that was suspected for it would leave alone the one that is about to be killed.
 */
const PATIENT: ChannelTiming = { heartbeatMs: 50, tickMs: 50, suspicionMs: 10_000, startMs: 3_000 };

/** A bus that is stopped is to be silent for longer than is suspect, and replicas on a busy host are not. */
const BUS_PAUSED: ChannelTiming = { ...PATIENT, suspicionMs: 2_000 };

/** Why no machine that never failed could have written this transcript (stdout, or the client's); undefined where one could. */
export type TranscriptJudge = (transcript: Uint8Array) => Promise<string | undefined>;

export interface FailoverTestOptions extends TrialOptions {
  /** For guests whose stdout, or whose client's, differs from run to run. */
  readonly judge?: TranscriptJudge;
  /** Stops every run at once and leaves nothing behind. */
  readonly signal?: AbortSignal;
  /** What happens at a point; default: the primary is killed. */
  readonly fault?: Fault;
  readonly victim?: Victim;
  /** How many replicas a run begins with; default: 2. */
  readonly replicas?: 2 | 3;
  /** Whether a replacement joins for one that died. */
  readonly repair?: boolean;
  /** Whether replicas are processes, struck by real signals; else they are threads of this one, which is faster. */
  readonly processes?: boolean;
  /** Whether the places of a reference run are wanted. */
  readonly lists?: boolean;
  /** Whether timelines of all points are kept; else those of failures alone. */
  readonly timelines?: boolean;
  /** The command that runs one point alone. */
  readonly repeat?: (point: PlannedPoint) => string;
  /** Told of each undisturbed run that has ended. */
  readonly onUndisturbed?: (run: number, of: number) => void;
}

export class FailoverTest {
  readonly #options: FailoverTestOptions;
  readonly #folder = temporaryFolder('epochvisor-failover-');
  readonly #runs: Trial[] = [];
  readonly #pool: GuestPool | undefined;
  #trials = 0;
  #listing: readonly ListedPlace[] = [];

  /**
   * Makes the undisturbed runs. `close` the test when it is done.
   * @throws EpochvisorError where they fail, or where the judge refuses one of them
   */
  static async prepare(options: FailoverTestOptions): Promise<FailoverTest> {
    const test = new FailoverTest(options);
    try {
      for (let run = 1; run <= UNDISTURBED_RUNS; run++) {
        await test.#runUndisturbed();
        options.onUndisturbed?.(run, UNDISTURBED_RUNS);
      }
      return test;
    } catch (error) {
      await test.close();
      throw error;
    }
  }

  private constructor(options: FailoverTestOptions) {
    this.#options = options;
    this.#pool = options.processes === true ? undefined : new GuestPool();
  }

  /** The first undisturbed run. */
  get undisturbed(): Trial {
    return this.#runs[0]!;
  }

  /** Instructions of an undisturbed run, as of the last that its primary told; the shortest run's. */
  get instructions(): number {
    return Math.min(...this.#runs.map(run => run.instructions));
  }

  get reference(): Reference {
    const [first, ...others] = this.#runs;
    const outcomes = this.#runs.map(({ ending }) => outcomeOf(ending));
    const [outcome] = outcomes;
    const repeats =
      outcome !== undefined && outcomes.every(other => other !== undefined && isSameOutcome(outcome, other));
    const { client } = first!;
    const isSame = (one: Uint8Array, other: Uint8Array) => firstDifference(one, other) === undefined;
    return {
      outcome: repeats ? outcome : undefined,
      stdoutRepeats: others.every(other => isSame(first!.stdout, other.stdout)),
      ...(client === undefined
        ? {}
        : { transcriptRepeats: others.every(other => isSame(client.stdout, other.client!.stdout)) }),
    };
  }

  /** Names of disks and journals that differ between undisturbed runs: they are not judged. */
  get unstableFiles(): readonly string[] {
    return this.undisturbed.files.filter((_, index) => !this.#fileRepeats(index)).map(({ name }) => name);
  }

  /** Every place that the victim came to in a run that nobody disturbed, in order. */
  get listing(): readonly ListedPlace[] {
    return this.#listing;
  }

  /** Runs the guest once, a replica struck at `point`, and judges. May be called several times at once. */
  async kill(planned: PlannedPoint): Promise<PointRecord> {
    const { point, second, named, timeline } = planned;
    const { fault = 'kill', victim = 'primary', timelines = timeline, machine, repeat } = this.#options;
    const folder = this.#newFolder();
    try {
      const slowestMs = Math.max(...this.#runs.map(lengthMs));
      const limitMs = Math.max(HUNG_LEAST_MS, HUNG_FACTOR * slowestMs);
      const plan = { point, fault, victim, timeline: true, ...(second === undefined ? {} : { second }) };
      const trial = await this.#run(folder, limitMs, plan);
      const stdoutDifference = firstDifference(this.undisturbed.stdout, trial.stdout);
      const fileDifference = this.#fileDifference(trial);
      const client = this.#clientEvidence(trial);
      const { kill = null, secondKill = null, failover = null, restart, durationMs } = trial;
      const verdict = judge(this.reference, {
        ending: trial.ending,
        kill: trial.kill,
        ...(second === undefined ? {} : { secondKill }),
        failover: trial.failover,
        // One that was only stopped was never gone.
        ...(victim === 'bus' ? { bus: { isBack: restart !== undefined || fault === 'pause' } } : {}),
        // A primary whose links are gone has what was acknowledged before, and may need no more.
        endLeft:
          victim === 'backup' ||
          fault === 'cut' ||
          fault === 'lose' ||
          endMayHaveLeft(trial.kill) ||
          isStruckAtStop(trial),
        stdoutDifference,
        outputRule: trial.outputRule,
        operations: trial.operations,
        client,
        fileDifference,
        refusal: await this.#refusal(trial),
      });
      const failed = verdict.failed || (named === true && verdict.kind === 'not reached');
      const parting = verdict.failed ? partingOf(client?.difference, stdoutDifference, fileDifference) : undefined;
      return {
        asked: describePoint(point),
        variant: machine.variant,
        fault,
        victim,
        ...(second === undefined ? {} : { second: describePoint(second) }),
        verdict: verdict.kind,
        failed,
        detail: verdict.detail,
        kill,
        secondKill,
        failover,
        ...(restart === undefined ? {} : { restart }),
        stderrDiffers: firstDifference(this.undisturbed.stderr, trial.stderr) !== undefined,
        durationMs,
        ...(trial.operations === undefined ? {} : { operations: trial.operations.operations }),
        ...clientRecord(trial),
        ...(parting === undefined ? {} : { parting }),
        repeat: repeat?.(planned) ?? '',
        ...(failed || timelines === true ? { timeline: keptTimeline(trial.timeline, kill?.atNs) } : {}),
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Removes all that the test wrote. */
  async close(): Promise<void> {
    await this.#pool?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #runUndisturbed(): Promise<void> {
    const { lists, victim = 'primary' } = this.#options;
    const folder = this.#newFolder();
    const listing = lists === true && this.#runs.length === 0 ? join(folder, 'listing') : undefined;
    const plan = listing === undefined ? undefined : ({ point: undefined, fault: 'kill', victim, listing } as const);
    const trial = await this.#run(folder, UNDISTURBED_LIMIT_MS, plan);
    if (listing !== undefined) this.#listing = readListing(listing);
    const { ending, client } = trial;
    if (ending.kind === 'failed') throw new EpochvisorError(ending.code, ending.message);
    const failure = client === undefined ? undefined : describeFailure(client);
    if (failure !== undefined) throw loadFailed(failure);
    if (ending.kind === 'hung') {
      throw new EpochvisorError(
        'GUEST_ENDLESS',
        `the guest does not end within ${UNDISTURBED_LIMIT_MS / 60_000} minutes`,
        'a failover test needs a guest that ends',
      );
    }
    const refusal = await this.#refusal(trial);
    if (refusal !== undefined && refusal !== '') {
      throw new EpochvisorError('JUDGE_REFUSES', `the judge refuses an undisturbed run: ${refusal}`, 'mend the judge');
    }
    this.#runs.push(trial);
  }

  #run(folder: string, limitMs: number, plan?: FaultPlan): Promise<Trial> {
    const threads = this.#pool === undefined ? {} : { threads: this.#pool };
    const { signal, fault, replicas, repair, victim } = this.#options;
    const timing = fault === 'pause' ? (victim === 'bus' ? { timing: BUS_PAUSED } : {}) : { timing: PATIENT };
    return runTrial(
      { ...timing, ...this.#options, ...threads, busApart: this.#options.victim === 'bus' },
      {
        folder,
        limitMs,
        ...(this.#guestEnds === undefined ? {} : { guestEnds: this.#guestEnds }),
        ...(replicas === undefined ? {} : { replicas }),
        ...(repair === undefined ? {} : { repair }),
        ...(plan === undefined ? {} : { plan }),
        ...(signal === undefined ? {} : { signal }),
      },
    );
  }

  /** Whether the guest ends when its client has told it to, as it did, or did not, in the first run; undefined: this is the first. */
  get #guestEnds(): boolean | undefined {
    const [first] = this.#runs;
    return first === undefined ? undefined : first.ending.kind === 'outcome';
  }

  #newFolder(): string {
    this.#trials += 1;
    const folder = join(this.#folder, String(this.#trials));
    mkdirSync(folder);
    return folder;
  }

  async #refusal(trial: Trial): Promise<string | undefined> {
    const { judge } = this.#options;
    if (judge === undefined || outcomeOf(trial.ending) === undefined) return undefined;
    return (await judge(trial.client?.stdout ?? trial.stdout)) ?? '';
  }

  #clientEvidence({ client }: Trial) {
    if (client === undefined) return undefined;
    const difference = firstDifference(this.undisturbed.client!.stdout, client.stdout);
    return { failure: describeFailure(client), difference };
  }

  #fileDifference(trial: Trial) {
    for (const [index, { name, path }] of this.undisturbed.files.entries()) {
      if (!this.#fileRepeats(index)) continue;
      const difference = firstFileDifference(path, trial.files[index]!.path);
      if (difference !== undefined) return { name, difference };
    }
    return undefined;
  }

  #fileRepeats(index: number): boolean {
    const path = this.undisturbed.files[index]!.path;
    return this.#runs.every(run => firstFileDifference(path, run.files[index]!.path) === undefined);
  }
}

/** Without the time in which it was to be found out whether the guest ends. */
function lengthMs({ ending, client, durationMs }: Trial): number {
  return ending.kind === 'stopped' && client !== undefined ? client.durationMs : durationMs;
}

/** A machine that is being stopped may still come to the point: nobody needs to take over there. */
function isStruckAtStop({ ending, kill }: Trial): boolean {
  return ending.kind === 'stopped' && kill !== undefined && kill.atNs / 1e6 > ending.atMs - STRIKE_MS;
}

/** Undefined: it did not come to one. */
function outcomeOf(ending: Trial['ending']): Outcome | 'stopped' | undefined {
  if (ending.kind === 'outcome') return ending.outcome;
  return ending.kind === 'stopped' ? 'stopped' : undefined;
}

function clientRecord({ client }: Trial): Pick<PointRecord, 'client'> {
  return client === undefined
    ? {}
    : { client: { bytes: client.stdout.length, failure: describeFailure(client) ?? null } };
}

/** In the order in which they are judged. */
function partingOf(
  transcript: Difference | undefined,
  stdout: Difference | undefined,
  file: { readonly name: string; readonly difference: Difference } | undefined,
): Parting | undefined {
  if (transcript !== undefined) return { where: 'transcript', ...transcript };
  if (stdout !== undefined) return { where: 'stdout', ...stdout };
  return file === undefined ? undefined : { where: file.name, ...file.difference };
}
