// The boundary alone: a guest on this thread, with all that a replica's guest thread does at the end of an epoch.
//
// The time of a run with short epochs, less that of a run with long ones, divided by the boundaries that the one had
// more. CPU time of the thread, so that other load on the host stays out; shared memory as with a live backup: entries
// of the log go into the ring, and nobody needs to be woken for them.

import { readFileSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';
import { Guest, GuestExit } from '../../engine/guest/guest.js';
import { rewriteGuest } from '../../engine/guest/guest-program.js';
import { HARDWARE_MODULE, Hardware } from '../../engine/guest/hardware.js';
import { type GuestInstance, instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import { ContinuationModules } from '../../engine/suspend/continuation-modules.js';
import { SuspendedStack } from '../../engine/suspend/suspended-stack.js';
import { SharedBlock, WORD_ALONE, WORD_EPOCH, WORD_IO_POLLING } from '../../engine/threads/shared.js';
import { guestPath } from '../host.js';

const SHORT = 1_000;
const LONG = 10_000_000;

interface Run {
  readonly cpuMs: number;
  readonly instructions: number;
  readonly epochs: number;
}

export interface DirectCost {
  readonly boundaryUs: number;
  /** At the speed of the same guest with long epochs. */
  readonly instructions: number;
}

/** @param backup whether what happens is logged for one */
export async function measureDirect(backup: boolean): Promise<DirectCost> {
  await run(SHORT, backup);
  const long = await run(LONG, backup);
  const short = await run(SHORT, backup);
  const boundaryMs = (short.cpuMs - long.cpuMs) / (short.epochs - long.epochs);
  return { boundaryUs: boundaryMs * 1e3, instructions: (boundaryMs * long.instructions) / long.cpuMs };
}

async function run(epochLength: number, backup: boolean): Promise<Run> {
  const memory = SharedBlock.allocate();
  const shared = new SharedBlock(memory);
  shared.words[WORD_IO_POLLING] = 1;
  shared.words[WORD_ALONE] = backup ? 0 : 1;
  const options = {
    epochLength,
    variant: 'deferred',
    counting: 'block',
    operationIds: true,
    maxMemory: 1 << 30,
    arguments: ['cpu', '2000000'],
    devices: [],
    bornMs: Date.now(),
  } as const;
  const original = readFileSync(guestPath('cpu'));
  const { module, report, continuations } = await rewriteGuest(original, options, true);
  const meter = new Meter();
  const stack = new SuspendedStack(meter);
  const { port1: port } = new MessageChannel();
  const data = {
    memory,
    module: original,
    options,
    role: 'primary',
    moduleCache: true,
    restores: false,
    port,
  } as const;
  const guest = new Guest(data, shared, meter, () => 0n);
  const hardware = new Hardware(guest, options, new Map(), () => instance.memory());
  const instance: GuestInstance = instantiateRewritten(
    new WebAssembly.Module(module),
    report,
    { [HARDWARE_MODULE]: hardware.imports() },
    meter,
    { boundary: count => guest.boundary(count) },
    { stack, modules: new ContinuationModules(await continuations()) },
  );
  guest.attach(stack);
  const start = process.cpuUsage();
  try {
    instance.start();
    instance.exports._start();
  } catch (error) {
    if (!(error instanceof GuestExit)) throw error;
  }
  const { user, system } = process.cpuUsage(start);
  port.close();
  return {
    cpuMs: (user + system) / 1e3,
    instructions: meter.instructionCount(),
    epochs: shared.positions[WORD_EPOCH] ?? 0,
  };
}
