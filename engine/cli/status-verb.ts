// `epochvisor status`: on which host everything of a machine is, and whether it is protected.

import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { type MachineStatus, readStatus } from '../parts/machine-status.js';
import { statusTable } from '../parts/status-table.js';
import { addEtcdFlags } from './arbiter-flags.js';
import { print } from './output.js';
import { type EtcdFlags, type OpenedFolder, openFolder } from './part-flags.js';

/** Exit status of a machine that is not protected. */
const UNPROTECTED = 1;
const WATCH_EVERY_MS = 1_000;
/** To the top left, and from there nothing is left. */
const CLEAR = '\u001b[H\u001b[J';

interface StatusFlags extends EtcdFlags {
  readonly json?: true;
  readonly watch?: true;
}

export function statusCommand(): Command {
  const command = new Command('status')
    .description(
      'Show where the parts of a machine are, and whether it is protected; exit status 0 if it is, 1 if not.',
    )
    .argument('<FOLDER>', "the machine's folder, as init has made it")
    .option('--json', 'print it as JSON')
    .option('--watch', 'again each second, until the machine has ended');
  return addEtcdFlags(command).action(async (path: string, flags: StatusFlags) => {
    const opened = await openFolder(path, flags);
    process.exitCode = await show(opened, flags);
  });
}

async function show({ folder, arbiter }: OpenedFolder, { json, watch }: StatusFlags): Promise<number> {
  const redraws = watch === true && json !== true && process.stdout.isTTY === true;
  for (;;) {
    const text = await shown(() => readStatus(folder, arbiter), json === true, watch === true);
    print(`${redraws ? CLEAR : ''}${text.lines}\n`);
    if (watch !== true || text.isOver) return text.isProtected ? 0 : UNPROTECTED;
    await sleep(WATCH_EVERY_MS);
  }
}

async function shown(read: () => Promise<MachineStatus>, asJson: boolean, watches: boolean) {
  try {
    const status = await read();
    const lines = asJson ? JSON.stringify(status, null, watches ? 0 : 2) : statusTable(status).join('\n');
    return { lines, isProtected: status.protected, isOver: status.end !== undefined };
  } catch (error) {
    // Who watches wants to see the arbiter come back.
    if (!watches || !(error instanceof EpochvisorError) || error.code !== 'ARBITER_UNREACHABLE') throw error;
    return { lines: asJson ? JSON.stringify({ error: error.line }) : error.line, isProtected: false, isOver: false };
  }
}
