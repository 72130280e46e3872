// Is whoever is gone suspected soon, and nobody who is there?
//
//   --strikes N   primaries that are stopped, for each guest (default 20)
//   --minutes N   for which each pair runs beside busy programs, and nobody is to be suspected (default 5)
//   --busy N      of those programs (default 4): each wants a processor all the time

import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import type { ReplicaSilence } from '../../engine/replica/replica-configuration.js';
import { publish, quantile } from '../host.js';
import { cpuMs, end, owned } from '../processes.js';
import { GUESTS, type SteadyGuest, steadyMachine, takeoverMs } from '../takeover/takeover.js';

const AIM_MS = 400;
const { values } = parseArgs({
  options: {
    strikes: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '5' },
    busy: { type: 'string', default: '4' },
  },
});
const strikes = Number(values.strikes);
const minutes = Number(values.minutes);
const busy = Number(values.busy);

/** A guest that waits all the time: what is left are heartbeats. */
const IDLE = { name: 'ticks', does: 'waits', args: ['1000000000', '10000000'] } as const;
/** Loading is over, and what a start leaves behind is collected. */
const SETTLED_MS = 2_000;

async function struck(guest: SteadyGuest): Promise<string[]> {
  const all: number[] = [];
  for (let strike = 0; strike < strikes; strike += 1) all.push(await takeoverMs(guest, 'SIGSTOP'));
  const figures = [quantile(all, 0.5), quantile(all, 0.9), Math.max(...all)].map(ms => ms.toFixed(0));
  return [guest.name, String(strikes), ...figures];
}

/** Nobody is gone: how many views follow the first, and what was heard. */
async function left(guest: SteadyGuest, forMs: number): Promise<string[]> {
  const heard = new Map<string, ReplicaSilence>();
  const suspicions: string[] = [];
  let bytes = 0;
  const machine = steadyMachine(
    guest,
    () => {
      bytes += 1;
    },
    { repair: true, samples: true },
  );
  machine.on('view', (_, reason) => {
    if (/no word|bus is out of reach/.test(reason)) suspicions.push(reason);
  });
  machine.on('lost', (_, reason) => suspicions.push(reason));
  const limits: number[] = [];
  machine.on('sampled', ({ incarnation }, { silence }) => {
    heard.set(incarnation, silence);
    limits.push(silence.limitMs);
  });
  const programs = Array.from({ length: busy }, () => owned(spawn(process.execPath, ['-e', 'for(;;){}'])));
  try {
    await machine.start();
    while (!machine.status.protected) await pause(5);
    // The limits of the start are those of who knows nothing yet.
    await pause(Math.min(SETTLED_MS + 1_000, forMs));
    limits.length = 0;
    await pause(forMs);
    if (bytes === 0) throw new Error(`the guest ${guest.name} has printed nothing`);
    for (const reason of suspicions) console.error(`bench suspicion: ${guest.name}: ${reason}`);
    const longestMs = Math.max(...[...heard.values()].map(({ longestGapMs }) => longestGapMs));
    return [
      guest.name,
      String(busy),
      (forMs / 60_000).toFixed(1),
      String(suspicions.length),
      longestMs.toFixed(0),
      quantile(limits, 0.5).toFixed(0),
      Math.max(0, ...limits).toFixed(0),
    ];
  } finally {
    await Promise.all(programs.map(program => end(program, 'SIGKILL')));
    await machine.stop();
  }
}

/** What a pair takes that does nothing, in hundredths of a processor: launcher, primary, backup. */
async function idle(forMs: number): Promise<string[]> {
  const machine = steadyMachine(IDLE, () => undefined);
  try {
    await machine.start();
    while (!machine.status.protected) await pause(5);
    await pause(Math.min(SETTLED_MS, forMs));
    const { primary, backups } = machine.status;
    const pids = [process.pid, primary.pid, backups[0]!.pid];
    const before = pids.map(cpuMs);
    await pause(forMs);
    return pids.map((pid, at) => ((100 * (cpuMs(pid) - before[at]!)) / forMs).toFixed(2));
  } finally {
    await machine.stop();
  }
}

const gone: string[][] = [];
for (const guest of GUESTS) gone.push(await struck(guest));
const there: string[][] = [];
for (const guest of GUESTS) there.push(await left(guest, minutes * 60_000));
const idleShares = await idle(Math.min(minutes, 1) * 60_000);

publish(
  'suspicion',
  'Whoever is gone is suspected soon, and nobody who is there',
  `A primary is stopped (SIGSTOP) at a random moment, as a host is whose cable is cut: no socket ends. From then to the first byte
that the new primary printed, default settings. Aim: a median below ${AIM_MS} ms.

${markdownTable([['guest', 'times', 'median, ms', '90 %, ms', 'most, ms'], ...gone], { align: ['l', 'r', 'r', 'r', 'r'] })}

Nobody is stopped, and ${busy} programs beside the pair want a processor each. Aim: no suspicion. The gap is the longest between two
words that one of the replicas heard of the other or the bus; the limit, the silence that would have been too long.

${markdownTable(
  [
    ['guest', 'busy programs', 'minutes', 'suspicions', 'longest gap, ms', 'limit, median, ms', 'limit, most, ms'],
    ...there,
  ],
  { align: ['l', 'r', 'r', 'r', 'r', 'r', 'r'] },
)}

A pair whose guest waits takes, in hundredths of a processor: launcher ${idleShares[0]}, primary ${idleShares[1]}, backup ${idleShares[2]}.`,
);
