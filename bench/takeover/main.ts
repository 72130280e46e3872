// How long is it silent after the primary is gone? From the signal to the first byte that the new primary printed.
//
// Bytes that the old primary had sent before it died may still come after the signal: the new primary's are those after
// it has fenced the bus.
//
//   --kills N   kills by SIGKILL for each guest (default 30); SIGSTOP, which takes the suspicion time, gets a third

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { CountingConsole } from '../../devices/console/counting-console.js';
import { LaunchedMachine } from '../../engine/launch/launched-machine.js';
import { DEFAULT_TIMING } from '../../engine/replica/replica-configuration.js';
import { DEFAULT_MACHINE, guestPath, publish, quantile } from '../host.js';

const AIM_MS = 100;
const { values } = parseArgs({ options: { kills: { type: 'string', default: '30' } } });
const kills = Number(values.kills);

/** Guests that print steadily: how, and with what arguments. */
const GUESTS = [
  { name: 'ticks', does: 'idle, prints every 2 ms', args: ['1000000', '2'] },
  { name: 'compute', does: 'busy, prints about every ms', args: ['1000000', '2'] },
] as const;

/** Protected and printing, at least so long before the signal, ms; the moment itself is random. */
const WARM_MS = 200;
/** A takeover that takes longer is reported as a failure, ms. */
const PATIENCE_MS = 10_000;

async function takeoverMs(guest: (typeof GUESTS)[number], signal: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  const printed: number[] = [];
  const machine = new LaunchedMachine({
    module: readFileSync(guestPath(guest.name)),
    moduleCache: true,
    options: {
      ...DEFAULT_MACHINE,
      arguments: [guest.name, ...guest.args],
      devices: [],
    },
    replicas: 2,
    streams: [new CountingConsole(() => printed.push(performance.now()))],
    devices: new Map(),
  });
  try {
    const live = new Promise<void>(resolve => machine.once('live', () => resolve()));
    let fencedAt = Infinity;
    machine.on('fenced', view => {
      if (view === 2) fencedAt = performance.now();
    });
    await machine.start();
    while (printed.length === 0 || !machine.status.protected) await pause(5);
    await pause(WARM_MS + 100 * Math.random());
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

const rows: string[][] = [];
for (const guest of GUESTS) {
  for (const [signal, count] of [
    ['SIGKILL', kills],
    ['SIGSTOP', Math.ceil(kills / 3)],
  ] as const) {
    const all: number[] = [];
    for (let kill = 0; kill < count; kill += 1) all.push(await takeoverMs(guest, signal));
    const figures = [quantile(all, 0.5), quantile(all, 0.9), Math.max(...all)].map(ms => ms.toFixed(1));
    rows.push([`${guest.name} (${guest.does})`, signal, String(count), ...figures]);
  }
}
const { heartbeatMs, suspicionMs } = DEFAULT_TIMING;
publish(
  'takeover',
  'How long it is silent after the primary is gone',
  `From the signal to the first byte that the new primary printed, default settings. Aim: a median below ${AIM_MS} ms
after SIGKILL. A process that is stopped says nothing and closes nothing: it is suspected after ${suspicionMs} ms of
silence (heartbeats every ${heartbeatMs} ms).

${markdownTable([['guest', 'signal', 'times', 'median, ms', '90 %, ms', 'most, ms'], ...rows], {
  align: ['l', 'l', 'r', 'r', 'r', 'r'],
})}`,
);
