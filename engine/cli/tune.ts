// `epochvisor tune`: what each epoch length and variant costs a guest, and which to use.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { kindOf } from '../../devices/device-kinds.js';
import { closeDevices, openDevices } from '../../devices/opening.js';
import { EpochvisorError } from '../errors/errors.js';
import { checkGuest } from '../guest/guest-check.js';
import { rewriteGuest } from '../guest/guest-program.js';
import { VARIANTS, type Variant } from '../protocol/vocabulary.js';
import { guestArguments } from './guest-strings.js';
import { abortOnSignals } from './interruption.js';
import {
  addGuestFlags,
  EPOCH_LENGTH_MAX,
  EPOCH_LENGTH_MIN,
  integer,
  type MachineFlags,
  machineFlags,
  programName,
  readGuest,
} from './machine-flags.js';
import { print } from './output.js';
import { addSocketFlags, checkLoad, type SocketFlags, socketOptions } from './socket-flags.js';
import type { SweptGuest } from './tuning/cell.js';
import { conclude, stands } from './tuning/conclusion.js';
import { DeviceFiles } from './tuning/device-files.js';
import { observeHost } from './tuning/host-facts.js';
import { optimise } from './tuning/optimising.js';
import { text } from './tuning/report.js';
import { type SweepPlan, sweep } from './tuning/sweep.js';
import { addWasiFlags, type WasiFlags, wasiOptions } from './wasi-flags.js';

/** Nothing that a guest has here is a terminal. */
const NO_TERMINALS = [false, false, false] as const;
const EPOCH_LENGTHS = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/** Exit status where the figures are there, but no recommendation stands on them. */
const NO_RECOMMENDATION_STATUS = 1;
const INPUT_BYTES_MAX = 1 << 30;

interface TuneFlags extends Omit<MachineFlags, 'epochLength' | 'variant'>, WasiFlags, SocketFlags {
  readonly epochLengths: readonly number[];
  readonly variants: readonly Variant[];
  readonly time: number;
  readonly stdin?: string;
  readonly load?: string;
  readonly maxOverhead?: number;
  readonly maxLatency?: number;
  readonly chart?: string;
  readonly json?: true;
}

/** A list of whole numbers, ascending, each once. */
function epochLengths(list: string): number[] {
  const one = integer(EPOCH_LENGTH_MIN, EPOCH_LENGTH_MAX);
  return [...new Set(list.split(',').map(one))].sort((a, b) => a - b);
}

function variants(list: string): Variant[] {
  return [
    ...new Set(
      list.split(',').map(name => {
        const variant = VARIANTS.find(known => known === name);
        if (variant === undefined) throw new InvalidArgumentError(`Variants are ${VARIANTS.join(', ')}.`);
        return variant;
      }),
    ),
  ];
}

const TIME_UNITS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

/** A time in ms, with its unit: `60s`, `1500ms`, `2m`. */
function time(least: number, most: number, example: string): (given: string) => number {
  return given => {
    const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(us|ms|s|m)$/.exec(given) ?? [];
    const ms = Number(digits) * (TIME_UNITS_MS[unit] ?? Number.NaN);
    if (!(ms >= least && ms <= most)) throw new InvalidArgumentError(`It is a time with its unit, such as ${example}.`);
    return ms;
  };
}

/** `5%` or `0.05`. */
function part(given: string): number {
  const [, digits, sign] = /^(\d+(?:\.\d+)?)(%?)$/.exec(given) ?? [];
  const value = Number(digits) / (sign === '%' ? 100 : 1);
  if (!(value > 0 && value <= 100)) throw new InvalidArgumentError('It is a part above 0, such as 5%.');
  return value;
}

export function tuneCommand(): Command {
  const command = new Command('tune')
    .description('Sweep epoch length and variant: what each costs this guest on this host, and which to use.')
    .argument('<GUEST.wasm>', 'the guest; its output is not shown, its disks are copies')
    .argument('[args...]', "the guest's arguments")
    .passThroughOptions()
    .option('--time <TIME>', 'for all measuring together', time(1_000, 86_400_000, '60s, 1500ms or 2m'), 60_000)
    .option('--epoch-lengths <LIST>', 'epoch lengths in instructions, with commas between', epochLengths, EPOCH_LENGTHS)
    .option('--variants <LIST>', 'variants, with commas between', variants, [...VARIANTS])
    .option('--max-overhead <PART>', 'recommend the shortest epochs that cost no more, such as 5%', part)
    .option(
      '--max-latency <TIME>',
      'recommend what has interrupts wait no longer, at 99 %',
      time(0.001, 60_000, '2ms or 500us'),
    )
    .option('--stdin <FILE>', 'what the guest reads from stdin, in every run (default: nothing)')
    .option('--load <COMMAND>', 'drives a guest that serves, and ends; EPOCHVISOR_ADDRESS says where it listens')
    .option('--chart <FILE>', 'draw it: a .svg, .html or .png')
    .option('--json', 'print the figures as JSON');
  return addSocketFlags(addWasiFlags(addGuestFlags(command))).action(
    (guest: string, args: string[], options: Record<string, unknown>) =>
      tune(guest, args, { ...(options as unknown as TuneFlags), ...machineFlags(options) }),
  );
}

async function tune(guestPath: string, args: readonly string[], flags: TuneFlags): Promise<void> {
  const { path, module } = readGuest(guestPath);
  const wasi = wasiOptions(checkGuest(module), flags);
  const world = {
    ...(wasi === undefined ? {} : { wasi: { ...wasi, terminals: NO_TERMINALS } }),
    ...socketOptions(flags),
  };
  const programArguments = guestArguments(path, args, { ...flags, ...world });
  const { code } = await rewriteGuest(module, { ...flags, ...world }, flags.cache);
  await refuse(flags);
  const files = [new DeviceFiles(flags.devices), new DeviceFiles(flags.devices)] as const;
  const { counting, operationIds, maxMemory, cache: moduleCache, listen, load, stdin } = flags;
  const options = { counting, operationIds, maxMemory, arguments: programArguments, ...world };
  const guest: SweptGuest = {
    module,
    plainModule: optimise(module, code),
    moduleCache,
    options,
    files: files[0],
    listen,
    ...(load === undefined ? {} : { load }),
    ...(stdin === undefined ? {} : { input: inputOf(stdin) }),
  };
  const { epochLengths: lengths, variants: chosen, time: timeMs } = flags;
  const plan = { guest, second: { ...guest, files: files[1] }, epochLengths: lengths, variants: chosen, timeMs };
  try {
    await measure([programName(path), ...args].join(' '), plan, flags);
  } finally {
    for (const each of files) each.remove();
  }
}

async function measure(name: string, plan: SweepPlan, flags: TuneFlags): Promise<void> {
  const abort = abortOnSignals();
  const progress = await progressBar(plan.timeMs);
  try {
    const host = observeHost();
    const swept = await sweep(plan, abort.signal, (done, next) => progress.show(done, next));
    progress.stop();
    const { maxOverhead, maxLatency } = flags;
    const goal = {
      ...(maxOverhead === undefined ? {} : { maxOverhead }),
      ...(maxLatency === undefined ? {} : { maxLatencyMs: maxLatency }),
    };
    const tuning = conclude(name, swept, host(), goal);
    if (abort.signal.aborted) process.exitCode = abort.status;
    else if (!stands(tuning)) process.exitCode = NO_RECOMMENDATION_STATUS;
    // Who ends it before there was a figure wants no table.
    if (abort.signal.aborted && tuning.cells.length === 0) return;
    print(flags.json ? `${JSON.stringify(tuning, null, 2)}\n` : text(tuning));
    if (flags.chart !== undefined && tuning.cells.length > 0) {
      const { writeChart } = await import('./tuning/chart-file.js');
      await writeChart(flags.chart, tuning);
    }
  } finally {
    progress.stop();
    abort.dispose();
  }
}

/** What is wrong is said before a minute of measuring. */
async function refuse(flags: TuneFlags): Promise<void> {
  const { devices, stdin, chart } = flags;
  checkLoad(flags);
  if (stdin !== undefined) inputOf(stdin);
  if (chart !== undefined) {
    const { refuseChart } = await import('./tuning/chart-file.js');
    await refuseChart(resolve(chart));
  }
  // Opening must not make anything: the user's files stay as they are.
  const { devices: opened } = await openDevices(devices.filter(source => !kindOf(source).backing.isBegun));
  await closeDevices(opened);
}

/** @throws EpochvisorError STDIN_UNREADABLE */
function inputOf(path: string): Uint8Array {
  try {
    if (!existsSync(path)) throw new Error('no such file');
    const bytes = readFileSync(path);
    if (bytes.length > INPUT_BYTES_MAX) throw new Error('it is larger than 1 GiB');
    return bytes;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError(
      'STDIN_UNREADABLE',
      `${path} can't be read: ${code ?? message}`,
      'name a file for --stdin',
    );
  }
}

interface Progress {
  show(done: number, next: string): void;
  stop(): void;
}

/** On stderr, where it is a terminal. */
async function progressBar(timeMs: number): Promise<Progress> {
  if (!process.stderr.isTTY) return { show: () => undefined, stop: () => undefined };
  const { SingleBar, Presets } = (await import('cli-progress')).default;
  const format = 'tune {bar} {percentage}% | {left} left at most | {next}';
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true }, Presets.shades_classic);
  const left = (done: number) => `${Math.ceil(((1 - done) * timeMs) / 1_000)} s`;
  bar.start(1, 0, { next: '', left: left(0) });
  return { show: (done, next) => bar.update(done, { next, left: left(done) }), stop: () => bar.stop() };
}
