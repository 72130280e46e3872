// One takeover: a pair whose guest prints steadily, its primary struck at a random moment, and the next byte.
//
// Bytes that the old primary had sent before it was struck may still come after the signal: the new primary's are those after
// it has fenced the bus.

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { CountingConsole } from '../../devices/console/counting-console.js';
import { LaunchedMachine } from '../../engine/launch/launched-machine.js';
import { DEFAULT_MACHINE, guestPath, isTiny } from '../host.js';

export interface SteadyGuest {
  readonly name: string;
  readonly does: string;
  readonly args: readonly string[];
}

/** Guests that print steadily: how, and with what arguments. */
export const GUESTS: readonly SteadyGuest[] = [
  { name: 'ticks', does: 'idle, prints every 2 ms', args: ['1000000000', '2'] },
  { name: 'compute', does: 'busy, prints about every ms', args: ['1000000000', '2'] },
];

/** Protected and printing, at least so long before the signal, ms. Of a silence nothing is known at first (protocol/silence.ts). */
const WARM_MS = { SIGKILL: 200, SIGSTOP: isTiny ? 200 : 3_000 } as const;
/** The moment itself is random, within so long after that, ms. */
const MOMENT_MS = 200;
/** A takeover that takes longer is reported as a failure, ms. */
const PATIENCE_MS = 10_000;

export function steadyMachine(
  guest: SteadyGuest,
  printed: () => void,
  options: { readonly repair?: boolean; readonly samples?: boolean } = {},
): LaunchedMachine {
  return new LaunchedMachine({
    module: readFileSync(guestPath(guest.name)),
    moduleCache: true,
    options: { ...DEFAULT_MACHINE, arguments: [guest.name, ...guest.args], devices: [] },
    replicas: 2,
    streams: [new CountingConsole(printed)],
    devices: new Map(),
    ...options,
  });
}

/** From the signal to the first byte that the new primary printed. */
export async function takeoverMs(guest: SteadyGuest, signal: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  const printed: number[] = [];
  const machine = steadyMachine(guest, () => printed.push(performance.now()));
  try {
    const live = new Promise<void>(resolve => machine.once('live', () => resolve()));
    let fencedAt = Infinity;
    machine.on('fenced', view => {
      if (view === 2) fencedAt = performance.now();
    });
    await machine.start();
    while (printed.length === 0 || !machine.status.protected) await pause(5);
    await pause(WARM_MS[signal] + MOMENT_MS * Math.random());
    const struckAt = performance.now();
    process.kill(machine.primary!.pid, signal);
    await Promise.race([
      live,
      pause(PATIENCE_MS, undefined, { ref: false }).then(() => {
        throw new Error(`no takeover after ${signal}`);
      }),
    ]);
    while (!printed.some(ms => ms >= fencedAt)) await pause(5);
    return printed.find(ms => ms >= fencedAt)! - struckAt;
  } finally {
    await machine.stop();
  }
}
