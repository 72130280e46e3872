// What does a client notice when a host dies, or a cable breaks, of a machine on three hosts? And for how long does it go well?
//
//   --strikes N   of each kind (default 20)
//   --minutes M   of one happening after another, at random (default 10)
//   --seed S      of the choice (default 1)

import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { Random } from '../../engine/simulator/random.js';
import { isTiny, publish, quantile } from '../host.js';
import { HAPPENINGS, happen } from './cuts.js';
import { ARBITER_HOST, BUS_HOST, HostedMachine } from './hosted-machine.js';

const { values } = parseArgs({
  options: {
    strikes: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
  },
});
/** A replica that has just joined is given the full suspicion time; so long after it, what is usual is known of it. */
const SETTLE_MS = isTiny ? 200 : 4_000;
/** A cable that is cut is healed after it; then the machine is to be protected again. */
const CUT_MS = 1_500;
const AIM_MS = 400;
/** A test wants to see one of them come to its end. */
const KINDS = isTiny ? 1 : Infinity;

interface Strike {
  readonly name: string;
  readonly strike: (machine: HostedMachine, host: string) => Promise<void>;
}

const cutOff = (machine: HostedMachine, host: string) => {
  for (const other of machine.network.hosts.keys()) if (other !== host) machine.network.cutBoth(host, other);
};
const STRIKES: readonly Strike[] = [
  { name: "the primary's host dies", strike: (machine, host) => machine.killHost(host) },
  { name: "the primary's cable is cut", strike: async (machine, host) => cutOff(machine, host) },
  {
    name: 'the cable between primary and bus is cut',
    strike: async (machine, host) => machine.network.cutBoth(host, BUS_HOST),
  },
  {
    name: 'the cable between primary and backup is cut',
    strike: async (machine, host) => {
      const { backup } = await machine.roles();
      machine.network.cutBoth(host, backup);
    },
  },
];

async function struck(machine: HostedMachine, { strike }: Strike): Promise<number> {
  const { primary } = await machine.roles();
  await pause(SETTLE_MS);
  await machine.progresses();
  machine.takeSilence();
  await strike(machine, primary);
  await pause(CUT_MS);
  await machine.progresses();
  const ms = machine.takeSilence();
  if (machine.network.processesOf(primary).length === 0) machine.revive(primary);
  else machine.network.healAll();
  await machine.isProtected();
  return ms;
}

const machine = await HostedMachine.start({ etcd: [ARBITER_HOST] });
try {
  const rows: string[][] = [];
  for (const strike of STRIKES.slice(0, KINDS)) {
    const silences: number[] = [];
    for (let n = 0; n < Number(values.strikes); n++) {
      console.error(`hosts: ${strike.name}, ${n + 1} of ${values.strikes}`);
      silences.push(await struck(machine, strike));
    }
    const shown = [quantile(silences, 0.5), quantile(silences, 0.9), Math.max(...silences)];
    rows.push([strike.name, values.strikes, ...shown.map(ms => ms.toFixed(0))]);
  }

  const random = new Random(Number(values.seed));
  const endMs = performance.now() + 60_000 * Number(values.minutes);
  const counts = new Map<string, number>();
  let mostMs = 0;
  while (performance.now() < endMs) {
    // Every tenth is the death of a host.
    const death = random.chance(0.1);
    const happening = HAPPENINGS[random.below(HAPPENINGS.length)]!;
    const name = death ? STRIKES[0]!.name : happening.name;
    console.error(`hosts: ${name}`);
    const ms = death ? await struck(machine, STRIKES[0]!) : await happen(machine, happening);
    if (death || happening.waits !== true) mostMs = Math.max(mostMs, ms);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const happenings = [...counts.values()].reduce((sum, count) => sum + count, 0);
  publish(
    'hosts',
    'What a client notices of hosts and cables',
    `Three hosts and one of etcd's in network namespaces of this one: replicas on A and B, the bus and a client of guest/programs/keyvalue.ts on C,
one INCR at a time. The longest silence that the client saw, of strikes ${SETTLE_MS / 1_000} s after the machine was protected; default settings. Aim: a median under ${AIM_MS} ms. Nothing tells anybody
that a connection has ended: hosts die with their cables cut.

${markdownTable([['what happens', 'times', 'median, ms', '90 %', 'most'], ...rows], { align: ['l', 'r', 'r', 'r', 'r'] })}

## One after another

${values.minutes} minutes, ${happenings} happenings chosen at random: the client counted ${machine.answers.toLocaleString('en-US')} answers over one connection, none lost, none doubled, and waited
${mostMs.toFixed(0)} ms at most where the machine could go on.

${markdownTable([['cut, both ways where nothing else is said', 'times'], ...[...counts].sort().map(([name, count]) => [name, String(count)])], { align: ['l', 'r'] })}`,
  );
} finally {
  await machine.close();
}
