// Execution: P0 to P8 as seen by the guest thread, a state machine that knows no threads, clocks or WebAssembly.
//
// The machine (guest thread, or the simulator's toy guest) steps it with what the guest does and with what the channel
// brings, and carries out the effects in order. The guest stands still between an `await` and the `resume` that
// answers it; everything that the guest may see comes back as `result` or `deliver`.
//
//   guest:    environment -> read? -> environmentValue -> result        epochEnd -> (await -> resume)* -> proceed
//   channel:  log | interrupt | promote                                 buffered until the guest comes to need them
//
// A boundary at which nothing happens is the hot path of the whole system: it allocates nothing and returns one
// constant. Its epochs are counted in a run that is logged as one short entry before anything else is (rule FL).

import { assert } from '../errors/errors.js';
import { describeEntry, describeOutcome, sameOutcome } from './describe.js';
import type {
  ExecutionEffect,
  ExecutionEvent,
  ExecutionOptions,
  ExecutionRole,
  ExecutionStart,
  ExecutionState,
} from './execution-events.js';
import { EmptyRun, GuestAccount } from './guest-account.js';
import { InterruptBuffer } from './interrupt-buffer.js';
import { ReceivedLog } from './received-log.js';
import type { Rule } from './rules.js';
import type {
  Interrupt,
  LogEntry,
  Operation,
  OperationId,
  Outcome,
  Output,
  StateDigest,
  Variant,
} from './vocabulary.js';

export type * from './execution-events.js';

/** Runs of empty epochs and lone values are shipped at most this late (rule FL). */
export const SHIP_AFTER_NS = 1_000_000;

const NOTHING: readonly ExecutionEffect[] = Object.freeze([]);
/** The answer at a boundary where nothing happens, always this very array. */
export const PROCEED: readonly ExecutionEffect[] = Object.freeze([{ rule: 'P2', type: 'proceed' } as const]);
const AWAIT_LOG: readonly ExecutionEffect[] = Object.freeze([{ rule: 'P5', type: 'await', what: 'log' } as const]);
const FLUSH: ExecutionEffect = { rule: 'FL', type: 'flush' };

/** What the guest stands still for. */
type Pause =
  | { readonly at: 'running' }
  | { readonly at: 'environment'; readonly source: number }
  | { readonly at: 'epochEnd'; readonly count: number; readonly waiting: boolean }
  /** SD: the machine compares its state; then the epoch ends. */
  | { readonly at: 'verification'; readonly count: number; readonly waiting: boolean }
  | { readonly at: 'acknowledgement' }
  | { readonly at: 'outcome'; readonly count: number; readonly outcome: Outcome }
  /** `outcome`: what a backup holds back while its primary lives: the bus hears of it from one replica. */
  | { readonly at: 'ended'; readonly outcome?: Outcome };

const RUNNING: Pause = { at: 'running' };

export class Execution {
  #role: ExecutionRole;
  readonly #variant: Variant;
  readonly #operationIds: boolean;
  #pause: Pause = RUNNING;

  readonly #account: GuestAccount;

  /** Primary: interrupts received and not yet delivered (P1). */
  readonly #interrupts: InterruptBuffer;
  /** Started from a snapshot, on another bus: the operations of the state are uncertain at the first boundary. */
  #resumes = false;
  /** Primary: the run of empty epochs not yet logged. */
  readonly #run = new EmptyRun();

  /** Backup: what was received and not yet executed (P4). */
  readonly #log: ReceivedLog;
  /** Backup: what is left of the 'empty' entry at the head. */
  #emptyLeft = 0;
  #promoted = false;

  /**
   * @param from where a snapshot was taken: a backup goes on with the log from there (JN); a primary has no log that
   *   would tell what became of the outstanding operations, they end in uncertain interrupts (P8)
   */
  constructor(options: ExecutionOptions, from?: ExecutionStart) {
    this.#role = options.role;
    this.#variant = options.variant;
    this.#operationIds = options.operationIds;
    this.#account = new GuestAccount(options.epochLength, from?.state);
    this.#log = new ReceivedLog(from?.position ?? 0);
    const { outstanding } = this.#account;
    const deliveryBytes = options.bounds?.deliveryBytes;
    this.#interrupts = new InterruptBuffer(id => outstanding.has(id), from?.state.input, deliveryBytes);
    this.#resumes = from !== undefined && options.role === 'primary';
    if (!this.#resumes) return;
    for (const operation of this.#account.outstanding.keys()) this.#interrupts.buffer({ kind: 'uncertain', operation });
  }

  /** What to go on with, after a `snapshot` step, at the same boundary. */
  save(): ExecutionState {
    assert(this.#pause.at === 'running', 'a running guest is saved');
    assert(this.#role === 'primary' || this.isAtLogsEnd, 'a backup is saved where it has executed what it has');
    assert(this.#run.epochs === 0, 'what was executed is logged before it is saved');
    return { ...this.#account.save(), input: this.#interrupts.inputDelivered };
  }

  get role(): ExecutionRole {
    return this.#role;
  }

  get epoch(): number {
    return this.#account.epoch;
  }

  /**
   * Backup: all of the log that it was given is executed, so that it stands at a position of it: it can be saved. It does
   * wherever its primary has taken a snapshot, for there a part of the log ends with an epoch. (A run of empty epochs is of
   * the log until its last one is executed.)
   */
  get isAtLogsEnd(): boolean {
    return this.#role === 'backup' && !this.#promoted && this.#log.head === undefined;
  }

  /** EL: of the epochs after the end that was stepped last, instructions. */
  get epochLength(): number {
    return this.#account.epochLength;
  }

  /** Backup: entries of the log executed so far, its position in the log. */
  get taken(): number {
    return this.#log.taken;
  }

  get outstanding(): ReadonlyMap<OperationId, Operation> {
    return this.#account.outstanding;
  }

  get timerDeadlineNs(): number {
    return this.#account.timerDeadlineNs;
  }

  step(event: ExecutionEvent): readonly ExecutionEffect[] {
    switch (event.type) {
      case 'epochEnd':
        return this.#epochEnd(event.count, event.waiting, event.nowNs);
      case 'environment':
        return this.#environment(event.source);
      case 'environmentValue':
        return this.#environmentValue(event.source, event.value);
      case 'write':
        return this.#write(event.stream, event.bytes);
      case 'endStream':
      case 'closeStream':
        return this.#endStream(event.stream, event.type === 'closeStream');
      case 'start':
        return this.#start(event.operation);
      case 'consumed':
        return this.#output('RL', { type: 'releaseInput', stream: event.stream, offset: event.offset });
      case 'timer':
        this.#account.timerDeadlineNs = event.deadlineNs;
        return NOTHING;
      case 'digest':
        return this.#logDigest(event.digest);
      case 'length':
        return this.#logLength(event.epochLength);
      case 'verified':
        return this.#verified(event.difference);
      case 'snapshot':
        return this.#snapshot(event.nowNs);
      case 'outcome':
        return this.#outcome(event.count, event.outcome);
      case 'resume':
        return this.#resume(event.nowNs);
      case 'interrupt':
        // Nobody is left to be told; what came while the guest was a survivor was kept for its P8, which never comes.
        if (this.#pause.at === 'ended') return NOTHING;
        // P3: a backup ignores its own devices.
        if (this.#role === 'primary') this.#interrupts.buffer(event.interrupt);
        else if (this.#promoted) this.#interrupts.keepForLater(event.interrupt);
        return NOTHING;
      case 'log':
        assert(this.#role === 'backup' && !this.#promoted, 'the log reaches a backup, before its promotion');
        this.#log.push(event.entries);
        return NOTHING;
      case 'promote':
        assert(this.#role === 'backup', 'a backup is promoted, once');
        this.#promoted = true;
        return this.#pause.at === 'ended' && this.#pause.outcome !== undefined
          ? this.#endLive(this.#pause.outcome)
          : NOTHING;
    }
  }

  // ---- environment instructions (P0, P6, EV)

  #environment(source: number): readonly ExecutionEffect[] {
    assert(this.#pause.at === 'running', 'an environment instruction is executed by a running guest');
    if (this.#role !== 'backup') return [{ rule: 'P0', type: 'read', source }];
    const entry = this.#log.head;
    if (entry === undefined) {
      if (this.#promoted) {
        this.#role = 'survivor';
        return [
          { rule: 'CK', type: 'adoptClock' },
          { rule: 'EV', type: 'read', source },
        ];
      }
      this.#pause = { at: 'environment', source };
      return [{ rule: 'P6', type: 'await', what: 'log' }];
    }
    if (entry.type !== 'value' || entry.source !== source) {
      return this.#diverged(`an environment instruction (source ${source})`, entry);
    }
    this.#log.take();
    this.#account.consumed += 1;
    return [{ rule: 'P6', type: 'result', value: entry.value }];
  }

  /**
   * P0 without events and effects: programs read clocks in tight loops. True: the same was done as by `environment` and
   * `environmentValue` with nothing to log but the value, which the caller reads, logs and gives to the guest. False:
   * nothing was done, step those.
   */
  consumeOwn(): boolean {
    if (this.#role === 'backup' || this.#run.epochs > 0) return false;
    assert(this.#pause.at === 'running', 'an environment instruction is executed by a running guest');
    this.#account.consumed += 1;
    return true;
  }

  #environmentValue(source: number, value: bigint): readonly ExecutionEffect[] {
    assert(this.#role !== 'backup', 'a backup does not read its own devices (P6)');
    this.#account.consumed += 1;
    const effects = this.#logRun();
    effects.push({ rule: 'P0', type: 'log', entry: { type: 'value', source, value } });
    effects.push({ rule: 'P0', type: 'result', value });
    return effects;
  }

  // ---- I/O instructions (OR, RV)

  #write(stream: number, bytes: Uint8Array): readonly ExecutionEffect[] {
    assert(this.#account.isOpen(stream), 'the guest writes to streams that are open');
    const offset = this.#account.place(stream, bytes.length);
    this.#account.submitted += 1;
    return this.#initiate({ type: 'stream', stream, offset, bytes });
  }

  #endStream(stream: number, closes: boolean): readonly ExecutionEffect[] {
    assert(this.#account.opened.has(stream), 'what is ended or closed was opened');
    const offset = this.#account.place(stream, 1);
    this.#account.submitted += 1;
    if (closes) {
      this.#account.closed(stream);
      this.#interrupts.closed(stream);
    }
    return this.#initiate({ type: closes ? 'close' : 'end', stream, offset });
  }

  #start(operation: Operation): readonly ExecutionEffect[] {
    assert(!this.#account.outstanding.has(operation.id), 'an operation is outstanding once');
    this.#account.outstanding.set(operation.id, operation);
    this.#account.submitted += 1;
    // P7: no I/O of a backup or of the failover epoch; P8 will say 'uncertain'.
    if (this.#role !== 'primary') return this.#proceed('P7');
    return this.#initiate({ type: 'operation', operation });
  }

  /** An output in program order. Streams are handed over in every role: the channel drops what the bus has (OF). */
  #initiate(output: Output): readonly ExecutionEffect[] {
    const effects = this.#logRun();
    effects.push({ rule: 'OR', type: 'output', output });
    if (this.#role === 'primary' && this.#variant === 'revised') {
      this.#pause = { at: 'acknowledgement' };
      effects.push(FLUSH, { rule: 'RV', type: 'await', what: 'acknowledgement' });
    } else {
      effects.push({ rule: 'OR', type: 'proceed' });
    }
    return effects;
  }

  #output(rule: Rule, output: Output): ExecutionEffect[] {
    const effects = this.#logRun();
    effects.push({ rule, type: 'output', output });
    return effects;
  }

  // ---- boundaries (P2, P5, P7, P8)

  #epochEnd(count: number, waiting: boolean, nowNs: number): readonly ExecutionEffect[] {
    assert(this.#pause.at === 'running', 'an epoch ends once');
    switch (this.#role) {
      case 'primary':
        return this.#endAtPrimary(count, waiting, nowNs);
      case 'backup':
        return this.#endAtBackup(count, waiting);
      case 'survivor':
        return this.#endOfE(count);
      case 'failover':
        return this.#endOfFailoverEpoch(count, nowNs);
    }
  }

  #endAtPrimary(count: number, waiting: boolean, nowNs: number): readonly ExecutionEffect[] {
    const timerDue = this.#account.timerDeadlineNs !== 0 && nowNs >= this.#account.timerDeadlineNs;
    if (this.#interrupts.isEmpty && !timerDue) {
      if (!waiting) return this.#endEmpty(count, nowNs);
      this.#pause = { at: 'epochEnd', count, waiting };
      const effects = this.#logRun();
      const untilNs = this.#account.timerDeadlineNs === 0 ? Infinity : this.#account.timerDeadlineNs;
      effects.push(FLUSH, { rule: 'P2', type: 'await', what: 'interrupt', untilNs });
      return effects;
    }
    return this.#endWith('P2', count, nowNs, this.#interrupts.take());
  }

  /** The hot path: nothing is buffered, nothing is due. */
  #endEmpty(count: number, nowNs: number): readonly ExecutionEffect[] {
    this.#run.add(count, this.#account, nowNs);
    this.#account.epoch += 1;
    this.#pause = RUNNING;
    if (this.#variant === 'original') {
      this.#pause = { at: 'acknowledgement' };
      const effects = this.#logRun();
      effects.push(FLUSH, { rule: 'P2', type: 'await', what: 'acknowledgement' });
      return effects;
    }
    if (nowNs - this.#run.sinceNs < SHIP_AFTER_NS) return PROCEED;
    const effects = this.#logRun();
    effects.push(FLUSH, { rule: 'P2', type: 'proceed' });
    return effects;
  }

  /** The end of an epoch of a primary at which something is delivered: one entry, then delivery. */
  #endWith(rule: Rule, count: number, nowNs: number, interrupts: readonly Interrupt[]): ExecutionEffect[] {
    const effects = this.#logRun();
    const entry: LogEntry = {
      type: 'end',
      epoch: this.#account.epoch,
      digest: this.#account.digest(count),
      timeNs: nowNs,
      interrupts,
    };
    effects.push({ rule, type: 'log', entry });
    this.#deliver(rule, effects, interrupts, nowNs);
    this.#resumes = false;
    this.#account.epoch += 1;
    if (this.#variant === 'original') {
      this.#pause = { at: 'acknowledgement' };
      effects.push(FLUSH, { rule: 'P2', type: 'await', what: 'acknowledgement' });
    } else {
      effects.push(FLUSH, { rule, type: 'proceed' });
    }
    return effects;
  }

  /** Delivery, the same on both sides: the timer first if due by Tme, then the others in the order of the entry. */
  #deliver(rule: Rule, effects: ExecutionEffect[], interrupts: readonly Interrupt[], timeNs: number): void {
    const all: Interrupt[] = [];
    if (this.#account.timerDeadlineNs !== 0 && timeNs >= this.#account.timerDeadlineNs) {
      this.#account.timerDeadlineNs = 0;
      all.push({ kind: 'timer', timeNs });
    }
    for (const interrupt of interrupts) if (this.#reaches(interrupt)) all.push(interrupt);
    if (all.length > 0) effects.push({ rule, type: 'deliver', interrupts: all });
    for (const interrupt of all) {
      if (interrupt.kind !== 'completion') continue;
      const output = { type: 'releaseOperation', operation: interrupt.operation } as const;
      effects.push({ rule: 'RL', type: 'output', output });
    }
  }

  /** Whether the guest is told. What has ended meanwhile, the same on every replica, changes nothing. */
  #reaches(interrupt: Interrupt): boolean {
    switch (interrupt.kind) {
      case 'timer':
        return true;
      case 'completion':
      case 'uncertain':
        // A late answer to a repeat.
        return this.#account.outstanding.delete(interrupt.operation);
      case 'opened':
        this.#account.opened.add(interrupt.opened);
        break;
      default:
        if (!this.#account.isOpen(interrupt.stream)) return false;
    }
    this.#interrupts.delivered(interrupt);
    return true;
  }

  #endAtBackup(count: number, waiting: boolean): readonly ExecutionEffect[] {
    const entry = this.#log.head;
    if (entry === undefined) {
      if (this.#promoted) return this.#endOfE(count);
      this.#pause = { at: 'epochEnd', count, waiting };
      return AWAIT_LOG;
    }
    if (entry.type === 'empty') return this.#endEmptyAtBackup(entry, count);
    if (entry.type === 'digest' && entry.epoch === this.#account.epoch) {
      this.#pause = { at: 'verification', count, waiting };
      return [{ rule: 'SD', type: 'verify', entry }];
    }
    if (entry.type === 'length' && entry.epoch === this.#account.epoch) {
      this.#log.take();
      this.#account.epochLength = entry.epochLength;
      return this.#endAtBackup(count, waiting);
    }
    if (entry.type !== 'end' || entry.epoch !== this.#account.epoch || !this.#account.agrees(entry.digest, count)) {
      return this.#diverged(`the end of epoch ${this.#account.epoch} at ${this.#account.where(count)}`, entry);
    }
    this.#log.take();
    const effects: ExecutionEffect[] = [{ rule: 'CK', type: 'observe', timeNs: entry.timeNs }];
    this.#deliver('P5', effects, entry.interrupts, entry.timeNs);
    this.#account.epoch += 1;
    this.#pause = RUNNING;
    effects.push({ rule: 'P5', type: 'proceed' });
    return effects;
  }

  #endEmptyAtBackup(entry: LogEntry & { type: 'empty' }, count: number): readonly ExecutionEffect[] {
    if (this.#emptyLeft === 0) this.#emptyLeft = entry.epochs;
    this.#emptyLeft -= 1;
    if (this.#emptyLeft === 0) {
      if (!this.#account.agrees(entry.digest, count)) {
        return this.#diverged(`the end of epoch ${this.#account.epoch} at ${this.#account.where(count)}`, entry);
      }
      this.#log.take();
    }
    this.#account.epoch += 1;
    this.#pause = RUNNING;
    return PROCEED;
  }

  // ---- snapshots, state digests, the epoch length (JN, SD, EL)

  /** All that was executed is in the log: the state to be saved stands at a position of it. */
  #snapshot(nowNs: number): readonly ExecutionEffect[] {
    assert(this.#role === 'primary', 'a primary takes snapshots');
    const pause = this.#pause;
    if (pause.at !== 'running') {
      assert(pause.at === 'epochEnd' && pause.waiting, 'a snapshot is taken of a guest that runs or waits');
      const ended = this.#endEmpty(pause.count, nowNs);
      // The run may have been old enough to be logged; under `original` this end is acknowledged like any other.
      if (this.#run.epochs === 0) return ended;
    }
    return [...this.#logRun(), FLUSH, { rule: 'JN', type: 'proceed' }];
  }

  #logDigest(digest: StateDigest): readonly ExecutionEffect[] {
    assert(this.#role === 'primary' && this.#pause.at === 'running', 'a primary names the boundaries of state digests');
    const effects = this.#logRun();
    effects.push({ rule: 'SD', type: 'log', entry: { type: 'digest', epoch: this.#account.epoch, ...digest } });
    return effects;
  }

  /** EL: the end of this epoch follows at once, or, where it is lost with its primary, the survivor's own. */
  #logLength(epochLength: number): readonly ExecutionEffect[] {
    assert(this.#role === 'primary' && this.#pause.at === 'running', 'a primary decides the epoch length');
    const effects = this.#logRun();
    this.#account.epochLength = epochLength;
    effects.push({ rule: 'EL', type: 'log', entry: { type: 'length', epoch: this.#account.epoch, epochLength } });
    return effects;
  }

  #verified(difference: string | undefined): readonly ExecutionEffect[] {
    const pause = this.#pause;
    assert(pause.at === 'verification', 'a verification is answered once');
    this.#log.take();
    if (difference !== undefined) {
      this.#pause = { at: 'ended' };
      const message = `at the end of epoch ${this.#account.epoch}, ${this.#account.where(pause.count)}, the backup's state differs from its primary's: ${difference}`;
      return [{ rule: 'SD', type: 'diverged', message }];
    }
    this.#pause = RUNNING;
    return this.#endAtBackup(pause.count, pause.waiting);
  }

  /** P7: the log ran out before the end of E. Its interrupts travel with its end, so there is nothing to deliver. */
  #endOfE(count: number): readonly ExecutionEffect[] {
    const effects: ExecutionEffect[] = this.#role === 'backup' ? [{ rule: 'CK', type: 'adoptClock' }] : [];
    this.#role = 'failover';
    effects.push({ rule: 'P7', type: 'log', entry: { type: 'empty', epochs: 1, digest: this.#account.digest(count) } });
    this.#account.epoch += 1;
    this.#pause = RUNNING;
    effects.push({ rule: 'P7', type: 'proceed' });
    return effects;
  }

  /** P8: every operation of E, E+1 or earlier that is still outstanding ends in an uncertain interrupt. */
  #endOfFailoverEpoch(count: number, nowNs: number): readonly ExecutionEffect[] {
    const uncertain = [...this.#account.outstanding.keys()].map(
      operation => ({ kind: 'uncertain', operation }) as const,
    );
    const live = { rule: 'P8', type: 'live', epoch: this.#account.epoch, uncertain: uncertain.length } as const;
    this.#role = 'primary';
    const effects = [live, ...this.#endWith('P8', count, nowNs, uncertain)];
    this.#interrupts.bufferKept();
    return effects;
  }

  // ---- the end of the guest (XT)

  #outcome(count: number, outcome: Outcome): readonly ExecutionEffect[] {
    assert(this.#pause.at === 'running', 'a running guest ends');
    if (this.#role === 'backup') return this.#outcomeAtBackup(count, outcome);
    const final: LogEntry = { type: 'final', epoch: this.#account.epoch, outcome };
    return [...this.#logRun(), { rule: 'XT', type: 'log', entry: final }, ...this.#endLive(outcome)];
  }

  /** A backup compares its outcome with that of its primary, if the primary lived to tell. */
  #outcomeAtBackup(count: number, outcome: Outcome): readonly ExecutionEffect[] {
    const entry = this.#log.head;
    if (entry === undefined) {
      if (this.#promoted) return this.#endLive(outcome);
      this.#pause = { at: 'outcome', count, outcome };
      return AWAIT_LOG;
    }
    if (entry.type !== 'final' || entry.epoch !== this.#account.epoch || !sameOutcome(entry.outcome, outcome)) {
      return this.#diverged(`the guest's end (${describeOutcome(outcome)}) at ${this.#account.where(count)}`, entry);
    }
    this.#log.take();
    if (this.#promoted) return this.#endLive(outcome);
    this.#pause = { at: 'ended', outcome };
    return [{ rule: 'XT', type: 'proceed' }];
  }

  /**
   * The outcome leaves. Where the guest ended before P8 was reached, no driver is left to repeat what is outstanding:
   * if the bus performs an id once, repeating it here is harmless and loses nothing; in the paper's world it is left.
   */
  #endLive(outcome: Outcome): readonly ExecutionEffect[] {
    const effects: ExecutionEffect[] = [];
    const beforeUncertain = this.#role !== 'primary' || this.#resumes;
    if (this.#role !== 'primary') {
      // What it puts out now stands where its log ended.
      if (this.#role === 'backup') effects.push({ rule: 'CK', type: 'adoptClock' });
      this.#role = 'primary';
      effects.push({ rule: 'P8', type: 'live', epoch: this.#account.epoch, uncertain: this.#account.outstanding.size });
    }
    for (const operation of beforeUncertain && this.#operationIds ? this.#account.outstanding.values() : []) {
      effects.push({ rule: 'RS', type: 'output', output: { type: 'operation', operation } });
    }
    this.#pause = { at: 'ended' };
    const output: Output = { type: 'outcome', outcome };
    effects.push({ rule: 'XT', type: 'output', output }, FLUSH, { rule: 'XT', type: 'proceed' });
    return effects;
  }

  // ---- standing still and going on

  #resume(nowNs: number): readonly ExecutionEffect[] {
    const pause = this.#pause;
    switch (pause.at) {
      case 'running':
      case 'ended':
      case 'verification':
        return NOTHING;
      case 'acknowledgement':
        return this.#proceed('P2');
      case 'environment':
        this.#pause = RUNNING;
        return this.#environment(pause.source);
      case 'epochEnd':
        this.#pause = RUNNING;
        return this.#epochEnd(pause.count, pause.waiting, nowNs);
      case 'outcome':
        return this.#outcomeAtBackup(pause.count, pause.outcome);
    }
  }

  #proceed(rule: Rule): readonly ExecutionEffect[] {
    this.#pause = RUNNING;
    return [{ rule, type: 'proceed' }];
  }

  // ---- the log

  /** Rule FL: the run of empty epochs comes before whatever is logged or put out next. */
  #logRun(): ExecutionEffect[] {
    return this.#run.epochs === 0 ? [] : [{ rule: 'P2', type: 'log', entry: this.#run.take() }];
  }

  // ---- divergence (DG)

  #diverged(here: string, entry: LogEntry): readonly ExecutionEffect[] {
    this.#pause = { at: 'ended' };
    return [
      { rule: 'DG', type: 'diverged', message: `the backup is at ${here}, its primary at ${describeEntry(entry)}` },
    ];
  }
}
