// Running a case on a pair, its primary killed at a point where one is given, and comparing it with a plain run.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DIRECTORY_KIND } from '../../devices/directory/directory-kind.js';
import { DEFAULT_EPOCH_LENGTH, DEFAULT_MAX_MEMORY } from '../../engine/cli/machine-flags.js';
import { wasiOptions } from '../../engine/cli/wasi-flags.js';
import type { LaunchedMachine } from '../../engine/launch/launched-machine.js';
import { VARIANTS, type Variant } from '../../engine/protocol/vocabulary.js';
import { describeDifference, firstDifference } from '../../engine/testing/difference.js';
import type { KillPoint } from '../../engine/testing/kill-hook.js';
import { runTrial, type Trial, type TrialRun } from '../../engine/testing/trial.js';
import { FOLDER, fillFolder, type ProgramCase } from './cases.js';
import type { PlainResult } from './plain.js';

export { VARIANTS };

/** A run that takes longer has hung: the slowest case takes a tenth of it on a busy machine. */
const LIMIT_MS = 300_000;
/**
 * A kill is noticed at once, by the end of a socket. Silence is no sign on a host as busy as one that runs sweeps: a
 * replica suspected for it leaves the other one alone, and the kill that was to be survived ends the machine.
 */
const TIMING = { heartbeatMs: 100, tickMs: 50, suspicionMs: 30_000, startMs: 60_000 };

export interface PairRun {
  readonly variant?: Variant;
  readonly epochLength?: number;
  readonly kill?: KillPoint;
  readonly replicas?: 1 | 2;
  readonly onMachine?: NonNullable<TrialRun['onMachine']>;
}

/** A trial, and what is in its folder afterwards. */
export interface PairResult extends Trial {
  readonly listing: string;
  /** Bytes of log that the primary shipped. */
  readonly logBytes: number;
}

export async function runPair(program: ProgramCase, run: PairRun = {}): Promise<PairResult> {
  const base = mkdtempSync(join(tmpdir(), 'epochvisor-wasi-'));
  let machine: LaunchedMachine | undefined;
  try {
    const path = program.program();
    const original = join(base, 'original');
    mkdirSync(original);
    if (program.files !== undefined) fillFolder(original, program.files);
    const folder = { kind: DIRECTORY_KIND.name, path: original, guestPath: FOLDER, readOnly: false };
    const devices = program.files === undefined ? [] : [folder];
    const wasi = { ...wasiOptions('wasi', { devices, env: program.environment })!, terminals: NO_TERMINALS };
    const trial = await runTrial(
      {
        module: readFileSync(path),
        moduleCache: true,
        machine: {
          epochLength: run.epochLength ?? DEFAULT_EPOCH_LENGTH,
          variant: run.variant ?? 'deferred',
          counting: 'block',
          operationIds: true,
          maxMemory: DEFAULT_MAX_MEMORY,
          arguments: [basename(path), ...program.arguments],
          wasi,
        },
        devices,
        stdin: Buffer.from(program.stdin),
        timing: TIMING,
      },
      {
        folder: join(base, 'trial'),
        limitMs: LIMIT_MS,
        ...(run.kill === undefined
          ? {}
          : { plan: { point: run.kill, fault: 'kill', victim: 'primary', timeline: true } as const }),
        ...(run.replicas === undefined ? {} : { replicas: run.replicas }),
        onMachine: launched => {
          machine = launched;
          run.onMachine?.(launched);
        },
      },
    );
    const listing = trial.files[0] === undefined ? '' : readFileSync(trial.files[0].path, 'latin1');
    return { ...trial, listing, logBytes: machine?.status.logBytes ?? 0 };
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

const NO_TERMINALS = [false, false, false] as const;

/**
 * What a user could tell the two runs apart by, or what became of an operation that can't be; undefined: nothing. stderr counts as
 * well: our programs are silent there.
 */
export function differenceFromPlain(plain: PlainResult, pair: PairResult): string | undefined {
  const { ending, operations } = pair;
  if (operations?.breach !== undefined) return operations.breach;
  if (ending.kind === 'hung' || ending.kind === 'stopped') return 'it hangs';
  if (ending.kind === 'failed') return `the machine failed: ${ending.message} [${ending.code}]`;
  for (const stream of ['stdout', 'stderr'] as const) {
    const difference = firstDifference(plain[stream], pair[stream]);
    if (difference !== undefined) return `${stream}, ${describeDifference(difference)}`;
  }
  const listing = firstDifference(Buffer.from(plain.listing, 'latin1'), Buffer.from(pair.listing, 'latin1'));
  if (listing !== undefined) return `files, ${describeDifference(listing)}`;
  const status = ending.outcome.kind === 'exit' ? ending.outcome.status : ending.outcome.message;
  return status === plain.status ? undefined : `exit status ${status}, not ${plain.status}`;
}
