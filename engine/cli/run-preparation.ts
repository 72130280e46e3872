// What the flags of `run` make of a guest, for the verb and for who launches a machine from a test.

import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { checkGuest } from '../guest/guest-check.js';
import { rewriteGuest } from '../guest/guest-program.js';
import type { MachineOptions } from '../guest/machine-options.js';
import { loadHost } from '../host/loaded-host.js';
import type { LaunchOptions } from '../launch/launched-machine.js';
import { addEpochLengthFlags, type EpochLengthFlags, epochLengthOptions } from './epoch-length-flags.js';
import { guestArguments } from './guest-strings.js';
import { addLaunchFlags, type LaunchFlags, launchOptions } from './launch-flags.js';
import { addVariantFlags, type GuestFile, type MachineFlags, machineFlags } from './machine-flags.js';
import { addSocketFlags, type SocketFlags, socketOptions } from './socket-flags.js';
import { addVerifyFlag, type VerifyFlag, verifyOption } from './verify-flag.js';
import { addWasiFlags, type WasiFlags, wasiOptions } from './wasi-flags.js';

export interface RunFlags
  extends Omit<MachineFlags, 'epochLength'>,
    EpochLengthFlags,
    VerifyFlag,
    WasiFlags,
    SocketFlags,
    LaunchFlags {
  /** A host module. */
  readonly host?: string;
  /** What becomes of output that nobody reads any more. */
  readonly pipe?: 'machine' | 'guest';
  /** No flag: the guest's exports are called by a Machine (engine/embed). */
  readonly calls?: true;
}

export function addRunFlags(command: Command): Command {
  return addSocketFlags(addWasiFlags(addVerifyFlag(addVariantFlags(addEpochLengthFlags(addLaunchFlags(command))))))
    .option('--host <MODULE.js>', 'functions of your own that the guest may import', resolvedHost)
    .addOption(
      new Option('--pipe <WHO>', 'who hears that the reader of stdout has gone: guest, a WASI program, by EPIPE')
        .choices(['machine', 'guest'])
        .default('machine'),
    );
}

/** Absolute: replicas are other processes. */
function resolvedHost(text: string): string {
  return resolve(text);
}

/** @param options as commander has them */
export function runFlags(options: Record<string, unknown>): RunFlags {
  return { ...(options as unknown as RunFlags), ...machineFlags(options) };
}

/** All of a launch but what is opened. */
export type PreparedLaunch = Omit<LaunchOptions, 'streams' | 'devices' | 'options'> & {
  readonly options: Omit<LaunchOptions['options'], 'devices'>;
};

/** @throws EpochvisorError NOT_WASI where a bare guest is to be told */
function toldOfReaders(wasi: MachineOptions['wasi'], { pipe }: Pick<RunFlags, 'pipe'>): MachineOptions['wasi'] {
  if (pipe !== 'guest') return wasi;
  if (wasi !== undefined) return { ...wasi, tellsOfReaders: true };
  throw new EpochvisorError('NOT_WASI', 'the guest is not a WASI program, and --pipe guest is for those');
}

/** Whatever is refused is refused here, in one line, rather than by two replicas. @throws EpochvisorError */
export async function prepareRun(
  { path, module }: GuestFile,
  args: readonly string[],
  flags: RunFlags,
): Promise<PreparedLaunch> {
  const lengths = epochLengthOptions(flags, flags.counting);
  const host = flags.host === undefined ? undefined : (await loadHost(flags.host)).options;
  const wasi = toldOfReaders(wasiOptions(checkGuest(module, host?.functions, flags.calls), flags), flags);
  const world = {
    ...(wasi === undefined ? {} : { wasi }),
    ...socketOptions(flags),
    ...(host === undefined ? {} : { host }),
    ...(flags.calls === undefined ? {} : { calls: flags.calls }),
  };
  const programArguments = guestArguments(path, args, { ...flags, ...world });
  await rewriteGuest(module, { counting: flags.counting, maxMemory: flags.maxMemory, ...world }, flags.cache);
  return {
    ...(await launchOptions(flags)),
    module,
    moduleCache: flags.cache,
    options: {
      ...lengths,
      ...verifyOption(flags),
      variant: flags.variant,
      counting: flags.counting,
      operationIds: flags.operationIds,
      maxMemory: flags.maxMemory,
      arguments: programArguments,
      ...world,
    },
  };
}
