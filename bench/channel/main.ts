// What does an encrypted channel cost? A link alone: a small frame and its answer, a MiB of a snapshot, a connection. And
// machines: a guest that does nothing but end epochs, and the time until a machine is Protected again after its backup has died.
// In the clear and encrypted in turn.
//
//   --rounds N       (default 7)
//   --trips N        small frames and their answers (default 20,000)
//   --connections N  (default 50)
//   --snapshots N    sent over a link, one after another (default 8)
//   --lengths L      epoch lengths of the machine, instructions, with commas between (default 1,000, 8,000, 1,000,000)
//   --iterations N   of the guest cpu (default 5,000,000)
//   --joins N        deaths of a backup, each way (default 10)
//   --mebibytes N    memory that its guest works in, of which the snapshots are, too (default 64)

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { CapturedConsole } from '../../devices/console/captured-console.js';
import { LaunchedMachine } from '../../engine/launch/launched-machine.js';
import { DEFAULT_MACHINE, FIRST_ROUND, guestPath, numbers, publish, quantile } from '../host.js';
import { launch, Patient } from '../joining/patient.js';
import { cpuMs, owned, ownedFolder, removeFolder } from '../processes.js';
import type { LinkCosts } from './ends.js';

const AIM_BOUNDARY = 1.05;
const AIM_BULK = 1.3;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    trips: { type: 'string', default: '20000' },
    connections: { type: 'string', default: '50' },
    lengths: { type: 'string', default: '1000,8000,1000000' },
    iterations: { type: 'string', default: '5000000' },
    joins: { type: 'string', default: '10' },
    snapshots: { type: 'string', default: '8' },
    mebibytes: { type: 'string', default: '64' },
  },
});
const rounds = Number(values.rounds);

/** What was measured, in the clear and encrypted, by its name. */
class Results {
  readonly #samples = new Map<string, { readonly clear: number[]; readonly encrypted: number[] }>();

  add(name: string, encrypted: boolean, value: number): void {
    const samples = this.#samples.get(name) ?? { clear: [], encrypted: [] };
    this.#samples.set(name, samples);
    samples[encrypted ? 'encrypted' : 'clear'].push(value);
  }

  rows(): string[][] {
    return [...this.#samples].map(([name, { clear, encrypted }]) => {
      // What was measured side by side is compared; of these ratios the median.
      const ratios = encrypted.map((value, at) => value / clear[at]!);
      const figures = [quantile(clear, 0.5), quantile(encrypted, 0.5)].map(value => value.toPrecision(3));
      return [name, ...figures, quantile(ratios, 0.5).toFixed(2)];
    });
  }
}

async function linkCosts(encrypted: boolean, snapshot: string): Promise<LinkCosts> {
  const how = encrypted ? 'encrypted' : 'clear';
  const what = [values.trips, values.connections, values.snapshots, snapshot];
  const child = owned(fork(join(import.meta.dirname, 'ends.js'), ['call', how, ...what]));
  const [costs] = (await once(child, 'message')) as [LinkCosts];
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return costs;
}

const module = readFileSync(guestPath('cpu'));

/** From the first instruction to the outcome, and CPU of both replicas, ms. */
async function runOf(
  epochLength: number,
  encrypted: boolean,
): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const machine = new LaunchedMachine({
    module,
    moduleCache: true,
    options: { ...DEFAULT_MACHINE, epochLength, arguments: ['cpu', values.iterations], devices: [] },
    replicas: 2,
    encrypted,
    streams: [new CapturedConsole(new Uint8Array(0))],
    devices: new Map(),
  });
  let begunMs = 0;
  let cpu = 0;
  machine.on('running', ({ incarnation }) => {
    if (incarnation === machine.primary?.incarnation) begunMs = performance.now();
  });
  machine.on('status', ({ primary, backups }) => {
    cpu = Math.max(
      cpu,
      [primary, ...backups].reduce((sum, { pid }) => sum + cpuMs(pid), 0),
    );
  });
  await machine.start();
  await machine.outcome;
  return { ms: performance.now() - begunMs, cpuMs: cpu };
}

const results = new Results();
const ways = (round: number) => (round % 2 === 0 ? [false, true] : [true, false]);

const folder = ownedFolder();
const snapshot = join(folder, 'snapshot');
for (const encrypted of [false, true]) {
  console.error(`channel: joins, ${encrypted ? 'encrypted' : 'in the clear'}`);
  const machine = await launch(folder, values.mebibytes, { encrypted });
  try {
    await machine.start();
    const patient = new Patient(machine);
    await patient.protected(0);
    if (!encrypted) await machine.save(snapshot, { guest: '', devices: [] });
    for (let at = 0; at < Number(values.joins); at += 1) {
      const { ms } = await patient.heal('backup');
      results.add(`from the death of a backup to Protected, ${values.mebibytes} MiB, ms`, encrypted, ms);
    }
  } finally {
    await machine.stop();
  }
}

for (let round = FIRST_ROUND; round < rounds; round += 1) {
  console.error(`channel: round ${round + 1} of ${rounds}`);
  for (const encrypted of ways(round)) {
    const costs = await linkCosts(encrypted, snapshot);
    if (round < 0) continue;
    results.add('a small frame and its answer, us', encrypted, costs.roundTripUs);
    results.add('... CPU of both ends, us', encrypted, costs.roundTripCpuUs);
    results.add('a MiB of a snapshot, ms', encrypted, costs.mebibyteMs);
    results.add('... CPU of both ends, ms', encrypted, costs.mebibyteCpuMs);
    results.add('a connection, ms', encrypted, costs.connectionMs);
  }
}
for (const length of numbers(values.lengths)) {
  for (let round = FIRST_ROUND; round < rounds; round += 1) {
    console.error(`channel: epochs of ${length}, round ${round + 1} of ${rounds}`);
    for (const encrypted of ways(round)) {
      const { ms, cpuMs } = await runOf(length, encrypted);
      if (round < 0) continue;
      const epochs = `epochs of ${length.toLocaleString('en-US')}`;
      results.add(`cpu, ${epochs}, s`, encrypted, ms / 1000);
      results.add(`... CPU of both replicas (${epochs}), s`, encrypted, cpuMs / 1000);
    }
  }
}
removeFolder(folder);

publish(
  'channel',
  'What an encrypted channel costs',
  `In the clear and encrypted (TLS 1.3, AES-128-GCM, X25519, a pre-shared key) in turn, ${rounds} rounds, medians; the ratio is
the median of the rounds' ratios. A link alone, between two processes: a frame of 100 bytes and its answer; a snapshot of
${values.mebibytes} MiB, encoded at one end and decoded at the other. Machines: the guest mill, whose backup is killed; a pair, \`deferred\`,
of the guest cpu, whose epochs are empty. Aims: ${AIM_BOUNDARY} at the boundary, ${AIM_BULK} for snapshots.

${markdownTable([['', 'in the clear', 'encrypted', 'ratio'], ...results.rows()], { align: ['l', 'r', 'r', 'r'] })}`,
);
