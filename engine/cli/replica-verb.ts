// `epochvisor replica`: a replica of a machine on this host, kept alive there.

import { Command } from 'commander';
import { defaultPlace } from '../channel/listening-place.js';
import { EpochvisorError } from '../errors/errors.js';
import { complain, DEFECT_STATUS } from '../observe/defects.js';
import { StatusFile } from '../observe/status.js';
import { describeEnd } from '../parts/machine-ending.js';
import { moduleFor } from '../parts/module-fetch.js';
import { ReplicaAgent } from '../parts/replica-agent.js';
import type { ReplicaReport } from '../replica/replica-report.js';
import {
  addPartFlags,
  endedBefore,
  endOnSignals,
  openFolder,
  type PartFlags,
  type Say,
  sayUnless,
} from './part-flags.js';

interface ReplicaFlags extends PartFlags {
  readonly statusFile?: string;
  readonly cache: boolean;
}

export function replicaCommand(): Command {
  const command = new Command('replica')
    .description('Keep a replica of a machine on this host; one that is not needed is a spare.')
    .argument('<FOLDER>', "the machine's folder, as init has made it")
    .option('--status-file <FILE>', 'keep what the replica knows in FILE, as JSON')
    .option('--no-cache', 'rewrite the guest anew');
  return addPartFlags(command).action((folder: string, flags: ReplicaFlags) => keepReplica(folder, flags));
}

async function keepReplica(path: string, flags: ReplicaFlags): Promise<void> {
  const say = sayUnless(flags.quiet);
  let agent: ReplicaAgent | undefined;
  const reported = keepReport(flags.statusFile, say);
  endOnSignals(async () => {
    await agent?.stop();
    reported(undefined);
  });
  const opened = await openFolder(path, flags, say);
  const { folder, arbiter, arbiterOptions } = opened;
  if ((await endedBefore(opened, say)) !== undefined) process.exit(0);
  const module = await moduleFor(folder, arbiter, say);
  agent = new ReplicaAgent({
    ...{ folder, arbiter, arbiterOptions, module, say, reported },
    moduleCache: flags.cache,
    place: flags.address ?? defaultPlace(folder.description.encrypted),
  });
  await agent.start();
  try {
    say(`the machine has ended: ${describeEnd(await agent.ended)}`);
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    complain(error.line);
    process.exit(DEFECT_STATUS);
  }
  process.exit(0);
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
