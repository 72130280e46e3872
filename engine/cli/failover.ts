// `epochvisor failover`: strike a replica, or the bus, at chosen points or all along the run, and judge the outcome; or that of a machine that
// runs on its hosts (live-failover.ts).

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { START_STEPS } from '../bus/bus-hook.js';
import { EpochvisorError } from '../errors/errors.js';
import { checkGuest } from '../guest/guest-check.js';
import { rewriteGuest } from '../guest/guest-program.js';
import { VARIANTS, type Variant } from '../protocol/vocabulary.js';
import { sweep } from '../testing/failover-sweep.js';
import { FailoverTest } from '../testing/failover-test.js';
import type { KillPoint } from '../testing/kill-hook.js';
import { POINTS_MAX, parsePoint, parseSecondKill, parseSweep } from '../testing/kill-points.js';
import { nameOfPoint } from '../testing/planned-point.js';
import { ReportFile } from '../testing/report-file.js';
import { type AboutSweep, aboutSweep, conclude, tellAgain } from './failover-conclusion.js';
import { checkTogether, faultOf } from './failover-faults.js';
import { commandJudge } from './failover-judge.js';
import { PAGE_TIMELINES, type PlanFlags, planned, wantsListing } from './failover-plan.js';
import { repeatCommand } from './failover-repeat.js';
import { undisturbedLine, undisturbedOf, type VariantResult } from './failover-text.js';
import { guestArguments } from './guest-strings.js';
import { abortOnSignals } from './interruption.js';
import { addLiveFlags, failoverLive, type LiveFlags } from './live-failover.js';
import {
  addGuestFlags,
  DEFAULT_EPOCH_LENGTH,
  EPOCH_LENGTH,
  integer,
  type MachineFlags,
  machineFlags,
  readGuest,
} from './machine-flags.js';
import { type ReportOutputs, refuseOutputs } from './reporting/report-outputs.js';
import { addSocketFlags, checkLoad, type SocketFlags, socketOptions } from './socket-flags.js';
import { addWasiFlags, type WasiFlags, wasiOptions } from './wasi-flags.js';

/** A captured console is none. */
const NO_TERMINALS = [false, false, false] as const;

interface FailoverFlags
  extends MachineFlags,
    WasiFlags,
    SocketFlags,
    Omit<LiveFlags, 'restartSecondary'>,
    PlanFlags,
    ReportOutputs {
  readonly stdin?: string;
  readonly judge?: string;
  readonly variants: readonly Variant[];
  readonly seed: number;
  readonly report?: string;
  readonly jobs: number;
}

export function failoverCommand(): Command {
  const command = new Command('failover')
    .description('Strike a replica, or the bus, at chosen places, one run each, and compare with undisturbed runs.')
    .argument('[GUEST.wasm]', 'the guest; with --live the folder of a machine; none: what is in --report is told again')
    .argument('[args...]', "the guest's arguments")
    .passThroughOptions()
    .option(
      '--at <POINT>',
      'strike there: EPOCH:INSTRUCTION, or a place such as message:17:after (repeatable)',
      (text, before) => [...before, parsePoint(text)],
      [] as KillPoint[],
    )
    .option(
      '--sweep <WHICH>',
      'all places of a reference run, or its boundaries, io, messages, outputs or memory; or every:K instructions',
      parseSweep,
    )
    .option('--limit <N>', 'of the points of a sweep at most so many, spread', integer(1, POINTS_MAX))
    .option('--points <N>', 'N points spread evenly (10 where no point is named)', integer(1, POINTS_MAX))
    .option('--seed <N>', 'the order of the points follows from it', integer(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--backup', 'strike the backup (default: the primary)')
    .option(
      '--bus',
      'strike the bus, which is started again; places: message:N, output:N, operation:N, memory:N, start:STEP, which is ' +
        START_STEPS.join(', '),
    )
    .option('--cut', 'cut the links between replicas in place of a kill')
    .option('--lose', 'what the primary says to the other replicas from there on is lost, and it dies: as a host does')
    .option(
      '--pause',
      'SIGSTOP in place of a kill, and SIGCONT when another has taken over; with --processes, or --bus',
    )
    .option(
      '--second-kill <STEP>',
      'kill another in its takeover, or joining, or the bus in its restart: takeover, joining, restart, or a step such as ' +
        'takeover:fence:after (repeatable)',
      (text, before) => [...before, ...parseSecondKill(text)],
      [] as KillPoint[],
    )
    .option('--processes', 'replicas are processes, struck by real signals (default: threads, which is faster)')
    .option('--stdin <FILE>', "the guest's stdin (default: none)")
    .option(
      '--judge <COMMAND>',
      'is given stdout of each run, or what --load printed; exit 0: a machine that never failed could have written it',
    )
    .option(
      '--load <COMMAND>',
      'drives a guest that listens, and ends: its stdout is judged, its failure is one of the machine; ' +
        'EPOCHVISOR_ADDRESS says where (each run has a port of its own)',
    )
    .option('--jobs <N>', 'runs at the same time', integer(1, 16), 1)
    .option('--report <FILE>', 'verdicts are kept there, and those that it has are not asked for again')
    .option('--json', 'the verdicts as JSON')
    .option('--junit <FILE>', 'the verdicts as JUnit XML, too')
    .option('--html <FILE>', 'a page, too: verdicts, and timelines of failures and of some other points')
    .option(
      '--timelines <N>',
      `of points that don't fail so many keep their timelines, spread (default: ${PAGE_TIMELINES} with --html, else 0)`,
      integer(0, POINTS_MAX),
    )
    .option('--epoch-length <N>', 'instructions an epoch', EPOCH_LENGTH, DEFAULT_EPOCH_LENGTH)
    .option(
      '--variant <NAME>',
      `when the guest waits: ${VARIANTS.join(', ')}; or all (repeatable; default: deferred)`,
      (text, before) => [...before, ...parseVariants(text)],
      [] as Variant[],
    );
  return addLiveFlags(addSocketFlags(addWasiFlags(addGuestFlags(command)))).action(
    (guest: string | undefined, args: string[], options: Record<string, unknown>) =>
      failover(guest, args, flagsOf(options)),
  );
}

function parseVariants(text: string): readonly Variant[] {
  if (text === 'all') return VARIANTS;
  const variant = VARIANTS.find(name => name === text);
  if (variant === undefined) throw new InvalidArgumentError(`It is one of ${VARIANTS.join(', ')}, or all.`);
  return [variant];
}

function flagsOf(options: Record<string, unknown>): FailoverFlags {
  const given = options.variant as readonly Variant[];
  const variants = given.length === 0 ? (['deferred'] as const) : [...new Set(given)];
  return {
    ...(options as unknown as FailoverFlags),
    ...machineFlags({ ...options, variant: variants[0] }),
    variants,
    seconds: options.secondKill as readonly KillPoint[],
  };
}

async function failover(guestPath: string | undefined, args: readonly string[], flags: FailoverFlags): Promise<void> {
  if (guestPath === undefined) {
    if (flags.at.length > 0 || flags.sweep !== undefined || flags.points !== undefined) {
      throw new EpochvisorError('BAD_USAGE', 'points are named, and no guest', 'name a guest');
    }
    tellAgain(flags);
    return;
  }
  if (flags.live === true) {
    if (flags.bus === true) throw new EpochvisorError('BAD_USAGE', '--bus is for sweeps', 'leave out --live');
    if (flags.html !== undefined || flags.junit !== undefined) {
      throw new EpochvisorError('BAD_USAGE', '--html and --junit are for sweeps', 'leave out --live');
    }
    return await failoverLive(guestPath, args, flags);
  }
  checkTogether(flags);
  checkLoad(flags);
  refuseOutputs(flags, { '--report': flags.report, '--stdin': flags.stdin, 'the guest': guestPath });
  const { path: guest, module } = readGuest(guestPath);
  // Refused here, in one line, rather than by two replicas.
  const wasi = wasiOptions(checkGuest(module), flags);
  const world = {
    ...(wasi === undefined ? {} : { wasi: { ...wasi, terminals: NO_TERMINALS } }),
    ...socketOptions(flags),
  };
  const programArguments = guestArguments(guest, args, { ...flags, ...world });
  await rewriteGuest(module, { ...flags, ...world }, flags.cache);
  const stdin = flags.stdin === undefined ? new Uint8Array(0) : readStdin(flags.stdin);
  const { epochLength, counting, operationIds, maxMemory } = flags;
  const machine = { epochLength, counting, operationIds, maxMemory, arguments: programArguments, ...world };
  const given = ownFlags(guestPath, args);
  const told = aboutSweep({ program: programArguments, given, module, flags: { ...flags, ...faultOf(flags) } });
  const report =
    flags.report === undefined ? undefined : openReport(flags.report, { module, machine, stdin, flags }, told);
  const abort = abortOnSignals();
  const bar = progressBar();
  const results: VariantResult[] = [];
  try {
    for (const variant of flags.variants) {
      const test = await FailoverTest.prepare({
        module,
        moduleCache: flags.cache,
        machine: { ...machine, variant },
        devices: flags.devices,
        stdin,
        ...{ listen: flags.listen, connect: flags.connect },
        ...(flags.load === undefined ? {} : { load: flags.load }),
        processes: flags.processes === true,
        lists: wantsListing(flags),
        ...faultOf(flags),
        repeat: point => repeatCommand(given, [guestPath, ...args], { ...point, variant }),
        ...(flags.judge === undefined ? {} : { judge: commandJudge(flags.judge) }),
        signal: abort.signal,
      });
      try {
        const points = planned(flags, test);
        const undisturbed = undisturbedOf(test);
        const line = undisturbedLine(test);
        report?.begin({ variant, points: points.map(nameOfPoint), told: { undisturbed, line } });
        const known = (report?.records ?? []).filter(record => record.variant === variant);
        bar?.start(points.length, Math.min(known.length, points.length), { failures: 0, variant });
        let failures = 0;
        const records = await sweep(test, points, {
          jobs: flags.jobs,
          seed: flags.seed,
          known,
          signal: abort.signal,
          judged: record => {
            report?.append(record);
            if (record.failed) failures += 1;
            bar?.increment({ failures, variant });
          },
        });
        results.push({ variant, undisturbed, line, records });
      } finally {
        bar?.stop();
        await test.close();
      }
      if (abort.signal.aborted) break;
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    abort.dispose();
  }
  conclude(results, flags, told, abort.signal.aborted ? abort.status : undefined);
}

/** What was given before the guest. */
function ownFlags(guest: string, args: readonly string[]): readonly string[] {
  const given = process.argv.slice(process.argv.indexOf('failover') + 1);
  const at = given.length - args.length - 1;
  return given[at] === guest ? given.slice(0, at) : [];
}

interface Tested {
  readonly module: Uint8Array;
  readonly machine: object;
  readonly stdin: Uint8Array;
  readonly flags: FailoverFlags;
}

/** @throws EpochvisorError REPORT_FILE, REPORT_OTHER */
function openReport(path: string, { module, machine, stdin, flags }: Tested, told: AboutSweep): ReportFile {
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const { fault, victim, ...more } = faultOf(flags);
  const subject = {
    guest: hash(module),
    machine: JSON.parse(JSON.stringify(machine)) as unknown,
    stdin: hash(stdin),
    devices: flags.devices,
    judge: flags.judge ?? null,
    ...(flags.load === undefined ? {} : { load: flags.load }),
    ...(flags.connect.length === 0 ? {} : { connect: flags.connect }),
    processes: flags.processes === true,
    fault,
    victim,
    replicas: more,
  };
  return new ReportFile(path, subject, { ...told });
}

function readStdin(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError('STDIN_UNREADABLE', `${path} can't be read: ${code ?? message}`, 'name a file');
  }
}

function progressBar(): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  return new SingleBar({
    format: '{variant} [{bar}] {value}/{total}, {failures} failures, {eta_formatted} left',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
}
