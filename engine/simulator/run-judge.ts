// The judge: no part of the system. It looks at what the guests produce, at what comes into a backup's memory, and at
// what the bus does, and knows the promises that must hold at every step. `verdict.ts` holds those for the end.

import { FIRST_CONNECTOR } from '../../devices/connector/connector-commands.js';
import { type BusEffect, STATUS_REFUSED } from '../protocol/bus/bus.js';
import { endOf, type StreamOutput } from '../protocol/bus/output-side.js';
import type { Durability } from '../protocol/durability.js';
import type { ExecutionRole } from '../protocol/execution.js';
import { isOfStream } from '../protocol/lane.js';
import type { StreamOffset } from '../protocol/messages.js';
import {
  FIRST_OPENED_STREAM,
  type Operation,
  type OperationId,
  type Outcome,
  type Output,
  type View,
} from '../protocol/vocabulary.js';
import { EntryDecoder } from '../wire/log-entries.js';
import type { BusObserver, Cause } from './bus-host.js';
import { Course } from './course.js';
import type { Fault } from './faults.js';
import type { LogScan } from './log-scan.js';
import type { BusPart, Part } from './parts.js';
import { RecoveryJudge } from './recovery-judge.js';
import type { Seen } from './seen.js';
import type { GuestObserver, SavedGuest } from './simulated-guest-thread.js';
import type { KeptLogs } from './simulated-log.js';
import { Transcript } from './transcript.js';

/** An operation as the outside saw it performed. */
export interface Performed {
  readonly operation: Operation;
  readonly status: number;
  readonly data: Uint8Array;
}

/** No fault leaves a replica with a log that cannot be continued: one that has it kept it. */
const LOGS_LOST = ['LOG_GAP', 'FOLLOW_LOST'];

/** Faults that cost nobody the membership of the machine, however long they last. */
const ENDURED: readonly Fault['kind'][] = [
  'setClock',
  'arbiterOutage',
  'stallTerminal',
  'restartBus',
  'fullDisk',
  'stallLog',
  'fullLog',
];

/** What a run went through: a simulator that never reaches a failover proves nothing. */
export interface Coverage {
  failovers: number;
  simplex: number;
  uncertain: number;
  /** Outputs of an older view that reached the bus. */
  late: number;
  throttled: number;
  halted: number;
  /** Replicas that started from a snapshot; views that name one. */
  joins: number;
  named: number;
  /** Times that a snapshot on its way waited for a full connection. */
  fullLinks: number;
  /** Snapshots that were kept. */
  kept: number;
  /** Divergences that a state digest found. */
  diverged: number;
  /** Streams that were opened, and those of them that the guest had asked for. */
  visits: number;
  dialled: number;
  /** Changes of the epoch length. */
  resized: number;
  /** Views after a silence shorter than the suspicion time: it follows what is heard. */
  early: number;
  /** Times that the bus was started again. */
  restarts: number;
}

export class Judge implements BusObserver {
  readonly #see: (seen: Seen) => void;
  readonly #durability: Durability | undefined;
  readonly #logs = new Map<string, KeptLogs>();
  readonly #recovery: RecoveryJudge;
  #violation: string | undefined;
  /** How much of its guest's course precedes each output; those of streams, cut and joined on the way, by their last byte. */
  readonly #preceding = new Map<string, number>();
  readonly #written = new Map<string, { readonly from: number; readonly end: number; readonly preceding: number }[]>();
  /** What the guest of each replica went through. */
  readonly #courses = new Map<string, Course>();
  /** What came into the memory of each replica, as a backup. */
  readonly #accepted = new Map<string, Course>();
  readonly #decoders = new Map<string, EntryDecoder>();
  /** Log of joining replicas that came before the state that it follows. */
  readonly #early = new Map<string, Part[]>();
  /** Hash of the guest of a replica that was not a backup then, at the end of an epoch. */
  readonly #states = new Map<string, number>();
  readonly #views = new Map<number, View>();
  #latest: View | undefined;
  readonly #named = new Set<string>();
  /** How long the course was that came with the snapshot of a replica. */
  readonly #restored = new Map<string, number>();
  readonly #flipped = new Set<string>();
  /** Backups that their primary leaves out of what it claims. */
  readonly #givenUp = new Set<string>();
  /** What precedes all outputs that the bus has heard of. */
  #heard: { readonly name: string; readonly length: number } | undefined;
  /** The highest view that the bus was fenced at, and who fenced it. */
  #fenced = { view: 0, owner: '' };

  #progress = 0;
  #isStruck = false;

  /** What the outside has of each stream. */
  readonly transcript = new Map<number, Transcript>();
  readonly performances: Performed[] = [];
  /** Operations that the bus refused, past its bounds. */
  readonly refused = new Set<OperationId>();
  outcome: Outcome | undefined;
  /** Which visit has which stream, and those streams that the outside has broken off. */
  readonly visitOf = new Map<number, number>();
  readonly broken = new Set<number>();
  /** Of those, which it lost with the process of the bus. */
  readonly wentDown = new Set<number>();
  /** The bus has lost what it appended last: nothing that mattered to anybody. */
  forgot = false;
  /** What the bus knew when the machine had ended: ids that are not released, how much of each input is, opened streams. */
  left:
    | {
        readonly operations: readonly OperationId[];
        readonly released: readonly StreamOffset[];
        readonly open: readonly number[];
      }
    | undefined;
  readonly coverage: Coverage = {
    failovers: 0,
    simplex: 0,
    uncertain: 0,
    late: 0,
    throttled: 0,
    halted: 0,
    joins: 0,
    named: 0,
    fullLinks: 0,
    kept: 0,
    diverged: 0,
    visits: 0,
    dialled: 0,
    resized: 0,
    early: 0,
    restarts: 0,
  };

  /** @param durability of replicas that log (DU) */
  constructor(see: (seen: Seen) => void, durability?: Durability) {
    this.#see = see;
    this.#durability = durability;
    this.#recovery = new RecoveryJudge(durability ?? 'memory');
  }

  /** What `name` writes down. */
  logs(name: string, logs: KeptLogs): void {
    this.#logs.set(name, logs);
  }

  // ---- logs that are gone on from

  powerLost(disk: string | undefined): void {
    this.#recovery.powerLost(disk);
  }

  get #isPromised(): boolean {
    return (
      this.#latest !== undefined &&
      this.#recovery.isPromised(this.#latest, name => this.#logs.get(name)?.hasEnded === true)
    );
  }

  /** Some of what had left was in no log, and nobody had promised that: what follows may contradict it where nobody could notice. */
  get isCutShort(): boolean {
    return this.#recovery.isCutShort;
  }

  /** Somebody has gone on from a log. */
  get hasRecovered(): boolean {
    return this.#recovery.hasRecovered;
  }

  /** `name` goes on from the log of `of`, which is worth `scan`. */
  recovers(name: string, of: string, { course }: LogScan): void {
    this.#recovery.recovers(name, of);
    const heard = this.#heard;
    if (heard === undefined || course?.has(this.#course(heard.name), heard.length) === true) return;
    if (this.#isPromised) {
      this.violate(
        `the log of ${of} that is gone on from lacks what left: ${course?.length ?? 'none'} of ${heard.length} happenings (DU)`,
      );
    }
    this.#recovery.isCutShort = true;
    this.#heard = undefined;
  }

  /** Nobody goes on, for the log accounts for less than what has left: whoever tried has contradicted it in nothing that left. */
  isRefused = false;

  /** Nobody can go on. */
  refusedToRecover(code: string, why: string): void {
    if (code === 'RECOVER_BEHIND') this.isRefused = true;
    const isFree = this.#heard === undefined || this.#recovery.isCutShort;
    if (!isFree && this.#isPromised)
      this.violate(`the logs are refused, and have what was promised: ${code} ${why} (DU)`);
  }

  /** The first broken promise. */
  get violation(): string | undefined {
    return this.#violation;
  }

  /** Incarnation of the replica that is the machine, as the bus sees it. */
  get owner(): string {
    return this.#fenced.owner;
  }

  /** Grows whenever a guest comes further. */
  get progress(): number {
    return this.#progress;
  }

  violate(what: string): void {
    this.#violation ??= what;
  }

  /** A fault: from now on somebody may be missed who is there, or be gone. */
  struck({ kind }: Fault): void {
    this.#isStruck ||= !ENDURED.includes(kind);
  }

  // ---- the guests

  /** What guest thread `name` tells; `role` is asked when it tells something. */
  observe(name: string, role: () => ExecutionRole): Omit<GuestObserver, 'refused'> {
    return {
      produced: (output, preceding) => {
        this.#progress += 1;
        this.#produced(name, output, preceding);
      },
      happened: hash => this.#course(name).happened(hash),
      course: () => this.#course(name),
      restored: saved => this.#restoredFrom(name, saved),
      boundary: (epoch, hash) => {
        this.#progress += 1;
        this.#boundary(name, role(), epoch, hash);
      },
      live: (_epoch, uncertain) => {
        this.coverage.failovers += 1;
        this.coverage.uncertain += uncertain;
      },
      resized: () => {
        this.coverage.resized += 1;
      },
      diverged: message => {
        if (this.#flipped.has(name)) this.coverage.diverged += 1;
        else this.violate(`${name} diverged (DG): ${message}`);
      },
    };
  }

  #course(name: string): Course {
    let course = this.#courses.get(name);
    if (course === undefined) {
      course = new Course();
      this.#courses.set(name, course);
    }
    return course;
  }

  #produced(name: string, output: Output, preceding: number): void {
    if (!isOfStream(output)) {
      const key = `${name} ${keyOf(output)}`;
      if (!this.#preceding.has(key)) this.#preceding.set(key, preceding);
      return;
    }
    const key = `${name} ${output.stream}`;
    const writes = this.#written.get(key) ?? [];
    this.#written.set(key, writes);
    writes.push({ from: output.offset, end: endOf(output), preceding });
  }

  /** What precedes an output that `name` sends: of its own guest, or of the one whose state it has, before that was saved. */
  #precedingOf(name: string, output: Output): number | undefined {
    if (output.type === 'releaseInput' && this.#recovery.releases(name, output)) return this.#restored.get(name) ?? 0;
    const own = this.#producedAfter(name, output);
    if (own !== undefined) return own;
    const base = this.#restored.get(name) ?? 0;
    for (const other of this.#courses.keys()) {
      const preceding = this.#producedAfter(other, output);
      if (preceding !== undefined && preceding <= base) return preceding;
    }
    return undefined;
  }

  /** Of the last byte, where an output of a stream is of several. */
  #producedAfter(name: string, output: Output): number | undefined {
    if (!isOfStream(output)) return this.#preceding.get(`${name} ${keyOf(output)}`);
    return this.#writeUpTo(name, output.stream, endOf(output))?.preceding;
  }

  /** The output of stream `stream` by the guest of `name` that has the byte before `end`. */
  #writeUpTo(name: string, stream: number, end: number) {
    const writes = this.#written.get(`${name} ${stream}`) ?? [];
    let [low, high] = [0, writes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (writes[middle]!.end < end) low = middle + 1;
      else high = middle;
    }
    const write = writes[low];
    return write !== undefined && write.from < end ? write : undefined;
  }

  /** Whether `offset` lies within an output of the guest of `name`: some of its bytes are below, some are not. */
  isWithinOutput(name: string, stream: number, offset: number): boolean {
    return (this.#writeUpTo(name, stream, offset)?.end ?? offset) > offset;
  }

  /**
   * A backup is in the state that its primary was in at the same boundary. A primary that stands still there tells of it later,
   * and if it dies, never: what nobody told of the histories at the end must do. A backup that its primary has given up may have gone
   * on with the log of the one before, or not know of the view: it is asked no more, and left out before anything leaves (SX).
   */
  #boundary(name: string, role: ExecutionRole, epoch: number, hash: number): void {
    if (role !== 'backup') {
      this.#states.set(`${name} ${epoch}`, hash);
      return;
    }
    if (this.#flipped.has(name) || this.#givenUp.has(name) || this.#latest?.backups.includes(name) !== true) return;
    const told = this.#states.get(`${this.#latest.primary} ${epoch}`);
    if (told !== undefined && told !== hash) this.violate(`the replicas differ at the end of epoch ${epoch} (P5, P6)`);
  }

  /** A bit of its memory was flipped: what it does is wrong from here on. */
  flipped(name: string): void {
    this.#flipped.add(name);
  }

  halted(name: string, code: string): void {
    this.coverage.halted += 1;
    if (!this.#isStruck && this.outcome === undefined) this.violate(`${name} halts, and nothing has struck (${code})`);
    if (LOGS_LOST.includes(code)) this.violate(`${name} halts, for a part of the log is missing (${code}) (KP, OS)`);
  }

  /** A replica that joins has its snapshot: with that comes what precedes it; the log that follows may have come before. */
  #restoredFrom(name: string, saved: SavedGuest): void {
    this.coverage.joins += 1;
    this.#courses.set(name, new Course(saved.course));
    this.#accepted.set(name, new Course(saved.course));
    this.#decoders.set(name, new EntryDecoder(saved.codec));
    this.#restored.set(name, saved.course.length);
    this.#recovery.restored(name, saved.execution.input);
    for (const part of this.#early.get(name) ?? []) this.accepted(name, part, undefined);
    this.#early.delete(name);
  }

  /** Whoever goes on from it puts out nothing of what precedes it: that is all there, and answered unless the machine is over. */
  kept(name: string, { execution }: SavedGuest, answers: number): void {
    this.coverage.kept += 1;
    for (const { stream, offset } of execution.written) {
      // Opened streams are reset for who goes on from it.
      if (stream >= FIRST_OPENED_STREAM) continue;
      const there = this.transcript.get(stream)?.length ?? 0;
      if (there < offset)
        this.violate(
          `${name} gives out a snapshot, ${offset - there} bytes of stream ${stream} before it are not there`,
        );
    }
    if (this.outcome === undefined && answers < execution.outstanding.length) {
      this.violate(`${name} gives out a snapshot, and does not know how its operations ended`);
    }
  }

  /** A part of the log came into the memory of `name`. @param first reads the log of who began with the machine */
  accepted(name: string, part: Part, first: EntryDecoder | undefined): void {
    const decoder = this.#decoders.get(name) ?? first;
    if (decoder === undefined) {
      this.#early.set(name, [...(this.#early.get(name) ?? []), part]);
      return;
    }
    let course = this.#accepted.get(name);
    if (course === undefined) {
      course = new Course();
      this.#accepted.set(name, course);
    }
    course.logged(decoder.decode(part));
  }

  // ---- views

  /** The arbiter wrote `view`. */
  recorded(view: View): void {
    const before = this.#views.get(view.number - 1);
    if (view.number > 1 && !this.#isStruck && this.outcome === undefined)
      this.violate(`view ${view.number} is won by ${view.primary}, and nothing has struck (CL, SX)`);
    if (this.#views.has(view.number)) this.violate(`view ${view.number} is recorded twice (VW)`);
    if (before === undefined && view.number > 1) this.violate(`view ${view.number} follows none (VW)`);
    const isOfBefore = before?.primary === view.primary || before?.backups.includes(view.primary) === true;
    if (before !== undefined && !isOfBefore && !this.#recovery.followsFrom(view.primary, before)) {
      this.violate(`view ${view.number} belongs to ${view.primary}, no part of view ${before.number} (VW)`);
    }
    if (before?.primary === view.primary && before.backups.length > view.backups.length) this.coverage.simplex += 1;
    for (const name of [view.primary, ...view.backups]) {
      if (before !== undefined) this.#mayBeNamed(name, before, view);
      this.#named.add(name);
    }
    this.#views.set(view.number, view);
    this.#latest = view;
    this.#recovery.recorded(view);
    this.#see({ type: 'recorded', view });
  }

  /** Whoever is named can go on alone: it has what precedes every output that was ever seen. */
  #mayBeNamed(name: string, before: View, view: View): void {
    if (name === before.primary) return;
    if (!before.backups.includes(name) && !this.#recovery.has(name)) {
      this.coverage.named += 1;
      if (!this.#restored.has(name)) this.violate(`view ${view.number} names ${name}, which has no state yet (JN)`);
    }
    // Of who goes on from a log it was looked at when it began.
    if (this.#recovery.has(name)) return;
    if (this.#heard !== undefined && !this.#has(name, this.#heard.name, this.#heard.length))
      this.violate(`view ${view.number} names ${name}, which lacks what left (JN, BV)`);
  }

  /** The owner of the latest view asks for the next one. */
  claims({ primary, backups }: View): void {
    if (this.#latest?.primary !== primary) return;
    for (const name of this.#latest.backups) if (!backups.includes(name)) this.#givenUp.add(name);
  }

  wasNamed(name: string): boolean {
    return this.#named.has(name);
  }

  /** Whether what came into its memory is what `of` went through, up to `length`. */
  #has(name: string, of: string, length: number): boolean {
    return (this.#accepted.get(name) ?? new Course()).has(this.#course(of), length);
  }

  /** Replica `name` takes `view` to be its own. */
  viewed(name: string, view: View): void {
    if (this.#views.get(view.number)?.primary !== name) {
      this.violate(`${name} acts as the owner of view ${view.number}, which is not its own (VW)`);
    }
  }

  // ---- the bus

  heard({ incarnation, message }: Cause): void {
    if (message.type === 'fence') {
      if (this.#views.get(message.view)?.primary !== incarnation) {
        this.violate(`${incarnation} fences the bus at view ${message.view}, which is not its own (FN)`);
      }
      // Who comes after the end is told of it, and changes nothing.
      if (this.outcome === undefined && message.view > this.#fenced.view) this.#fence(message.view, incarnation);
    } else if (message.type === 'output') {
      if (this.#isOwner({ incarnation, message })) this.#outputRule(incarnation, message.view, message.output);
      else if (this.outcome === undefined) this.#late(incarnation, message.view);
    }
  }

  #fence(view: number, owner: string): void {
    this.#fenced = { view, owner };
    this.#see({ type: 'fenced', name: owner, view });
  }

  #late(name: string, view: number): void {
    this.coverage.late += 1;
    if (view < this.#fenced.view) this.#see({ type: 'late', name, view });
  }

  did(effect: BusEffect, cause: Cause | undefined): void {
    if (effect.type === 'send' && effect.message.type === 'interrupt') {
      const { interrupt } = effect.message;
      if (interrupt.kind === 'completion' && interrupt.status === STATUS_REFUSED) this.refused.add(interrupt.operation);
    }
    if (!['write', 'endStream', 'closeStream', 'perform'].includes(effect.type)) return;
    if (this.outcome !== undefined) this.violate('the bus performs something after the end (XT)');
    if (cause === undefined || !this.#isOwner(cause)) {
      this.violate(
        `the bus performs what ${cause?.incarnation} asks for, who does not own view ${this.#fenced.view} (FN)`,
      );
    }
  }

  wrote(stream: number, offset: number, bytes: Uint8Array): void {
    const transcript = this.transcript.get(stream) ?? new Transcript();
    this.transcript.set(stream, transcript);
    if (offset !== transcript.length) {
      this.violate(`stream ${stream} is written at ${offset}, ${transcript.length} bytes are there (OF)`);
    }
    transcript.push(bytes);
  }

  visits(stream: number, visit: number): void {
    this.visitOf.set(stream, visit);
    // Its number was of one that nobody was told of.
    this.broken.delete(stream);
    this.wentDown.delete(stream);
    this.coverage.visits += 1;
  }

  brokeOff(stream: number): void {
    this.broken.add(stream);
  }

  lost(stream: number, brokeOff: boolean): void {
    if (brokeOff) this.broken.add(stream);
    this.wentDown.add(stream);
  }

  died(forgets: boolean): void {
    this.coverage.restarts += 1;
    if (forgets) this.forgot = true;
  }

  performed(operation: Operation, status: number, data: Uint8Array): void {
    this.performances.push({ operation, status, data });
    if (operation.device === FIRST_CONNECTOR && status >= 0) this.coverage.dialled += 1;
  }

  ended(
    outcome: Outcome,
    { knownOperations, released, openStreams }: Pick<BusPart, 'knownOperations' | 'released' | 'openStreams'>,
  ): void {
    if (this.outcome !== undefined) this.violate('the machine ends twice (XT)');
    this.outcome = outcome;
    this.#see({ type: 'over', outcome });
    this.left = { operations: knownOperations, released, open: openStreams };
  }

  #isOwner({ incarnation, message }: Cause): boolean {
    return message.type === 'output' && message.view === this.#fenced.view && incarnation === this.#fenced.owner;
  }

  /** Everything that precedes an output is in the memory of every backup of its view. */
  #outputRule(name: string, view: number, output: Output): void {
    const preceding = this.#precedingOf(name, output);
    if (preceding === undefined) {
      this.violate(`the bus hears of an output that no guest produced: ${output.type} (OR)`);
      return;
    }
    if (this.#heard === undefined || preceding >= this.#heard.length) this.#heard = { name, length: preceding };
    // BV: the arbiter may know of a view that its primary does not yet act in.
    const latest = this.#latest?.primary === name ? this.#latest.backups : [];
    const backups = new Set([...(this.#views.get(view)?.backups ?? []), ...latest]);
    this.#durabilityRule(name, [...backups], preceding, output);
    for (const backup of backups) {
      if (this.#has(backup, name, preceding)) continue;
      const has = this.#accepted.get(backup)?.length ?? 0;
      const what = has < preceding ? `${has} of them` : 'others';
      this.violate(
        `output left before ${backup} had what precedes it (OR): ${output.type} after ${preceding} happenings, it has ${what}`,
      );
    }
  }

  /** DU: were all processes killed now, or all hosts without power, those could go on who are to. */
  #durabilityRule(name: string, backups: readonly string[], preceding: number, output: Output): void {
    const durability = this.#durability;
    if (durability === undefined) return;
    const needed: [string, 'written' | 'synced'][] = backups.map(backup => [backup, 'synced']);
    if (durability === 'both-disks' || backups.length === 0) needed.push([name, 'synced']);
    for (const [who, how] of durability === 'memory' ? [[name, 'written'] as const] : needed) {
      const logs = this.#logs.get(who);
      // Nobody waits for it any more.
      if (durability === 'memory' && logs?.hasEnded === true) continue;
      if (logs?.[how].course?.has(this.#course(name), preceding) === true) continue;
      const has = logs?.[how].course?.length ?? 'none';
      const what = `${output.type} after ${preceding} happenings, of which ${has} are ${how}`;
      this.violate(`output left before the disk of ${who} had what precedes it (DU): ${what}`);
    }
  }
}

/** Names an output that is no part of a stream, of one guest. */
function keyOf(output: Exclude<Output, StreamOutput>): string {
  switch (output.type) {
    case 'operation':
      return `operation ${output.operation.id}`;
    case 'releaseOperation':
      return `release ${output.operation}`;
    case 'releaseInput':
      return `release ${output.stream} ${output.offset}`;
    case 'outcome':
      return 'outcome';
  }
}
