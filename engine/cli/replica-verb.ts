// `epochvisor replica`: a replica of a machine on this host, kept alive there.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { defaultPlace } from '../channel/listening-place.js';
import { EpochvisorError } from '../errors/errors.js';
import { makeFolder } from '../journal/made-folder.js';
import { complain, DEFECT_STATUS } from '../observe/defects.js';
import type { JournalEvent } from '../observe/event-journal.js';
import { StatusFile } from '../observe/status.js';
import { describeEnd } from '../parts/machine-ending.js';
import type { MachineFolder } from '../parts/machine-folder.js';
import { moduleFor } from '../parts/module-fetch.js';
import { type PlannedRecovery, planPartsRecovery } from '../parts/recovery-plan.js';
import { ReplicaAccount } from '../parts/replica-account.js';
import { ReplicaAgent } from '../parts/replica-agent.js';
import type { LogPlace } from '../replica/replica-configuration.js';
import type { ReplicaReport } from '../replica/replica-report.js';
import { addWatchFlags } from './launch-flags.js';
import {
  addPartFlags,
  endedBefore,
  endOnSignals,
  type OpenedFolder,
  openFolder,
  type PartFlags,
  type Say,
  sayUnless,
} from './part-flags.js';
import { type WatchFlags, watchPart } from './part-watching.js';

interface ReplicaFlags extends PartFlags, WatchFlags {
  readonly log?: string;
  readonly recover?: readonly string[];
  readonly acceptLoss?: true;
  readonly statusFile?: string;
  readonly cache: boolean;
}

export function replicaCommand(): Command {
  const command = new Command('replica')
    .description('Keep a replica of a machine on this host; one that is not needed is a spare.')
    .argument('<FOLDER>', "the machine's folder, as init has made it")
    .option('--status-file <FILE>', 'keep what the replica knows in FILE, as JSON')
    .option(
      '--log <DIR>',
      'have the replicas of this host write down what they log, each in a folder of its own in DIR',
    )
    .option(
      '--recover <DIR...>',
      'every replica of the machine is dead: go on from the logs in DIR, the one of --log or others; with --log',
    )
    .option('--accept-loss', "with --recover, under backup-disk: go on from the primary's log alone")
    .option('--no-cache', 'rewrite the guest anew');
  return addWatchFlags(addPartFlags(command)).action((folder: string, flags: ReplicaFlags) =>
    keepReplica(folder, flags),
  );
}

async function keepReplica(path: string, flags: ReplicaFlags): Promise<void> {
  const say = sayUnless(flags.quiet);
  let agent: ReplicaAgent | undefined;
  const reported = keepReport(flags.statusFile, say);
  let journal: (event: JournalEvent) => void = () => undefined;
  endOnSignals(async signal => {
    journal({ event: 'stopped', signal });
    await agent?.stop();
    reported(undefined);
  });
  const opened = await openFolder(path, flags, say);
  const { folder, arbiter, arbiterOptions } = opened;
  if ((await endedBefore(opened, say)) !== undefined) process.exit(0);
  const log = logPlace(folder, flags);
  const module = await moduleFor(folder, arbiter, say);
  const account = new ReplicaAccount(folder.description.machine, folder.path);
  journal = await watchPart('replica', folder.description.machine, account, flags, say);
  const recovery = await plannedRecovery(opened, flags, say);
  agent = new ReplicaAgent({
    ...(log === undefined ? {} : { log }),
    ...(recovery === undefined ? {} : { recovery }),
    ...{ folder, arbiter, arbiterOptions, module, say, account, reported },
    moduleCache: flags.cache,
    place: flags.address ?? defaultPlace(folder.description.encrypted),
  });
  await agent.start();
  try {
    const end = await agent.ended;
    journal({ event: 'ended', rule: 'XT', ...end });
    say(`the machine has ended: ${describeEnd(end)}`);
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    journal({ event: 'failed', code: error.code, message: error.message });
    complain(error.line);
    process.exit(DEFECT_STATUS);
  }
  process.exit(0);
}

/** @throws EpochvisorError LOG_WANTED, LOG_FOLDER, BAD_USAGE */
function logPlace({ path, description }: MachineFolder, { log, recover }: ReplicaFlags): LogPlace | undefined {
  const { durability = 'memory', checkpoints } = description;
  if (log !== undefined) {
    const folder = resolve(log);
    try {
      makeFolder(folder);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new EpochvisorError('LOG_FOLDER', `${folder} can't be used: ${code ?? message}`, 'name another folder');
    }
    return { folder, durability, ...(checkpoints === undefined ? {} : { checkpoints }) };
  }
  if (recover !== undefined)
    throw new EpochvisorError('BAD_USAGE', '--recover is for a replica that goes on writing a log', 'add --log');
  if (durability === 'memory') return undefined;
  throw new EpochvisorError(
    'LOG_WANTED',
    `outputs of the machine in ${path} wait for disks ("durability": "${durability}"), and this replica would write nothing`,
    'add --log DIR',
  );
}

async function plannedRecovery(
  { folder, arbiter }: OpenedFolder,
  { recover, acceptLoss }: ReplicaFlags,
  say: Say,
): Promise<PlannedRecovery | undefined> {
  if (recover === undefined) return undefined;
  const logs = recover.map(path => resolve(path));
  return planPartsRecovery({ folder, arbiter, logs, acceptLoss: acceptLoss === true, say });
}

/** A status file that can't be written later on (a full disk) is said once, and is no reason to end the replica. */
function keepReport(path: string | undefined, say: Say): (report: ReplicaReport | undefined) => void {
  if (path === undefined) return () => undefined;
  const file = new StatusFile<ReplicaReport & { readonly agent: number }>(path);
  let complained = false;
  return report => {
    try {
      if (report === undefined) file.clear();
      else file.write({ ...report, agent: process.pid });
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      if (!complained) say(error.line);
      complained = true;
    }
  };
}
