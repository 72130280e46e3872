// `epochvisor failover`: kill the primary at chosen points or all along the run, and judge the outcome; or that of a machine that
// runs on its hosts (live-failover.ts).

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { markdownTable } from 'markdown-table';
import { EpochvisorError } from '../errors/errors.js';
import { checkGuest } from '../guest/guest-check.js';
import { rewriteGuest } from '../guest/guest-program.js';
import { describeOutcome } from '../protocol/describe.js';
import { FailoverTest, type TranscriptJudge } from '../testing/failover-test.js';
import type { KillPoint } from '../testing/kill-hook.js';
import {
  POINTS_MAX,
  parsePoint,
  parseSweep,
  pointsEvery,
  pointsListed,
  pointsSpread,
  type Sweep,
  sample,
} from '../testing/kill-points.js';
import type { PointRecord } from '../testing/point-record.js';
import { guestArguments } from './guest-strings.js';
import { abortOnSignals } from './interruption.js';
import { addLiveFlags, failoverLive, type LiveFlags } from './live-failover.js';
import { addMachineFlags, integer, type MachineFlags, machineFlags, readGuest } from './machine-flags.js';
import { print } from './output.js';
import { addWasiFlags, type WasiFlags, wasiOptions } from './wasi-flags.js';

const FAILED_STATUS = 1;
/** Of a transcript judge's words, so much is shown. */
const REFUSAL_MAX = 200;
/** Where no point is named. */
const DEFAULT_POINTS = 10;
/** A captured console is none. */
const NO_TERMINALS = [false, false, false] as const;

interface FailoverFlags extends MachineFlags, WasiFlags, LiveFlags {
  readonly at: readonly KillPoint[];
  readonly sweep?: Sweep;
  readonly limit?: number;
  readonly points?: number;
  readonly stdin?: string;
  readonly judge?: string;
  readonly processes?: boolean;
  readonly jobs: number;
}

export function failoverCommand(): Command {
  const command = new Command('failover')
    .description(
      'Kill the primary with SIGKILL at chosen instructions, one run each, and compare with undisturbed runs.',
    )
    .argument('<GUEST.wasm>', 'the guest; with --live the folder of a machine')
    .argument('[args...]', "the guest's arguments")
    .passThroughOptions()
    .option(
      '--at <POINT>',
      'kill there, or at a place such as message:17:after (repeatable)',
      (text, before) => [...before, parsePoint(text)],
      [] as KillPoint[],
    )
    .option(
      '--sweep <WHICH>',
      'kill at all places of a reference run, or its boundaries, io, messages or outputs; or every:K instructions',
      parseSweep,
    )
    .option('--limit <N>', 'of the points of a sweep at most so many, spread', integer(1, POINTS_MAX))
    .option('--points <N>', 'kill at N points spread evenly (10 where no point is named)', integer(1, POINTS_MAX))
    .option('--stdin <FILE>', "the guest's stdin (default: none)")
    .option(
      '--judge <COMMAND>',
      'is given stdout of each run; exit 0: a machine that never failed could have written it',
    )
    .option('--processes', 'replicas are processes, struck by real signals (default: threads, which is faster)')
    .option('--jobs <N>', 'runs at the same time', integer(1, 16), 1)
    .option('--json', 'the verdicts as JSON');
  return addLiveFlags(addWasiFlags(addMachineFlags(command))).action(
    (guest: string, args: string[], options: Record<string, unknown>) =>
      failover(guest, args, { ...(options as unknown as FailoverFlags), ...machineFlags(options) }),
  );
}

async function failover(guestPath: string, args: readonly string[], flags: FailoverFlags): Promise<void> {
  if (flags.live === true) return await failoverLive(guestPath, args, flags);
  if (flags.restartSecondary === true) {
    throw new EpochvisorError(
      'BAD_USAGE',
      '--restart-secondary is for a machine that runs',
      'give --live and its folder',
    );
  }
  const { path: guest, module } = readGuest(guestPath);
  // Refused here, in one line, rather than by two replicas.
  const wasi = wasiOptions(checkGuest(module), flags);
  const world = wasi === undefined ? {} : { wasi: { ...wasi, terminals: NO_TERMINALS } };
  const programArguments = guestArguments(guest, args, { ...flags, ...world });
  await rewriteGuest(module, { ...flags, ...world }, flags.cache);
  const stdin = flags.stdin === undefined ? new Uint8Array(0) : readStdin(flags.stdin);
  const abort = abortOnSignals();
  const bar = progressBar();
  let test: FailoverTest | undefined;
  try {
    test = await FailoverTest.prepare({
      module,
      moduleCache: flags.cache,
      machine: {
        epochLength: flags.epochLength,
        variant: flags.variant,
        counting: flags.counting,
        operationIds: flags.operationIds,
        maxMemory: flags.maxMemory,
        arguments: programArguments,
        ...world,
      },
      devices: flags.devices,
      stdin,
      processes: flags.processes === true,
      lists: flags.sweep !== undefined && flags.sweep.of !== 'every',
      ...(flags.judge === undefined ? {} : { judge: commandJudge(flags.judge) }),
      signal: abort.signal,
    });
    const points = pointsOf(flags, test);
    bar?.start(points.length, 0, { failures: 0 });
    const reports = await killAll(test, points, flags.jobs, bar);
    bar?.stop();
    if (flags.json) print(`${JSON.stringify(asJson(test, reports), null, 2)}\n`);
    else print(asText(test, reports));
    process.exitCode = reports.some(({ failed }) => failed) ? FAILED_STATUS : 0;
  } catch (error) {
    bar?.stop();
    if (!abort.signal.aborted) throw error;
    process.exitCode = abort.status;
  } finally {
    await test?.close();
    abort.dispose();
  }
}

function pointsOf(flags: FailoverFlags, test: FailoverTest): readonly KillPoint[] {
  const { sweep, limit = POINTS_MAX } = flags;
  const points = [...flags.at];
  if (sweep !== undefined) {
    const swept =
      sweep.of === 'every' ? pointsEvery(sweep.every, test.instructions) : pointsListed(sweep.of, test.listing);
    points.push(...sample(swept, limit));
  }
  if (flags.points !== undefined) points.push(...pointsSpread(flags.points, test.instructions));
  return points.length > 0 ? points : pointsSpread(DEFAULT_POINTS, test.instructions);
}

function readStdin(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError('STDIN_UNREADABLE', `${path} can't be read: ${code ?? message}`, 'name a file');
  }
}

/** Several runs at a time; reports in the order of the points. */
async function killAll(
  test: FailoverTest,
  points: readonly KillPoint[],
  jobs: number,
  bar: SingleBar | undefined,
): Promise<PointRecord[]> {
  const reports: PointRecord[] = [];
  const waiting = [...points.entries()];
  let failures = 0;
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, point] = next;
      const report = await test.kill(point);
      if (report.failed) failures += 1;
      reports[index] = report;
      bar?.increment({ failures });
    }
  };
  // Whatever one of them meets, the others come to their end before anything is cleared away.
  for (const worked of await Promise.allSettled(Array.from({ length: jobs }, worker))) {
    if (worked.status === 'rejected') throw worked.reason;
  }
  return reports;
}

/** Runs a command by the shell with the transcript on its stdin; what it says first is the reason. */
function commandJudge(command: string): TranscriptJudge {
  return stdout =>
    new Promise((resolve, reject) => {
      const child = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'pipe'] });
      let said = '';
      const hear = (bytes: Buffer) => {
        if (said.length < REFUSAL_MAX) said += bytes.toString();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      // A judge that has seen enough need not read the rest.
      child.stdin.on('error', () => undefined);
      child.once('error', reject);
      child.once('close', (status, signal) => {
        const why = said.trim().split('\n')[0]?.slice(0, REFUSAL_MAX);
        if (status === 0) resolve(undefined);
        else resolve(why || `the judge ended with ${signal ?? `status ${status}`}`);
      });
      child.stdin.end(stdout);
    });
}

function progressBar(): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  return new SingleBar({
    format: 'kills [{bar}] {value}/{total}, {failures} failures, {eta_formatted} left',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
}

// ---- what is shown

const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(0));

function asText(test: FailoverTest, reports: readonly PointRecord[]): string {
  const rows = reports.map(({ asked, kill, failover, verdict, failed, detail, stderrDiffers }) => [
    asked,
    kill === null ? '-' : `${kill.epoch}:${kill.instruction ?? kill.what}`,
    kill === null ? '-' : String(kill.count),
    kill === null ? '-' : String(kill.outstanding),
    failover === null ? '-' : String(failover.uncertain),
    ms(failover?.liveMs),
    ms(failover?.firstByteMs),
    failed ? verdict.toUpperCase() : verdict,
    [detail, stderrDiffers ? 'stderr differs' : ''].filter(text => text !== '').join('; '),
  ]);
  const head = ['asked', 'killed at', 'count', 'outstanding', 'uncertain', 'live ms', 'first byte ms', 'verdict', ''];
  const align = ['r', 'r', 'r', 'r', 'r', 'r', 'r', 'l', 'l'];
  return `${markdownTable([head, ...rows], { align })}\n\n${undisturbedLine(test)}\n${summaryLine(reports)}\n`;
}

function undisturbedLine(test: FailoverTest): string {
  const { undisturbed, instructions, reference, unstableFiles } = test;
  const outcome = undisturbed.ending.kind === 'outcome' ? describeOutcome(undisturbed.ending.outcome) : '-';
  const differ = [
    ...(reference.stdoutRepeats ? [] : ['stdout']),
    ...(reference.outcome === undefined ? ['the outcome'] : []),
    ...unstableFiles,
  ];
  const repeat = differ.length === 0 ? 'the same twice' : `not the same twice: ${differ.join(', ')}`;
  return (
    `undisturbed: ${instructions} instructions, ${undisturbed.epochs} epochs, ${undisturbed.stdout.length} bytes of ` +
    `stdout, ${outcome}; ${repeat}`
  );
}

function summaryLine(reports: readonly PointRecord[]): string {
  const counts = new Map<string, number>();
  for (const { verdict } of reports) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  const times = timesOf(reports);
  const show = (name: string, sorted: readonly number[]) =>
    sorted.length === 0 ? '' : `; ${name} ${ms(median(sorted))} ms in the median, ${ms(sorted.at(-1))} at worst`;
  const points = reports.length === 1 ? '1 point' : `${reports.length} points`;
  return `${points}: ${kinds}${show('SIGKILL to live', times.live)}${show('to the first new byte', times.firstByte)}`;
}

function timesOf(reports: readonly PointRecord[]): { live: number[]; firstByte: number[] } {
  const sorted = (values: (number | undefined)[]) => values.filter(value => value !== undefined).sort((a, b) => a - b);
  return {
    live: sorted(reports.map(({ failover }) => failover?.liveMs)),
    firstByte: sorted(reports.map(({ failover }) => failover?.firstByteMs)),
  };
}

function median(sorted: readonly number[]): number | undefined {
  return sorted[Math.floor(sorted.length / 2)];
}

function asJson(test: FailoverTest, reports: readonly PointRecord[]): unknown {
  const { live, firstByte } = timesOf(reports);
  return {
    undisturbed: {
      instructions: test.instructions,
      epochs: test.undisturbed.epochs,
      stdoutBytes: test.undisturbed.stdout.length,
      outcome: test.reference.outcome ?? null,
      stdoutRepeats: test.reference.stdoutRepeats,
      unstableFiles: test.unstableFiles,
    },
    points: reports,
    failures: reports.filter(({ failed }) => failed).length,
    medianLiveMs: median(live) ?? null,
    medianFirstByteMs: median(firstByte) ?? null,
  };
}
