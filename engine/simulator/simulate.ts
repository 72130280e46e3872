// One run: builds the world from its options, lets time go on, strikes with the faults, and asks the judge.

import type { View } from '../protocol/machine.js';
import { Arbiter } from './arbiter.js';
import { BusHost } from './bus-host.js';
import { describeFault, type Fault, type PathName } from './faults.js';
import { type GuestOptions, STREAM_ERROR, STREAM_INPUT, STREAM_OUTPUT } from './guest.js';
import { type Coverage, Judge } from './judge.js';
import { Path } from './network.js';
import { type Parts, PRODUCTION } from './parts.js';
import { Random } from './random.js';
import { HEARTBEAT_MS, Replica } from './replica.js';
import type { RunOptions } from './run.js';
import { Schedule } from './schedule.js';
import { verdict } from './verdict.js';

export interface RunResult {
  /** What is wrong; undefined if nothing is. */
  readonly failure: string | undefined;
  /** `lost`: every replica that could have gone on was struck down. */
  readonly end: 'finished' | 'lost';
  readonly steps: number;
  readonly virtualMs: number;
  readonly coverage: Coverage;
}

/** Once the last fault is over, no guest may stand still for so long. */
const STANDSTILL_MS = 2_000;
/** A run that plans so many steps goes round in circles. */
const STEPS_MAX = 200_000;

export function simulate(run: RunOptions, parts: Parts = PRODUCTION, trace?: (line: string) => void): RunResult {
  return new Simulation(run, parts, trace).run();
}

class Simulation {
  readonly #run: RunOptions;
  readonly #trace: (line: string) => void;
  readonly #schedule = new Schedule();
  readonly #judge = new Judge('A');
  readonly #arbiter: Arbiter;
  readonly #paths: ReadonlyMap<PathName, Path>;
  readonly #replicas: Replica[] = [];
  readonly #guest: GuestOptions;
  #nextFault = 0;
  /** When the last fault that has struck is over. */
  #faultsEndNs = 0;
  /** How far the guests had come, and when. */
  #progress = { count: 0, atNs: 0 };

  constructor(run: RunOptions, parts: Parts, trace?: (line: string) => void) {
    const schedule = this.#schedule;
    const random = new Random(run.seed ^ 0x5eed);
    this.#run = run;
    this.#trace = line => trace?.(`${schedule.steps} ${schedule.nowMs.toFixed(3)} ms ${line}`);
    this.#guest = { seed: run.seed, steps: run.guestSteps, operationIds: run.operationIds };
    const judge = this.#judge;
    const names = run.replicas === 1 ? ['A'] : ['A', 'B'];
    const view: View = { number: 1, machine: 'm', primary: 'A', backups: names.slice(1), claim: 'first' };
    this.#arbiter = new Arbiter({
      schedule,
      random: random.fork(),
      first: view,
      delayNs: run.arbiterNs,
      lossProbability: run.arbiterLossProbability,
      recorded: recorded => judge.recorded(recorded),
    });
    const path = (name: PathName): Path => new Path(name, schedule, random.fork(), run.networkNs);
    this.#paths = new Map((['peers', 'bus 0', 'bus 1'] as const).map(name => [name, path(name)]));
    const bus = new BusHost({
      bus: parts.bus({
        operationIds: run.operationIds,
        outputStreams: [STREAM_OUTPUT, STREAM_ERROR],
        inputStreams: [STREAM_INPUT],
      }),
      schedule,
      random: random.fork(),
      deviceNs: run.deviceNs,
      heartbeatMs: HEARTBEAT_MS,
      isHeard: () => !this.#over(),
      input: run.input,
      observer: judge,
    });
    for (const [index, name] of names.entries()) {
      const busPath = this.#paths.get(index === 0 ? 'bus 0' : 'bus 1')!;
      const world = { name, run, parts, schedule, random: random.fork(), view, bus, busPath, judge };
      const options = { ...world, guest: this.#guest, arbiter: this.#arbiter, trace: this.#trace };
      this.#replicas.push(new Replica(options));
    }
    if (run.replicas === 2) this.#connectPeers();
  }

  #connectPeers(): void {
    const [a, b] = this.#replicas as [Replica, Replica];
    const path = this.#paths.get('peers')!;
    this.#schedule.after(1e6, () => {
      // A process that died before it was connected is never heard of.
      if (a.io.dead || b.io.dead) return;
      const connection = path.connect(a.listen(b.name), b.listen(a.name));
      a.connected(b.name, connection, 0);
      b.connected(a.name, connection, 1);
    });
  }

  run(): RunResult {
    let failure: string | undefined;
    try {
      // What is still on its way when the replicas have ended arrives too.
      do {
        this.#strike();
        failure = this.#judge.violation ?? (this.#over() ? undefined : this.#late());
      } while (failure === undefined && this.#schedule.step());
    } catch (error) {
      failure = `a defect: ${error instanceof Error ? error.message : error}`;
    }
    failure ??= this.#wronglyLost() ?? this.#verdict();
    this.#trace(failure ?? 'nothing wrong');
    return {
      failure,
      end: this.#judge.outcome === undefined ? 'lost' : 'finished',
      steps: this.#schedule.steps,
      virtualMs: this.#schedule.nowMs,
      coverage: this.#judge.coverage,
    };
  }

  /** No replica is left that could do anything: all have ended, or are paused for ever. */
  #over(): boolean {
    return this.#replicas.every(replica => !replica.active);
  }

  #late(): string | undefined {
    const { nowNs, steps } = this.#schedule;
    const count = this.#judge.progress;
    if (count > this.#progress.count) this.#progress = { count, atNs: nowNs };
    const quietNs = nowNs - Math.max(this.#faultsEndNs, this.#progress.atNs);
    if (quietNs < STANDSTILL_MS * 1e6 && steps < STEPS_MAX) return undefined;
    const fates = this.#replicas.map(({ name, fate }) => `${name} ${fate}`).join(', ');
    return `the machine does not come to its end (${fates}; view ${this.#arbiter.latest.number})`;
  }

  /** Whoever is named in the latest view must have been struck down, or told by another that the bus is out of reach. */
  #wronglyLost(): string | undefined {
    if (this.#judge.outcome !== undefined) return undefined;
    const { number, primary, backups } = this.#arbiter.latest;
    for (const replica of this.#replicas) {
      if (replica.name !== primary && !backups.includes(replica.name)) continue;
      const struck = replica.fate === 'killed' || replica.fate === 'hung';
      if (struck || replica.haltCode === 'BUS_LOST') continue;
      return `${replica.name} is ${replica.fate} ${replica.haltCode}, though it is part of view ${number}`;
    }
    return undefined;
  }

  #verdict(): string | undefined {
    const input = join(this.#run.input.map(({ bytes }) => bytes));
    const machine = this.#replicas.find(({ name }) => name === this.#judge.owner);
    const history = machine?.history ?? { happenings: [], actions: 0 };
    return verdict({ judge: this.#judge, guest: this.#guest, history, input });
  }

  // ---- faults

  #strike(): void {
    for (;;) {
      const fault = this.#run.faults[this.#nextFault];
      if (fault === undefined || fault.atStep > this.#schedule.steps) return;
      this.#nextFault += 1;
      this.#trace(`fault: ${describeFault(fault)}`);
      this.#apply(fault);
    }
  }

  #apply(fault: Fault): void {
    const replica = 'replica' in fault ? this.#replicas[fault.replica] : undefined;
    this.#lasts('durationNs' in fault ? fault.durationNs : 0);
    switch (fault.kind) {
      case 'kill':
        replica?.kill();
        break;
      case 'pause':
        if (replica !== undefined) this.#pause(replica, fault.what, fault.durationNs);
        break;
      case 'slow':
        if (replica === undefined) break;
        replica.slowness *= fault.times;
        this.#schedule.after(fault.durationNs, () => {
          replica.slowness /= fault.times;
        });
        break;
      case 'setClock':
        if (replica !== undefined) replica.realTimeJumpNs += fault.byNs;
        break;
      case 'cut':
        this.#paths.get(fault.path)!.cut(fault.way === 'both' ? [0, 1] : [fault.way], fault.durationNs);
        break;
      case 'reset':
        this.#paths.get(fault.path)!.reset();
        break;
      case 'arbiterOutage':
        this.#arbiter.outage(fault.durationNs);
    }
  }

  /** What lasts for ever is over for the rest of the world at once. */
  #lasts(durationNs: number): void {
    if (durationNs === Infinity) return;
    this.#faultsEndNs = Math.max(this.#faultsEndNs, this.#schedule.nowNs + durationNs);
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
    });
  }
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
