// `epochvisor run`: a guest on a primary and a backup on this machine, the bus in this process.

import { existsSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { checkGuest } from '../machine/guest-check.js';
import { rewriteGuest } from '../machine/program.js';
import { StatusFile } from '../observe/status.js';
import { describeOutcome } from '../protocol/describe.js';
import type { Outcome } from '../protocol/machine.js';
import { LaunchedMachine } from '../replica/launch.js';
import { openDevices } from './devices.js';
import { addMachineFlags, guestFile, integer, type MachineFlags, machineFlags, programName } from './machine-flags.js';
import { addWasiFlags, type WasiFlags, wasiOptions } from './wasi-flags.js';

/** Exit statuses: a guest that trapped (as after abort), and the launcher ended by Ctrl-C or SIGTERM. */
export const TRAP_STATUS = 134;
const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143 } as const;
/** The machine could not go on: no replica is left. */
const MACHINE_LOST_STATUS = 70;

interface RunFlags extends MachineFlags, WasiFlags {
  readonly replicas: 1 | 2;
  readonly arbiter?: string;
  readonly statusFile?: string;
  readonly quiet?: true;
  readonly suspicion: number;
}

export function runCommand(): Command {
  const command = new Command('run')
    .description('Run a guest on a primary and a backup on this machine; a kill of either changes nothing outside.')
    .argument('<GUEST.wasm>', 'the guest')
    .argument('[args...]', "the guest's arguments")
    .passThroughOptions()
    .option('--replicas <N>', '2: a primary and a backup; 1: simplex', integer(1, 2), 2)
    .option('--arbiter <DIR>', 'folder of the view records (default: a fresh one)')
    .option('--status-file <FILE>', 'keep the status in FILE, as JSON')
    .option('--suspicion <MS>', 'silence after which a replica is suspected', integer(50, 60_000), 1000)
    .option('--quiet', 'say nothing but what the guest says');
  return addWasiFlags(addMachineFlags(command)).action(
    (guest: string, args: string[], options: Record<string, unknown>) =>
      run(guest, args, { ...(options as unknown as RunFlags), ...machineFlags(options) }),
  );
}

async function run(guestPath: string, args: readonly string[], flags: RunFlags): Promise<void> {
  const guest = guestFile(guestPath);
  const module = readFileSync(guest);
  // Refused here, in one line, rather than by two replicas.
  const wasi = wasiOptions(checkGuest(module), flags);
  const world = wasi === undefined ? {} : { wasi };
  await rewriteGuest(module, { ...flags, ...world }, flags.cache);
  const { arbiter } = flags;
  if (arbiter !== undefined && !existsSync(arbiter)) {
    throw new EpochvisorError('ARBITER_FAILED', `no such folder: ${arbiter}`, 'make it, or leave --arbiter out');
  }
  const { streams, devices, disks } = await openDevices(flags);
  const machine = new LaunchedMachine({
    guest,
    module,
    moduleCache: flags.cache,
    options: {
      epochLength: flags.epochLength,
      variant: flags.variant,
      counting: flags.counting,
      operationIds: flags.operationIds,
      maxMemory: flags.maxMemory,
      arguments: [flags.argv0 ?? programName(guest), ...args],
      disks,
      teller: flags.teller !== undefined,
      ...world,
    },
    replicas: flags.replicas,
    streams,
    devices,
    ...(arbiter === undefined ? {} : { arbiter }),
    timing: { heartbeatMs: Math.min(100, flags.suspicion / 4), suspicionMs: flags.suspicion, startMs: 10_000 },
  });
  const say = flags.quiet ? () => undefined : (line: string) => void process.stderr.write(`epochvisor: ${line}\n`);
  narrate(machine, say);
  if (flags.statusFile !== undefined) keepStatus(machine, flags.statusFile, say);
  endOnSignals(machine);
  let outcome: Outcome;
  try {
    await machine.start();
    outcome = await machine.outcome;
  } catch (error) {
    await machine.stop();
    if (!(error instanceof EpochvisorError)) throw error;
    process.stderr.write(`epochvisor: ${error.line}\n`);
    process.exit(MACHINE_LOST_STATUS);
  }
  if (outcome.kind === 'trap') say(describeOutcome(outcome));
  process.exit(outcome.kind === 'exit' ? outcome.status & 0xff : TRAP_STATUS);
}

/** What a user wants to hear while it runs: what was lost, and who goes on. */
function narrate(machine: LaunchedMachine, say: (line: string) => void): void {
  machine.on('lost', (replica, reason) => say(`replica ${replica.pid} is gone: ${reason}`));
  machine.on('view', view => {
    const protection = view.backups.length > 0 ? 'Protected' : 'Not protected (need secondary)';
    say(`view ${view.number}: replica ${machine.primary?.pid ?? '?'} is primary. ${protection}`);
  });
  machine.on('live', (replica, epoch, uncertain) => {
    const operations = uncertain === 1 ? '1 operation' : `${uncertain} operations`;
    say(`replica ${replica.pid} went live after failover epoch ${epoch}, ${operations} uncertain`);
  });
}

/** A status file that can't be written later on (a full disk) is said once, and is no reason to end the machine. */
function keepStatus(machine: LaunchedMachine, path: string, say: (line: string) => void): void {
  const file = new StatusFile(path);
  let complained = false;
  machine.on('status', status => {
    try {
      file.write(status);
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      if (!complained) say(error.line);
      complained = true;
    }
  });
}

/** Ctrl-C at any moment: both replicas gone, nothing left behind. */
function endOnSignals(machine: LaunchedMachine): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void machine.stop().finally(() => process.exit(SIGNAL_STATUS[signal]));
    });
  }
}
