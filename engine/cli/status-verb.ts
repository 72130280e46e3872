// `epochvisor status`: how the machines of this host are, or one of them, or one on several hosts by its folder.

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { readStatus } from '../parts/machine-status.js';
import { statusTable } from '../parts/status-table.js';
import { addEtcdFlags } from './arbiter-flags.js';
import { headOf, hostMachines, isProtected, jsonOf, linesOf, namedMachine } from './host-status.js';
import { print } from './output.js';
import { type EtcdFlags, type OpenedFolder, openFolder } from './part-flags.js';

/** Exit status of a machine that is not protected. */
const UNPROTECTED = 1;
const WATCH_EVERY_MS = 1_000;
/** To the top left; what is left of a line, and of the screen, is nothing. */
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';

interface StatusFlags extends EtcdFlags {
  readonly json?: true;
  readonly watch?: true;
}

/** What is to be shown at one moment. */
interface Look {
  readonly lines: readonly string[];
  /** The same in a line or two, without what changes all the time. */
  readonly heads: readonly string[];
  readonly json: object;
  readonly isProtected: boolean;
  /** Nothing will change any more. */
  readonly isOver: boolean;
}

export function statusCommand(): Command {
  const command = new Command('status')
    .description(
      'Show how your machines on this host are, or the one that is named; exit status 0 if all are protected, 1 if not.',
    )
    .argument('[MACHINE]', 'the folder of a machine on several hosts, the pid of a launcher, or how the id begins')
    .option('--json', 'print it as JSON')
    .option('--watch', 'again each second, until the machine has ended; in a pipe, a line for each change');
  return addEtcdFlags(command).action(async (name: string | undefined, flags: StatusFlags) => {
    process.exitCode = await show(await lookAt(name, flags), flags);
  });
}

/** @returns what looks at it, again and again */
async function lookAt(name: string | undefined, flags: StatusFlags): Promise<() => Promise<Look>> {
  if (name === undefined) return lookAtHost;
  if (name.includes('/') || existsSync(name)) {
    const opened = await openFolder(name, flags);
    return () => lookAtFolder(opened, flags.watch === true);
  }
  let machine: string | undefined;
  return async () => {
    const all = await hostMachines();
    // One that was there and is not any more has ended.
    const there = machine === undefined ? namedMachine(all, name) : all.find(one => one.status?.machine === machine);
    if (there === undefined) {
      const heads = [`machine ${machine} has ended`];
      return { lines: heads, heads, json: { machine, ended: true }, isProtected: false, isOver: true };
    }
    machine = there.status?.machine ?? machine;
    const heads = [headOf(there)];
    return { lines: linesOf(there), heads, json: jsonOf(there), isProtected: isProtected(there), isOver: false };
  };
}

async function lookAtHost(): Promise<Look> {
  const all = await hostMachines();
  const none = all.length === 0 ? ['no machine of yours runs on this host'] : [];
  return {
    lines: [...none, ...all.flatMap((machine, at) => (at === 0 ? linesOf(machine) : ['', ...linesOf(machine)]))],
    heads: [...none, ...all.map(headOf)],
    json: all.map(jsonOf),
    isProtected: all.length > 0 && all.every(isProtected),
    isOver: false,
  };
}

async function lookAtFolder({ folder, arbiter }: OpenedFolder, watches: boolean): Promise<Look> {
  try {
    const status = await readStatus(folder, arbiter);
    const lines = statusTable(status);
    const heads = lines.slice(0, 1);
    return { lines, heads, json: status, isProtected: status.protected, isOver: status.end !== undefined };
  } catch (error) {
    // Who watches wants to see the arbiter come back.
    if (!watches || !(error instanceof EpochvisorError) || error.code !== 'ARBITER_UNREACHABLE') throw error;
    const lines = [error.line];
    return { lines, heads: lines, json: { error: error.line }, isProtected: false, isOver: false };
  }
}

async function show(look: () => Promise<Look>, { json, watch }: StatusFlags): Promise<number> {
  const redraws = watch === true && json !== true && process.stdout.isTTY === true;
  let said = '';
  for (;;) {
    const { lines, heads, isOver, ...seen } = await look();
    if (json === true) print(`${JSON.stringify(seen.json, null, watch === true ? 0 : 2)}\n`);
    else if (watch !== true) print(`${lines.join('\n')}\n`);
    else if (redraws) print(`${HOME}${lines.map(line => `${line}${REST_OF_LINE}\n`).join('')}${REST_OF_SCREEN}`);
    else if (heads.join('\n') !== said) print(`${heads.join('\n')}\n`);
    said = heads.join('\n');
    if (watch !== true || isOver) return seen.isProtected ? 0 : UNPROTECTED;
    await sleep(WATCH_EVERY_MS);
  }
}
