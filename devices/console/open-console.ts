// The console of a process some of whose outputs go to files.

import { EpochvisorError } from '../../engine/errors/errors.js';
import type { OperationDevice, StreamDevice } from '../device.js';
import { Console } from './console.js';
import { CONSOLE_DEVICE } from './console-commands.js';
import { STDERR, STDOUT } from './console-streams.js';
import { FileOutput } from './file-output.js';

export interface ConsoleFiles {
  /** Left out: the process's own. */
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
}

/**
 * @param syncs whether the disk has what is told to be written to a file
 * @throws EpochvisorError STDIN_UNREADABLE, OUTPUT_FAILED, OUTPUT_SHARED
 */
export async function openConsole({ stdout, stderr }: ConsoleFiles, syncs: boolean): Promise<StreamDevice[]> {
  const files: FileOutput[] = [];
  try {
    if (stdout !== undefined) files.push(await FileOutput.open(STDOUT, stdout, syncs));
    if (stderr !== undefined) files.push(await FileOutput.open(STDERR, stderr, syncs));
    if (files.length === 2 && files[0]?.identity === files[1]?.identity) {
      throw new EpochvisorError(
        'OUTPUT_SHARED',
        `${stdout} and ${stderr} are one file, in which two streams can't be told apart after a restart`,
        'name two',
      );
    }
    return [Console.ofProcess(files.flatMap(({ outputs }) => outputs)), ...files];
  } catch (error) {
    for (const file of files) await file.close();
    throw error;
  }
}

/** The device by which a guest is told of readers that have gone, where it wants to be; its console fails for none, then. */
export function readersOf(
  consoles: readonly StreamDevice[],
  isTold: boolean | undefined,
): readonly (readonly [number, OperationDevice])[] {
  const console = consoles.find(one => one instanceof Console);
  return isTold !== true || console === undefined ? [] : [[CONSOLE_DEVICE, console.watchReaders()]];
}
