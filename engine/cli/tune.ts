// `epochvisor tune`: what each epoch length and variant costs a guest, and which to use.

import { Command, InvalidArgumentError } from 'commander';
import type { DeviceSource } from '../../devices/device-kind.js';
import { kindOf } from '../../devices/device-kinds.js';
import { closeDevices, openDevices } from '../../devices/opening.js';
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
import { DeviceFiles } from './tuning/device-files.js';
import { conclude, text } from './tuning/report.js';
import { sweep } from './tuning/sweep.js';
import { addWasiFlags, type WasiFlags, wasiOptions } from './wasi-flags.js';

/** Nothing that a guest has here is a terminal. */
const NO_TERMINALS = [false, false, false] as const;
const EPOCH_LENGTHS = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

interface TuneFlags extends Omit<MachineFlags, 'epochLength' | 'variant'>, WasiFlags {
  readonly epochLengths: readonly number[];
  readonly variants: readonly Variant[];
  readonly secondsPerCell: number;
  readonly rounds: number;
  readonly json?: true;
}

/** A list of whole numbers, ascending, each once. */
function epochLengths(text: string): number[] {
  const one = integer(EPOCH_LENGTH_MIN, EPOCH_LENGTH_MAX);
  return [...new Set(text.split(',').map(one))].sort((a, b) => a - b);
}

function variants(text: string): Variant[] {
  return text.split(',').map(name => {
    const variant = VARIANTS.find(known => known === name);
    if (variant === undefined) throw new InvalidArgumentError(`Variants are ${VARIANTS.join(', ')}.`);
    return variant;
  });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 3600)) throw new InvalidArgumentError('It is a number of seconds from 0.1 to 3600.');
  return value;
}

export function tuneCommand(): Command {
  const command = new Command('tune')
    .description('Sweep epoch length and variant: what each costs this guest on this host, and which to use.')
    .argument('<GUEST.wasm>', 'the guest; its stdin is empty, its output is not shown, its disks are copies')
    .argument('[args...]', "the guest's arguments")
    .passThroughOptions()
    .option('--epoch-lengths <LIST>', 'epoch lengths in instructions, with commas between', epochLengths, EPOCH_LENGTHS)
    .option('--variants <LIST>', 'variants, with commas between', variants, [...VARIANTS])
    .option('--seconds-per-cell <S>', 'how long each setting runs', seconds, 2)
    .option('--rounds <N>', 'in how many alternating rounds', integer(1, 100), 2)
    .option('--json', 'print the figures as JSON');
  return addWasiFlags(addGuestFlags(command)).action(
    (guest: string, args: string[], options: Record<string, unknown>) =>
      tune(guest, args, { ...(options as unknown as TuneFlags), ...machineFlags(options) }),
  );
}

async function tune(guestPath: string, args: readonly string[], flags: TuneFlags): Promise<void> {
  const { path, module } = readGuest(guestPath);
  const wasi = wasiOptions(checkGuest(module), flags);
  const world = wasi === undefined ? {} : { wasi: { ...wasi, terminals: NO_TERMINALS } };
  const programArguments = guestArguments(path, args, { ...flags, ...world });
  await rewriteGuest(module, { ...flags, ...world }, flags.cache);
  await refuseDevices(flags.devices);
  const files = new DeviceFiles(flags.devices);
  const abort = abortOnSignals();
  const progress = await progressBar();
  const { counting, operationIds, maxMemory, cache: moduleCache } = flags;
  const options = {
    counting,
    operationIds,
    maxMemory,
    arguments: programArguments,
    ...world,
  };
  try {
    const plan = { guest: { module, moduleCache, options, files }, ...flags };
    const cells = await sweep(plan, abort.signal, (done, next) => progress.show(done, next));
    progress.stop();
    if (cells === undefined) {
      process.exitCode = abort.status;
      return;
    }
    const tuning = conclude([programName(path), ...args].join(' '), cells);
    print(flags.json ? `${JSON.stringify(tuning, null, 2)}\n` : text(tuning));
  } catch (error) {
    // Ctrl-C reaches replicas that are only starting, too: that they end is no news then.
    if (!abort.signal.aborted) throw error;
    process.exitCode = abort.status;
  } finally {
    progress.stop();
    files.remove();
    abort.dispose();
  }
}

/** What is wrong with a device is said before a minute of measuring. */
async function refuseDevices(sources: readonly DeviceSource[]): Promise<void> {
  // Opening must not make anything: the user's files stay as they are.
  const { devices } = await openDevices(sources.filter(source => !kindOf(source).backing.isBegun));
  await closeDevices(devices);
}

interface Progress {
  show(done: number, next: string): void;
  stop(): void;
}

/** On stderr, where it is a terminal. */
async function progressBar(): Promise<Progress> {
  if (!process.stderr.isTTY) return { show: () => undefined, stop: () => undefined };
  const { SingleBar, Presets } = (await import('cli-progress')).default;
  const format = 'tune {bar} {percentage}% | {next} | {eta_formatted} left';
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true }, Presets.shades_classic);
  bar.start(1, 0, { next: '' });
  return { show: (done, next) => bar.update(done, { next }), stop: () => bar.stop() };
}
