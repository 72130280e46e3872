// One run: builds the world from its options, lets time go on, strikes with the faults, and asks the judge.

import { EpochvisorError } from '../errors/errors.js';
import type { View } from '../protocol/vocabulary.js';
import { BusHost } from './bus-host.js';
import type { Fault, PathTarget, ReplicaTarget } from './faults.js';
import type { Path } from './network.js';
import { Paths } from './network-paths.js';
import { type RecoveredStart, startFromLogs } from './operator.js';
import { type Parts, PRODUCTION } from './parts.js';
import { Random } from './random.js';
import { type Coverage, Judge } from './run-judge.js';
import type { RunOptions } from './run-plan.js';
import { Schedule } from './schedule.js';
import { lineOf, type Seen } from './seen.js';
import { Arbiter } from './simulated-arbiter.js';
import { SimulatedFiles } from './simulated-disk.js';
import { LOGS_FOLDER } from './simulated-log.js';
import { Replica } from './simulated-replica.js';
import { SimulatedSnapshots } from './simulated-snapshots.js';
import { Sometimes, type Visited } from './sometimes.js';
import {
  type GuestOptions,
  STREAM_DIALLED,
  STREAM_ERROR,
  STREAM_INPUT,
  STREAM_OUTPUT,
  STREAM_SOURCE,
} from './toy-guest.js';
import { joinedBytes } from './transcript.js';
import { verdict } from './verdict.js';

export interface RunResult {
  /** What is wrong; undefined if nothing is. */
  readonly failure: string | undefined;
  /** `lost`: every replica that could have gone on was struck down. */
  readonly end: 'finished' | 'lost';
  readonly steps: number;
  readonly virtualMs: number;
  readonly coverage: Coverage;
  /** Rare states, and how often it was in each. */
  readonly visited: Visited;
}

/** Whoever looks on. */
export interface Onlooker {
  /** A line of the trace. */
  readonly trace?: (line: string) => void;
  readonly see?: (atMs: number, seen: Seen) => void;
}

/** Once the last fault is over, no guest may stand still for so long. */
const STANDSTILL_MS = 2_000;
/** Nor may a machine that is repaired be without a backup for so long. */
const UNPROTECTED_MS = 3_000;
/** KP: what a backup keeps is bounded by the lag of the slowest. */
const KEPT_PARTS_MAX = 400;
/** How often those two are looked at. */
const LOOK_EVERY_STEPS = 50;
/** How often the launcher looks. */
const WATCH_NS = 5e6;
/** Whoever dies again and again is left alone then. */
const RECOVERIES_MAX = 6;
/** Of replicas, in the order in which they start; no more are started. */
const NAMES = [...'ABCDEFGHIJKLMNOP'];
/** A run that plans so many steps goes round in circles. */
const STEPS_MAX = 200_000;

interface World {
  readonly parts: Parts;
  readonly random: Random;
  readonly paths: Paths;
  readonly bus: BusHost;
}

export function simulate(
  run: RunOptions,
  parts: Parts = PRODUCTION,
  onlooker: Onlooker | ((line: string) => void) = {},
): RunResult {
  return new Simulation(run, parts, typeof onlooker === 'function' ? { trace: onlooker } : onlooker).run();
}

class Simulation {
  readonly #run: RunOptions;
  readonly #onlooker: Onlooker;
  readonly #schedule = new Schedule();
  readonly #judge: Judge;
  readonly #arbiter: Arbiter;
  readonly #world: World;
  readonly #replicas: Replica[] = [];
  readonly #snapshots = new SimulatedSnapshots();
  readonly #files = new SimulatedFiles();
  readonly #sometimes: Sometimes;
  readonly #guest: GuestOptions;
  #nextFault = 0;
  /** How often somebody has gone on from logs, or tried to; whether somebody is about to. */
  #recoveries = 0;
  #isRecovering = false;
  /** When the last fault that has struck is over. */
  #faultsEndNs = 0;
  /** How far the guests had come, and when. */
  #progress = { count: 0, atNs: 0 };
  /** When it was last as protected as it can be. */
  #protectedAtNs = 0;

  constructor(run: RunOptions, parts: Parts, onlooker: Onlooker) {
    const schedule = this.#schedule;
    const random = new Random(run.seed ^ 0x5eed);
    this.#run = run;
    this.#onlooker = onlooker;
    this.#judge = new Judge(this.#see, run.durability);
    const { seed, guestSteps: steps, operationIds, floodBytes } = run;
    this.#guest = { seed, steps, operationIds, floodBytes, visits: run.visits.length, bounds: run.bounds };
    const judge = this.#judge;
    const names = NAMES.slice(0, run.replicas);
    const spares = NAMES.slice(run.replicas, run.replicas + (run.spares ?? 0));
    this.#sometimes = new Sometimes(
      {
        lives: name => this.#named(name)?.fate === 'live',
        reignOf: name => {
          const replica = this.#named(name);
          return replica?.role === 'primary' ? replica.view?.number : undefined;
        },
        isWithinOutput: (name, stream, offset) => judge.isWithinOutput(name, stream, offset),
        wasPerformed: id => judge.performances.some(({ operation }) => operation.id === id),
      },
      spares,
    );
    const view: View = { number: 1, machine: 'm', primary: 'A', backups: names.slice(1), claim: 'first' };
    this.#arbiter = new Arbiter({
      schedule,
      random: random.fork(),
      first: view,
      delayNs: run.arbiterNs,
      lossProbability: run.arbiterLossProbability,
      staleNs: run.arbiterStaleNs,
      recorded: recorded => judge.recorded(recorded),
      see: this.#see,
    });
    const paths = new Paths(schedule, random, new Random(run.seed ^ 0xbead), run.networkNs);
    const bus = new BusHost({
      newBus: memory =>
        parts.bus({
          operationIds: run.operationIds,
          outputStreams: [STREAM_OUTPUT, STREAM_ERROR],
          inputStreams: [STREAM_INPUT],
          sourceStreams: [STREAM_SOURCE, STREAM_DIALLED],
          bounds: run.bounds,
          ...(memory === undefined ? {} : { memory }),
        }),
      journal:
        run.memorySyncNs === undefined
          ? undefined
          : { random: new Random(run.seed ^ 0xd15c), syncNs: run.memorySyncNs },
      operationIds: run.operationIds,
      encodes: run.encodes,
      schedule,
      random: random.fork(),
      deviceNs: run.deviceNs,
      heartbeatMs: run.heartbeatMs,
      isHeard: () => !this.#over(),
      input: run.input,
      visits: run.visits,
      observer: judge,
      see: this.#see,
    });
    this.#world = { parts, random, paths, bus };
    for (const name of names) this.#add(name, view);
    for (const name of spares) this.#add(name, undefined);
    // A process that died before it was connected is never heard of, unless there is a launcher.
    schedule.after(1e6, () => {
      for (const replica of this.#replicas) this.#connect(replica, 1);
      const unheard = run.seed % 2 === 0 ? this.#replicas.filter(({ io }) => io.dead) : [];
      for (const { name } of unheard) for (const other of this.#replicas) other.hearsOfEnd(name);
    });
    if (run.repair) this.#watch();
    if (run.keepsEveryNs !== undefined) this.#keep(run.keepsEveryNs);
  }

  readonly #see = (seen: Seen): void => {
    this.#sometimes.see(seen);
    const { trace, see } = this.#onlooker;
    see?.(this.#schedule.nowMs, seen);
    const line = trace === undefined ? undefined : lineOf(seen);
    if (line !== undefined) this.#trace(line);
  };

  #trace(line: string): void {
    this.#onlooker.trace?.(`${this.#schedule.steps} ${this.#schedule.nowMs.toFixed(3)} ms ${line}`);
  }

  #named(name: string): Replica | undefined {
    return this.#replicas.find(replica => replica.name === name);
  }

  #add(name: string, view: View | undefined, recovered?: RecoveredStart): Replica {
    const { parts, random, paths, bus } = this.#world;
    const [schedule, run, judge, guest, arbiter] = [this.#schedule, this.#run, this.#judge, this.#guest, this.#arbiter];
    const busPath = paths.toBus(this.#replicas.length);
    const world = { name, run, parts, schedule, random: random.fork(), view, bus, busPath, judge };
    const kept = { snapshots: this.#snapshots, files: this.#files };
    const recovers = recovered === undefined ? {} : { recovers: recovered.place };
    const replica = new Replica({ ...world, ...kept, ...recovers, guest, arbiter, see: this.#see });
    this.#replicas.push(replica);
    return replica;
  }

  /** To all who came before it, or after (`side` 1): each pair once. */
  #connect(replica: Replica, side: 0 | 1): void {
    const at = this.#replicas.indexOf(replica);
    const others = side === 0 ? this.#replicas.slice(0, at) : this.#replicas.slice(at + 1);
    for (const other of others) {
      if (replica.io.dead || other.io.dead) continue;
      const [a, b] = side === 0 ? [other, replica] : [replica, other];
      const path = this.#world.paths.between(this.#replicas.indexOf(a), this.#replicas.indexOf(b));
      const [first, second] = [a.listen(b.name), b.listen(a.name)];
      const connection = path.connect(first, second);
      a.connected(b.name, connection, 0, first);
      b.connected(a.name, connection, 1, second);
    }
  }

  // ---- the launcher

  /** Users ask for snapshots, again and again. */
  #keep(everyNs: number): void {
    this.#schedule.after(everyNs, () => {
      if (this.#over()) return;
      for (const replica of this.#replicas) if (replica.active && replica.role === 'primary') replica.keep();
      this.#keep(everyNs);
    });
  }

  /** Looks for processes that have ended, and starts as many anew, as long as there is a machine to join. */
  #watch(): void {
    const launcher = this.#recoveries;
    // Of one that is dead nothing is started any more.
    const isGone = () => this.#over() || launcher !== this.#recoveries;
    this.#schedule.after(WATCH_NS, () => {
      if (isGone() || this.#judge.outcome !== undefined) return;
      this.#killSilent();
      const there = this.#replicas.filter(({ fate }) => fate === 'live' || fate === 'hung').length;
      const name = NAMES[this.#replicas.length];
      if (there >= this.#run.replicas + (this.#run.spares ?? 0) || name === undefined) {
        this.#watch();
        return;
      }
      const [least, most] = this.#run.restartNs;
      this.#schedule.after(this.#world.random.between(least, most), () => {
        if (isGone()) return;
        this.#see({ type: 'started', name });
        this.#connect(this.#add(name, undefined), 0);
        this.#watch();
      });
    });
  }

  /** One that joins and hangs says nothing any more: it would keep another from its place. */
  #killSilent(): void {
    const { primary, backups } = this.#arbiter.latest;
    for (const replica of this.#replicas) {
      const named = replica.name === primary || backups.includes(replica.name);
      if (replica.fate === 'hung' && !named && !this.#judge.wasNamed(replica.name)) replica.kill();
    }
  }

  run(): RunResult {
    let failure: string | undefined;
    let isGivenUp = false;
    try {
      // What is still on its way when the replicas have ended arrives too.
      do {
        this.#strike();
        failure = this.#judge.violation;
        if (this.#over()) {
          this.#endJoining();
          this.#planRecovery();
        } else failure ??= this.#late();
        // What was done at devices and on opened streams, and is in no log, nobody can tell: that may hold a guest up for ever.
        if (failure === undefined || !this.#judge.isCutShort || this.#judge.violation !== undefined) continue;
        [failure, isGivenUp] = [undefined, true];
      } while (failure === undefined && !isGivenUp && this.#schedule.step());
    } catch (error) {
      failure = `a defect: ${error instanceof Error ? error.message : error}`;
    }
    failure ??=
      (isGivenUp ? undefined : this.#wronglyLost()) ??
      (this.#judge.isRefused || isGivenUp ? this.#judge.violation : this.#verdict());
    this.#trace(failure ?? 'nothing wrong');
    return {
      failure,
      end: this.#judge.outcome === undefined ? 'lost' : 'finished',
      steps: this.#schedule.steps,
      virtualMs: this.#schedule.nowMs,
      coverage: this.#judge.coverage,
      visited: this.#sometimes.visited,
    };
  }

  /** No replica is left that could do anything: all have ended, or are paused for ever. */
  #over(): boolean {
    return this.#replicas.every(replica => !replica.active);
  }

  // ---- the operator

  /** All are dead: after a while somebody goes on from their logs. */
  #planRecovery(): void {
    const { recoversNs } = this.#run;
    const isOver = this.#judge.outcome !== undefined || this.#judge.violation !== undefined;
    const isRefused = this.#replicas.some(({ haltCode }) => haltCode === 'RECOVER_BEHIND');
    const isEnough = isRefused || this.#recoveries === RECOVERIES_MAX;
    if (recoversNs === undefined || this.#isRecovering || isOver || isEnough) return;
    const name = NAMES[this.#replicas.length];
    if (name === undefined) return;
    this.#isRecovering = true;
    this.#recoveries += 1;
    const [least, most] = recoversNs;
    const afterNs = this.#world.random.between(least, most);
    this.#lasts(afterNs);
    this.#schedule.after(afterNs, () => {
      this.#isRecovering = false;
      this.#recover(name);
    });
  }

  #recover(name: string): void {
    const { bus, parts } = this.#world;
    const { durability } = this.#run;
    // A launcher may have started another meanwhile; and what hangs holds nobody up.
    if (!this.#over() || durability === undefined || NAMES[this.#replicas.length] !== name) return;
    for (const replica of this.#replicas) replica.kill();
    // The bus is one with the process that is started now.
    if (!bus.isDead) bus.restart(1e5, false);
    const { memory, outside } = bus.found;
    if (memory.outcome !== undefined) return;
    const view = this.#arbiter.latest;
    const logs = { files: this.#files, parts, snapshots: this.#snapshots, durability, view };
    try {
      const start = startFromLogs(name, { ...logs, memory, outside });
      const { place, scan } = start;
      const of = place.log.slice(LOGS_FOLDER.length + 1);
      this.#see({ type: 'recovers', name, of, from: place.from, end: place.end, isTorn: scan.isTorn });
      this.#judge.recovers(name, of, scan);
      this.#add(name, start.view, start);
      if (this.#run.repair) this.#watch();
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      this.#see({ type: 'recoveryRefused', code: error.code, why: error.message });
      this.#judge.refusedToRecover(error.code, error.message);
    }
  }

  #blackout({ power, loses }: Fault & { readonly kind: 'blackout' }): void {
    const { primary, backups } = this.#arbiter.latest;
    for (const replica of this.#replicas) replica.kill();
    // Where no output waits for a disk, what is lost with the power is of the replicas alone: what is then known of the outside is known.
    const isAwaited = this.#run.durability !== 'memory';
    this.#world.bus.restart(1e6, power && isAwaited);
    if (!power) return;
    for (const { log } of this.#replicas) log?.disk.powerOff();
    const random = this.#world.random;
    this.#files.become(LOGS_FOLDER, this.#files.afterPowerLoss(LOGS_FOLDER, random));
    const folder = (name: string) => `${LOGS_FOLDER}/${name}`;
    const left = [primary, ...backups].filter(name => this.#files.under(folder(name)).length > 0);
    const [lost] = loses === 'nothing' ? [] : loses === 'primary' ? [primary] : backups;
    // Of one that is the only one of its view nobody promises that its disk may be lost; its claim may be under way.
    const alone = [...this.#arbiter.underWay].some(claim => claim.primary === lost && claim.backups.length === 0);
    const isLost = lost !== undefined && left.includes(lost) && left.length > 1 && !alone;
    if (isLost) this.#files.lose(folder(lost));
    this.#judge.powerLost(isLost ? lost : undefined);
  }

  /** There is nothing left to be joined. */
  #endJoining(): void {
    for (const replica of this.#replicas) if (replica.fate === 'live') replica.kill();
  }

  #late(): string | undefined {
    const { nowNs, steps } = this.#schedule;
    const count = this.#judge.progress;
    if (count > this.#progress.count) this.#progress = { count, atNs: nowNs };
    const quietNs = nowNs - Math.max(this.#faultsEndNs, this.#progress.atNs);
    const fates = () => this.#replicas.map(({ name, fate }) => `${name} ${fate}`).join(', ');
    const view = this.#arbiter.latest.number;
    if (quietNs >= STANDSTILL_MS * 1e6 || steps >= STEPS_MAX) {
      return `the machine does not come to its end (${fates()}; view ${view})`;
    }
    if (steps % LOOK_EVERY_STEPS !== 0) return undefined;
    const kept = this.#replicas.find(({ keptParts }) => keptParts > KEPT_PARTS_MAX);
    if (kept !== undefined) return `${kept.name} keeps ${kept.keptParts} parts of the log (KP)`;
    return this.#unprotected() ? `the machine is not protected again (${fates()}; view ${view}) (JN)` : undefined;
  }

  /** Where processes are started anew, a machine that is left alone is protected after a while. */
  #unprotected(): boolean {
    const { run, nowNs } = { run: this.#run, nowNs: this.#schedule.nowNs };
    const primary = this.#replicas.find(({ fate, role }) => fate === 'live' && role === 'primary');
    const hangs = this.#replicas.some(({ fate }) => fate === 'hung');
    if (!run.repair || run.replicas === 1 || hangs || primary?.protection.protected !== false) {
      this.#protectedAtNs = nowNs;
    }
    if (this.#replicas.length === NAMES.length || this.#nextFault < run.faults.length) return false;
    return nowNs - Math.max(this.#protectedAtNs, this.#faultsEndNs) > UNPROTECTED_MS * 1e6;
  }

  /** Whoever is named in the latest view must have been struck down, or told by another that the bus is out of reach. */
  #wronglyLost(): string | undefined {
    if (this.#judge.outcome !== undefined) return undefined;
    const { number, primary, backups } = this.#arbiter.latest;
    for (const replica of this.#replicas) {
      if (replica.name !== primary && !backups.includes(replica.name)) continue;
      const struck = replica.fate === 'killed' || replica.fate === 'hung';
      // Named by a claim that outlived its primary, after it had given up: it was no part of the machine then.
      const gaveUp = replica.haltCode === 'JOIN_LOST' && replica.readUpTo < number;
      if (struck || gaveUp || ['BUS_LOST', 'DIVERGED', 'RECOVER_BEHIND'].includes(replica.haltCode)) continue;
      return `${replica.name} is ${replica.fate} ${replica.haltCode}, though it is part of view ${number}`;
    }
    return undefined;
  }

  #verdict(): string | undefined {
    const input = joinedBytes(this.#run.input);
    const machine = this.#replicas.find(({ name }) => name === this.#judge.owner);
    const history = machine?.history ?? { happenings: [], actions: 0 };
    const { primary, backups } = this.#arbiter.latest;
    // Whoever came to the end with the machine; one that was struck down may have gone another way.
    const others = this.#replicas.filter(
      ({ name, fate }) => fate === 'finished' && (name === primary || backups.includes(name)),
    );
    const { visits } = this.#run;
    return verdict({ judge: this.#judge, guest: this.#guest, history, others, input, visits });
  }

  // ---- faults

  #strike(): void {
    for (;;) {
      const fault = this.#run.faults[this.#nextFault];
      if (fault === undefined || fault.atStep > this.#schedule.steps) return;
      this.#nextFault += 1;
      const target = 'replica' in fault ? this.#target(fault.replica) : undefined;
      this.#see({ type: 'fault', fault, whom: target?.name });
      this.#judge.struck(fault);
      this.#apply(fault, target);
    }
  }

  #apply(fault: Fault, replica: Replica | undefined): void {
    this.#lasts('durationNs' in fault ? fault.durationNs : 0);
    switch (fault.kind) {
      case 'kill':
        replica?.kill();
        break;
      case 'flip':
        replica?.flip();
        break;
      case 'pause':
        if (replica !== undefined) this.#pause(replica, fault.what, fault.durationNs);
        break;
      case 'slow':
        if (replica === undefined) break;
        this.#schedule.after(fault.durationNs, replica.slowDown(fault.times));
        break;
      case 'stutter':
        if (replica !== undefined) this.#stutter(replica, fault, this.#schedule.nowNs + fault.durationNs);
        break;
      case 'jitter':
        if (replica !== undefined) this.#schedule.after(fault.durationNs, replica.jitter(fault.byNs));
        break;
      case 'delay':
        for (const path of this.#pathsOf(fault.path)) this.#schedule.after(fault.durationNs, path.slowDown(fault.byNs));
        break;
      case 'setClock':
        if (replica !== undefined) replica.realTimeJumpNs += fault.byNs;
        break;
      case 'cut':
        for (const path of this.#pathsOf(fault.path)) {
          path.cut(fault.way === 'both' ? [0, 1] : [fault.way], fault.durationNs);
        }
        break;
      case 'reset':
        for (const path of this.#pathsOf(fault.path)) path.reset();
        break;
      case 'arbiterOutage':
        this.#arbiter.outage(fault.durationNs, fault.silent);
        break;
      case 'pauseBus':
        this.#world.bus.pause(fault.durationNs);
        break;
      case 'restartBus':
        this.#world.bus.restart(fault.durationNs, fault.power);
        break;
      case 'stallLog':
        replica?.log?.disk.stall(fault.durationNs);
        break;
      case 'fullLog':
        replica?.log?.disk.fill(fault.durationNs);
        break;
      case 'fullDisk':
        this.#world.bus.fillDisk(fault.durationNs);
        break;
      case 'blackout':
        this.#blackout(fault);
        break;
      case 'stallTerminal':
        this.#world.bus.stall(fault.durationNs);
    }
  }

  #target(target: ReplicaTarget): Replica | undefined {
    if (typeof target === 'number') return this.#replicas[target];
    const { primary, backups } = this.#arbiter.latest;
    const live = this.#replicas.filter(({ fate }) => fate === 'live');
    if (target === 'primary') return live.find(({ name }) => name === primary);
    if (target === 'backup') return live.find(({ name }) => backups.includes(name));
    return live.find(({ name }) => name !== primary && !backups.includes(name));
  }

  #pathsOf(target: PathTarget): readonly Path[] {
    const { paths } = this.#world;
    if (target === 'peers') return paths.peers;
    const [what, whose] = target.split(' ') as [string, string];
    const replica = this.#target((/\d/.test(whose) ? Number(whose) : whose) as ReplicaTarget);
    if (replica === undefined) return [];
    const index = this.#replicas.indexOf(replica);
    return what === 'bus' ? [paths.toBus(index)] : paths.peersOf(index);
  }

  /** What lasts for ever is over for the rest of the world at once. */
  #lasts(durationNs: number): void {
    if (durationNs === Infinity) return;
    this.#faultsEndNs = Math.max(this.#faultsEndNs, this.#schedule.nowNs + durationNs);
  }

  #stutter(replica: Replica, fault: Fault & { readonly kind: 'stutter' }, endNs: number): void {
    const { pauseNs, everyNs, more } = fault;
    if (replica.fate !== 'live' || this.#schedule.nowNs + pauseNs > endNs) return;
    this.#pause(replica, 'process', pauseNs);
    const next = { ...fault, pauseNs: pauseNs * more, everyNs: everyNs * more };
    this.#schedule.after(everyNs, () => this.#stutter(replica, next, endNs));
  }

  #pause(replica: Replica, what: 'process' | 'io' | 'guest', durationNs: number): void {
    const actors = [...(what === 'guest' ? [] : [replica.io]), ...(what === 'io' ? [] : [replica.guestActor])];
    for (const actor of actors) actor.pause();
    if (durationNs === Infinity) {
      if (replica.fate === 'live') replica.fate = 'hung';
      return;
    }
    this.#schedule.after(durationNs, () => {
      for (const actor of actors) actor.resume();
      if (what === 'process' && replica.fate === 'live') this.#see({ type: 'woke', name: replica.name });
    });
  }
}
