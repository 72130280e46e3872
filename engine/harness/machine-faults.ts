// What a test does to a machine: kills, pauses, cuts; each resolves when it has happened, and fails where it never did.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import type { BusProcess } from '../launch/bus-process.js';
import type { LaunchedMachine, LaunchOptions } from '../launch/launched-machine.js';
import type { LaunchedReplica } from '../launch/launching.js';
import { THE_BUS } from '../replica/network-cuts.js';
import { isGuestPoint, type KillPoint, type KillProof, killHook } from '../testing/kill-hook.js';
import { describePoint, parsePoint } from '../testing/kill-points.js';
import type { Changes } from './awaited-change.js';

export type Role = 'primary' | 'backup';
/** One end of a cut. */
export type End = Role | 'bus';

/**
 * Where a replica is to die: an instruction of an epoch, both from 0; a count of instructions since the guest's start; what it says
 * or hears (`atMessage`); or a point as `failover --at` has it: `message:17:after`, `output:1`.
 */
export type KillPlace =
  | { readonly epoch: number; readonly instruction: number }
  | { readonly count: number }
  | KillPoint
  | string;

/** Before, or after, the n-th message (from 1) that the replica sends to another or hears from it; heartbeats are none. */
export function atMessage(number: number, when: 'before' | 'after' = 'before'): KillPoint {
  return { at: 'place', kind: 'message', number, when };
}

/** A kill that has landed. */
export interface Kill extends LaunchedReplica {
  readonly role: Role;
  /** The replica's own words, on disk before its end; of a kill without a place there are none. */
  readonly proof?: KillProof;
}

/** A replica whose process has ended before the machine did. */
export interface LostReplica extends LaunchedReplica {
  /** As a user reads it: `killed by SIGKILL`, or why it halted. */
  readonly reason: string;
  /** No: it was a replacement, and ended before it was named. */
  readonly hadJoined: boolean;
}

/** A bus that was killed, and the one after it. */
export interface BusRestart {
  readonly killed: number;
  readonly pid: number;
}

interface Placed {
  readonly point: KillPoint;
  readonly proofFile: string;
}

export class MachineFaults {
  readonly #changes: Changes;
  readonly #folder: string;
  readonly #placed = new Map<Role, Placed>();
  readonly #running = new Set<string>();
  readonly lost: LostReplica[] = [];
  readonly #lost = new Set<string>();
  readonly #paused: { readonly role: Role; readonly pid: number }[] = [];
  /** By incarnation, from whom it is cut off. */
  readonly #cuts = new Map<string, Set<string>>();
  #machine: LaunchedMachine | undefined;
  /** Those that it has begun with: a primary, and its backups. */
  #first: readonly LaunchedReplica[] = [];
  /** Asked for, and not landed so far. */
  readonly #pending = new Set<string>();

  constructor(changes: Changes, folder: string) {
    this.#changes = changes;
    this.#folder = folder;
  }

  /** What is asked for before the start. */
  get hooks(): Pick<LaunchOptions, 'hooks' | 'ioHooks'> {
    const hookOf = (role: Role, name: string, isOf: (point: KillPoint) => boolean) => {
      const placed = this.#placed.get(role);
      if (placed === undefined || !isOf(placed.point)) return {};
      return { [name]: killHook(placed.point, placed.proofFile, { owner: role }) };
    };
    // Also of a kill at an instruction, which is told at the I/O what is in flight.
    const anywhere = () => true;
    return {
      hooks: { ...hookOf('primary', 'primary', isGuestPoint), ...hookOf('backup', 'backup', isGuestPoint) },
      ioHooks: { ...hookOf('primary', 'primary', anywhere), ...hookOf('backup', 'backups', anywhere) },
    };
  }

  /** @param machine has just been started */
  watch(machine: LaunchedMachine): void {
    this.#machine = machine;
    this.#first = machine.replicas;
    machine.on('running', ({ incarnation }) => {
      this.#running.add(incarnation);
      this.#changes.notify();
    });
    machine.on('lost', ({ incarnation, pid }, reason) => {
      this.#lost.add(incarnation);
      this.lost.push({ incarnation, pid, reason, hadJoined: true });
      this.#changes.notify();
    });
    machine.on('unjoined', ({ incarnation, pid }, reason) => {
      this.lost.push({ incarnation, pid, reason, hadJoined: false });
      this.#changes.notify();
    });
  }

  /** Kills that a test has asked for, and that have not landed. */
  get pending(): readonly string[] {
    return [...this.#pending];
  }

  async kill(role: Role, place: KillPlace | undefined): Promise<Kill> {
    const name = place === undefined ? `the ${role}` : `the ${role} at ${describePoint(pointOf(place))}`;
    this.#pending.add(name);
    const kill = place === undefined ? await this.#killNow(role) : await this.#killAt(role, pointOf(place), name);
    this.#pending.delete(name);
    return kill;
  }

  async #killNow(role: Role): Promise<Kill> {
    const victim = await this.#runningOf(role);
    signal(victim.pid, 'SIGKILL');
    await this.#changes.until(
      () => this.#lost.has(victim.incarnation) || undefined,
      () => `the end of the ${role}`,
    );
    return { role, ...victim };
  }

  async #killAt(role: Role, point: KillPoint, name: string): Promise<Kill> {
    if (this.#machine !== undefined) {
      throw new EpochvisorError(
        'POINT_TOO_LATE',
        `${name} can't be killed there: the machine runs already`,
        'ask for it right after launch, before anything else is awaited; later kill without a place',
      );
    }
    if (this.#placed.has(role)) {
      throw new EpochvisorError('POINT_TWICE', `the ${role} is to die elsewhere already`, 'it dies once');
    }
    const proofFile = join(this.#folder, `${role}-kill.json`);
    this.#placed.set(role, { point, proofFile });
    const first = () => this.#first[role === 'primary' ? 0 : 1];
    const { incarnation, pid } = await this.#changes.until(first, () => `the start of the ${role}`);
    let failure: EpochvisorError | undefined;
    const landed = () => (this.#lost.has(incarnation) || failure !== undefined ? true : undefined);
    try {
      // As long as the guest takes to come there; the machine's own limit ends it.
      await this.#changes.until(landed, () => name, Infinity);
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      failure = error;
    }
    if (existsSync(proofFile)) {
      return { role, incarnation, pid, proof: JSON.parse(readFileSync(proofFile, 'utf8')) as KillProof };
    }
    const why = failure === undefined ? `it was lost before` : failure.message;
    throw new EpochvisorError(
      'POINT_NOT_REACHED',
      `no kill of ${name}: ${why}`,
      'name a point within the run of the guest',
    );
  }

  /** Stops a replica where it stands (SIGSTOP). */
  async pause(role: Role): Promise<LaunchedReplica> {
    const { incarnation, pid } = await this.#runningOf(role);
    signal(pid, 'SIGSTOP');
    this.#paused.push({ role, pid });
    return { incarnation, pid };
  }

  /** Whoever was paused in this role, or in any, goes on, if it still lives. @throws EpochvisorError NOT_PAUSED */
  resume(role?: Role): void {
    const those = this.#paused.filter(one => role === undefined || one.role === role);
    if (those.length === 0) {
      throw new EpochvisorError('NOT_PAUSED', `no ${role ?? 'replica'} is paused`, 'call pause first');
    }
    for (const one of those) {
      this.#paused.splice(this.#paused.indexOf(one), 1);
      signal(one.pid, 'SIGCONT');
    }
  }

  /** Cuts the network between two: nothing gets through, no end is seen; both live on. */
  async partition(one: End, other: End): Promise<void> {
    if (one === other) throw new EpochvisorError('BAD_CUT', `a cut has two ends, and ${one} is one`, 'name two');
    const ends = [one, other].map(end => (end === 'bus' ? Promise.resolve(THE_BUS) : this.#incarnationOf(end)));
    const [a, b] = (await Promise.all(ends)) as [string, string];
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      if (from === THE_BUS) continue;
      this.#cuts.set(from, new Set([...(this.#cuts.get(from) ?? []), to]));
    }
    await Promise.all([...this.#cuts].map(([incarnation, from]) => this.#machine!.cut(incarnation, [...from])));
  }

  /** All cuts are mended; what was held up on the way arrives. */
  async heal(): Promise<void> {
    const cut = [...this.#cuts.keys()];
    this.#cuts.clear();
    await Promise.all(cut.map(incarnation => this.#machine!.cut(incarnation, [])));
  }

  /** Kills the bus once the primary has it, and waits until all have the next one. */
  async restartBus(bus: BusProcess | undefined): Promise<BusRestart> {
    if (bus === undefined) {
      const message = 'the bus is in the process of the test, and can not be killed without it';
      throw new EpochvisorError('BUS_NOT_APART', message, "launch the machine with bus: 'process'");
    }
    this.#pending.add('the bus');
    // Who joins calls it when it has joined.
    const living = () => (this.#machine?.replicas ?? []).filter(({ incarnation }) => this.#isNamed(incarnation));
    const found = () => bus.owner !== undefined && living().every(({ incarnation }) => bus.attached.has(incarnation));
    const foundBut = (pid: number) => () => (found() && bus.pid !== pid ? bus.pid : undefined);
    const killed = await this.#changes.until(foundBut(0), () => 'a bus that replicas are connected to');
    signal(killed, 'SIGKILL');
    const pid = await this.#changes.until(foundBut(killed), () => 'the replicas on a bus that was started again');
    this.#pending.delete('the bus');
    return { killed, pid };
  }

  #isNamed(incarnation: string): boolean {
    const { primary, backups = [] } = this.#machine?.status ?? {};
    return [primary, ...backups].some(one => one?.incarnation === incarnation);
  }

  async #incarnationOf(role: Role): Promise<string> {
    return (await this.#runningOf(role)).incarnation;
  }

  /** Who has this role, once its guest runs. */
  #runningOf(role: Role): Promise<LaunchedReplica> {
    const running = () => {
      const { primary, backups } = this.#machine?.status ?? {};
      const replica = role === 'primary' ? primary : backups?.[0];
      if (this.#changes.isOver || replica === undefined || replica.pid === 0) return undefined;
      const { incarnation, pid } = replica;
      return this.#running.has(incarnation) && !this.#lost.has(incarnation) ? { incarnation, pid } : undefined;
    };
    return this.#changes.until(running, () => `a ${role} that runs`);
  }
}

/** @throws EpochvisorError BAD_POINT */
export function pointOf(place: KillPlace): KillPoint {
  if (typeof place === 'string') return parsePoint(place);
  const point = asPoint(place);
  // Tests in JavaScript have no compiler that says so.
  const numbers = Object.entries(point).filter(([name]) => ['epoch', 'instruction', 'count', 'number'].includes(name));
  const wanted = point.at === 'epoch' ? 2 : 1;
  const areWhole = numbers.every(([, value]) => Number.isSafeInteger(value) && (value as number) >= 0);
  if (numbers.length === wanted && areWhole) return point;
  throw new EpochvisorError(
    'BAD_POINT',
    `${JSON.stringify(place)} is no point to kill at`,
    'give { epoch, instruction } or { count }, whole numbers from 0, or atMessage(n)',
  );
}

function asPoint(place: Exclude<KillPlace, string>): KillPoint {
  if ('at' in place) return place;
  return 'count' in place ? { at: 'count', ...place } : { at: 'epoch', ...place };
}

/** @throws EpochvisorError KILL_MISSED for SIGKILL where it has ended already */
function signal(pid: number, name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    // One that was paused and replaced may have been killed meanwhile.
    if (name === 'SIGCONT') return;
    throw new EpochvisorError(
      'KILL_MISSED',
      `process ${pid} has ended before ${name}`,
      'await machine.whenProtected()',
    );
  }
}
