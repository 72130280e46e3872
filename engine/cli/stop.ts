// `epochvisor stop`: ends a machine, wherever its parts are.

import { Command } from 'commander';
import { describeEnd } from '../parts/machine-ending.js';
import { textOf } from '../parts/machine-status.js';
import { END_MAX_SECONDS, stopMachine } from '../parts/stopping.js';
import { addEtcdFlags } from './arbiter-flags.js';
import { integer } from './machine-flags.js';
import { type EtcdFlags, openFolder } from './part-flags.js';

/** Exit status where a part is not known to have ended. */
const NOT_ENDED = 1;

interface StopFlags extends EtcdFlags {
  readonly timeout: number;
}

export function stopCommand(): Command {
  const command = new Command('stop')
    .description('End a machine, as a power switch does, and wait until its parts have ended.')
    .argument('<FOLDER>', "the machine's folder, as init has made it")
    .option('--timeout <S>', 'how long to wait for its parts', integer(0, 3600), END_MAX_SECONDS);
  return addEtcdFlags(command).action(async (path: string, flags: StopFlags) => {
    const { folder, arbiter } = await openFolder(path, flags);
    const { end, left } = await stopMachine(folder, arbiter, flags.timeout);
    const say = (line: string) => void process.stderr.write(`epochvisor: ${line}\n`);
    say(`machine ${folder.description.machine} has ended: ${describeEnd(end)}`);
    for (const { kind, host, address, why } of left) {
      const where = `the ${kind} at ${textOf(address)}${host === '' ? '' : ` on ${textOf(host)}`}`;
      say(`${where} is not known to have ended: ${why === undefined ? 'it still answers' : textOf(why)}`);
    }
    if (left.length > 0) process.exitCode = NOT_ENDED;
  });
}
