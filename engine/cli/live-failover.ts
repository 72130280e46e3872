// `epochvisor failover --live FOLDER`: a replica of a machine that runs on its hosts is killed, and what came of it is told.

import type { Command } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { describeLiveTest, testLive } from '../parts/live-test.js';
import { addEtcdFlags } from './arbiter-flags.js';
import { integer } from './machine-flags.js';
import { print } from './output.js';
import { type EtcdFlags, openFolder } from './part-flags.js';

/** Until a replacement has joined. */
const TIMEOUT_SECONDS = 60;
const FAILED_STATUS = 1;

export interface LiveFlags extends EtcdFlags {
  readonly live?: true;
  readonly restartSecondary?: true;
  readonly timeout: number;
  readonly json?: true;
}

export function addLiveFlags(command: Command): Command {
  return addEtcdFlags(
    command
      .option('--live', 'the argument is the folder of a machine that runs (init): kill its primary now')
      .option('--restart-secondary', 'with --live: kill its backup')
      .option(
        '--timeout <S>',
        'with --live: how long it may take until the machine is protected again',
        integer(1, 3600),
        TIMEOUT_SECONDS,
      ),
  );
}

/** @throws EpochvisorError BAD_USAGE, NOT_PROTECTED; as `openFolder` */
export async function failoverLive(path: string, args: readonly string[], flags: LiveFlags): Promise<void> {
  if (args.length > 0)
    throw new EpochvisorError('BAD_USAGE', `--live takes a folder, and nothing after it: ${args[0]}`);
  const { folder, arbiter } = await openFolder(path, flags);
  const kills = flags.restartSecondary === true ? 'backup' : 'primary';
  const report = await testLive({ folder, arbiter, kills, timeoutMs: 1_000 * flags.timeout });
  print(flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : `${describeLiveTest(report).join('\n')}\n`);
  if (!report.protected) process.exitCode = FAILED_STATUS;
}
