// What can happen to the network of a machine on several hosts, and what must not come of it.
//
// Each happening: the cables are cut; the client goes on counting, or, where the bus itself is cut off from every replica, waits; the
// cables are healed, and the machine is protected again.

import { setTimeout as pause } from 'node:timers/promises';
import { ARBITER_HOST, BUS_HOST, type HostedMachine } from './hosted-machine.js';

export interface Happening {
  readonly name: string;
  /** From whom to whom nothing arrives; P is the primary's host, S the backup's, C the bus's, E etcd's. */
  readonly cuts: readonly (readonly [from: string, to: string])[];
  /** How often it is cut and healed. */
  readonly times?: number;
  /** Whether the machine has to wait until it is healed. */
  readonly waits?: true;
  /** Whether the backup has to take over. */
  readonly takesOver?: true;
}

const both = (one: string, other: string) =>
  [
    [one, other],
    [other, one],
  ] as const;

export const HAPPENINGS: readonly Happening[] = [
  { name: 'primary and backup', cuts: both('P', 'S') },
  { name: 'from primary to backup', cuts: [['P', 'S']] },
  { name: 'from backup to primary', cuts: [['S', 'P']] },
  { name: 'primary and backup, flapping', cuts: both('P', 'S'), times: 4 },
  { name: 'primary and bus', cuts: both('P', 'C'), takesOver: true },
  { name: 'from primary to bus', cuts: [['P', 'C']] },
  { name: 'from bus to primary', cuts: [['C', 'P']] },
  { name: 'primary and bus, flapping', cuts: both('P', 'C'), times: 4 },
  { name: 'backup and bus', cuts: both('S', 'C') },
  { name: 'primary and etcd', cuts: both('P', 'E') },
  { name: 'backup and etcd', cuts: both('S', 'E') },
  { name: 'primary and backup, primary and etcd', cuts: [...both('P', 'S'), ...both('P', 'E')], takesOver: true },
  { name: 'primary and backup, backup and etcd', cuts: [...both('P', 'S'), ...both('S', 'E')] },
  { name: 'the primary, from all', cuts: [...both('P', 'S'), ...both('P', 'C'), ...both('P', 'E')], takesOver: true },
  { name: 'the backup, from all', cuts: [...both('P', 'S'), ...both('S', 'C'), ...both('S', 'E')] },
  {
    name: 'from the primary to all',
    cuts: [
      ['P', 'S'],
      ['P', 'C'],
      ['P', 'E'],
    ],
  },
  { name: 'etcd, from all', cuts: [...both('P', 'E'), ...both('S', 'E'), ...both('C', 'E')] },
  { name: 'the bus, from all replicas', cuts: [...both('P', 'C'), ...both('S', 'C')], waits: true },
  {
    name: 'primary and backup, and etcd from both',
    cuts: [...both('P', 'S'), ...both('P', 'E'), ...both('S', 'E')],
    waits: true,
  },
];

/** How long something stays cut, if not until the client goes on, ms: longer than the suspicion time. */
const CUT_MS = 1_500;
const FLAP_MS = 300;
/** Nobody acts for so long, where nobody may. */
const SILENT_MS = 500;

/** Nobody may act: an answer now would be one that a backup does not know of. */
async function staysSilent(machine: HostedMachine): Promise<void> {
  const { answers } = machine;
  await pause(SILENT_MS);
  if (machine.answers !== answers) throw new Error('the client is answered though nobody may answer');
}

/** @returns the longest time without an answer, ms */
export async function happen(
  machine: HostedMachine,
  { cuts, times = 1, waits, takesOver }: Happening,
): Promise<number> {
  const { primary, backup } = await machine.roles();
  await machine.progresses();
  const host = (letter: string) => ({ P: primary, S: backup, C: BUS_HOST, E: ARBITER_HOST })[letter] ?? letter;
  machine.takeSilence();
  for (let time = 1; time <= times; time++) {
    for (const [from, to] of cuts) machine.network.cut(host(from), host(to));
    await pause(times > 1 ? FLAP_MS : CUT_MS);
    if (waits === true) await staysSilent(machine);
    // It goes on while it is cut.
    else if (times === 1) await machine.progresses();
    machine.network.healAll();
    if (time < times) await pause(FLAP_MS);
  }
  await machine.progresses();
  const silenceMs = machine.takeSilence();
  const after = await machine.roles();
  if (takesOver === true && after.primary === primary) throw new Error(`${primary} is primary still`);
  return silenceMs;
}
