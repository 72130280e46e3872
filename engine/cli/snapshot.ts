// `epochvisor snapshot`: the state of a running guest, in a file.

import { existsSync, readFileSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import type { Status } from '../observe/status.js';
import { askControl } from './control.js';

export function snapshotCommand(): Command {
  return new Command('snapshot')
    .description('Save the state of a running guest to a file; it runs on meanwhile.')
    .argument('<FILE>', 'the file to write')
    .requiredOption('--status-file <STATUS>', 'the status file of the machine, as `run` was given it')
    .action(async (file: string, flags: { readonly statusFile: string }) => {
      const path = resolve(file);
      refusePlace(path);
      await askControl(controlOf(flags.statusFile), { request: 'snapshot', file: path });
      process.stderr.write(`epochvisor: ${file} holds the guest; go on from it with: epochvisor resume ${file}\n`);
    });
}

/** The launcher would find out, too, but only when the guest has been copied. */
function refusePlace(path: string): void {
  if (!existsSync(dirname(path))) throw new EpochvisorError('SNAPSHOT_FILE', `no such folder: ${dirname(path)}`);
  let there: Stats | undefined;
  try {
    there = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    throw new EpochvisorError('SNAPSHOT_FILE', `${path} can't be written: ${why}`, 'name another file');
  }
  // A snapshot takes the place of the file: a device (/dev/null) or a pipe must keep it.
  if (there === undefined || there.isFile()) return;
  const what = there.isDirectory() ? 'a folder' : 'no file that can be replaced';
  throw new EpochvisorError('SNAPSHOT_FILE', `${path} is ${what}`, 'name a file');
}

function controlOf(statusFile: string): string {
  let status: Partial<Status>;
  try {
    status = JSON.parse(readFileSync(statusFile, 'utf8')) as Partial<Status>;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new EpochvisorError('STATUS_FILE', `the status file can't be read: ${why}`, 'name that of a running machine');
  }
  if (typeof status?.control === 'string') return status.control;
  throw new EpochvisorError('STATUS_FILE', `${statusFile} is no status of a machine`, 'name that of a running machine');
}
