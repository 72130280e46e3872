// `sometimes`: rare states that runs must visit, beside what must never happen (run-judge.ts, verdict.ts). A rule that matters only
// there is not tested by runs that never come there, however many they are. This only looks: it changes nothing of a run.

import { assert } from '../errors/errors.js';
import type { FromBus, ToBus } from '../protocol/messages.js';
import type { OperationId, View } from '../protocol/vocabulary.js';
import { BUS, type JournalLoss, type Message, type Seen } from './seen.js';

export const RARE_STATES = [
  'a full ring at a promotion',
  'a death between claim and fence',
  'a death of the bus between claim and fence',
  'a death while the log of others is collected',
  'a death in the failover epoch',
  'a death of a primary that waits for a slow backup',
  'a death of a primary after the end, before it hears of it',
  'a death of a primary: the snapshot for who joins is asked for',
  'a death of a primary: the snapshot is on its way',
  'a death of a primary: who joins catches up',
  'a death of a primary: a view with who joins is claimed',
  'a death of a primary: that view stands, who joins does not know',
  'a death of a primary: who joins has what a backup lacks',
  'a death of who joins: its snapshot is asked for',
  'a death of who joins: its snapshot is on its way',
  'a death of who joins: it catches up',
  'a death of who joins: a view with it is claimed',
  'a death of who joins: that view stands, and it does not know',
  'a snapshot interrupted, both ends alive',
  'a snapshot while the guest cannot be saved',
  'a half-written output at a fence',
  'an output of a dead primary that comes after the fence',
  'an operation asked for again that was performed for another',
  'a bus death in the middle of keeping',
  'a bus death while its journal is written anew',
  'a bus death that loses what was written',
  'a bus death that tears a frame',
  'a bus death with something that found no room',
  'a stale fence answer',
  'a fence below the view of the bus',
  'two claims of one view',
  'a claim that finds itself, its answer lost',
  'an old view read at the arbiter',
  'a view with who joins that outlives its primary',
  'a suspicion that was false',
  'a paused primary that wakes after its successor acted',
  'a primary that gives way for it lacks the bus',
  'a winner that lacks what another backup has',
  'a spare in the place of the dead',
] as const;

/** Of runs in which all die, and somebody goes on from their logs. */
export const RECOVERY_STATES = [
  'a recovery from the beginning',
  'a recovery from a checkpoint',
  'a recovery from a torn tail',
  'a recovery from the log of a backup',
  'a recovery from the log of one that had recovered',
  'a log that was overtaken loses its claim',
  'a refusal for the log is behind',
  'a death in a recovery',
] as const;

export type RareState = (typeof RARE_STATES)[number] | (typeof RECOVERY_STATES)[number];

/** How often each was visited. */
export type Visited = Readonly<Partial<Record<RareState, number>>>;

/** What is asked of the run. */
export interface Sight {
  /** Whether that process lives, and is not stopped for ever. */
  lives(name: string): boolean;
  /** The latest view in which it takes itself to be the primary; undefined where it does not. */
  reignOf(name: string): number | undefined;
  /** Whether `offset` lies within an output of its guest, neither at the beginning nor at the end. */
  isWithinOutput(name: string, stream: number, offset: number): boolean;
  wasPerformed(id: OperationId): boolean;
}

const JOIN_STEPS = ['asked', 'sent', 'catching up', 'claimed', 'named'] as const;
type JoinStep = (typeof JOIN_STEPS)[number];

const AT_PRIMARY: Readonly<Record<JoinStep, RareState>> = {
  asked: 'a death of a primary: the snapshot for who joins is asked for',
  sent: 'a death of a primary: the snapshot is on its way',
  'catching up': 'a death of a primary: who joins catches up',
  claimed: 'a death of a primary: a view with who joins is claimed',
  named: 'a death of a primary: that view stands, who joins does not know',
};
const AT_JOINING: Readonly<Record<JoinStep, RareState>> = {
  asked: 'a death of who joins: its snapshot is asked for',
  sent: 'a death of who joins: its snapshot is on its way',
  'catching up': 'a death of who joins: it catches up',
  claimed: 'a death of who joins: a view with it is claimed',
  named: 'a death of who joins: that view stands, and it does not know',
};

interface Join {
  readonly primary: string;
  readonly step: JoinStep;
  /** Of its snapshot, once that is on its way. */
  readonly position: number;
}

export class Sometimes {
  readonly #sight: Sight;
  readonly #spares: readonly string[];
  readonly #visited: Partial<Record<RareState, number>> = {};
  #latest: View | undefined;
  #fenced = 1;
  readonly #dead = new Set<string>();
  readonly #joins = new Map<string, Join>();
  /** How much of the log each has. */
  readonly #acknowledged = new Map<string, number>();
  /** Have won a view and are not promoted; are promoted and not live. */
  readonly #collecting = new Set<string>();
  readonly #promoted = new Set<string>();
  readonly #throttled = new Set<string>();
  /** Who asked for an operation first. */
  readonly #askedBy = new Map<OperationId, string>();
  #over = false;
  /** Who goes on from a log, and those of them that are not live yet. */
  readonly #recovered = new Set<string>();
  readonly #recovering = new Set<string>();

  /** @param spares processes that wait from the start */
  constructor(sight: Sight, spares: readonly string[]) {
    this.#sight = sight;
    this.#spares = spares;
  }

  get visited(): Visited {
    return this.#visited;
  }

  #visit(state: RareState): void {
    this.#visited[state] = (this.#visited[state] ?? 0) + 1;
  }

  see(seen: Seen): void {
    switch (seen.type) {
      case 'said':
        this.#said(seen.from, seen.to, seen.message);
        return;
      case 'died':
        this.#died(seen.name);
        return;
      case 'woke':
        this.#woke(seen.name);
        return;
      case 'parted':
        this.#parted(seen.name, seen.peer);
        return;
      case 'news':
        this.#news(seen);
        return;
      case 'claims':
        this.#step(seen.view, 'claimed');
        return;
      case 'recorded':
        this.#recorded(seen.view);
        return;
      case 'present':
        this.#visit(seen.itself ? 'a claim that finds itself, its answer lost' : 'two claims of one view');
        return;
      case 'staleRead':
        this.#visit('an old view read at the arbiter');
        return;
      case 'promoted':
        this.#collecting.delete(seen.name);
        this.#promoted.add(seen.name);
        if (seen.waits) this.#visit('a full ring at a promotion');
        return;
      case 'throttled':
        if (seen.on) this.#throttled.add(seen.name);
        else this.#throttled.delete(seen.name);
        return;
      case 'snapshotAsked':
        this.#joins.set(seen.peer, { primary: seen.name, step: 'asked', position: 0 });
        return;
      case 'snapshotRefused':
        this.#visit('a snapshot while the guest cannot be saved');
        return;
      case 'restored':
        this.#goesOn(seen.name, 'catching up');
        return;
      case 'fenced':
        this.#fenced = Math.max(this.#fenced, seen.view);
        return;
      case 'late':
        if (this.#dead.has(seen.name)) this.#visit('an output of a dead primary that comes after the fence');
        return;
      case 'busDied':
        this.#busDied(seen.journal);
        return;
      case 'recovers':
        this.#recovers(seen);
        return;
      case 'recoveryRefused':
        if (seen.code === 'RECOVER_BEHIND') this.#visit('a refusal for the log is behind');
        return;
      case 'answered':
        if (this.#recovering.has(seen.name) && seen.answer.result === 'lost')
          this.#visit('a log that was overtaken loses its claim');
        return;
      case 'over':
        this.#over = true;
        return;
      case 'piece':
      case 'fault':
      case 'started':
      case 'dropped':
      case 'busStarted':
        return;
    }
  }

  // ---- what is said

  #said(from: string, to: string, message: Message): void {
    if (message.type === 'offer') this.#visit('a winner that lacks what another backup has');
    else if (message.type === 'acknowledgement') this.#acknowledged.set(from, message.position);
    else if (message.type === 'welcome')
      this.#joins.set(to, { primary: from, step: 'sent', position: message.position });
    else if (from === BUS) this.#heardFromBus(to, message as FromBus);
    else if (to === BUS) this.#saidToBus(from, message as ToBus);
  }

  #heardFromBus(name: string, message: FromBus): void {
    if (message.type === 'fenced') {
      const reign = this.#sight.reignOf(name);
      if (reign !== undefined && message.view < reign) this.#visit('a stale fence answer');
      const isWithin = message.streams.some(({ stream, received }) =>
        this.#sight.isWithinOutput(name, stream, received),
      );
      if (isWithin) this.#visit('a half-written output at a fence');
    }
  }

  #saidToBus(name: string, message: ToBus): void {
    if (message.type === 'fence') {
      if (message.view < this.#fenced) this.#visit('a fence below the view of the bus');
      return;
    }
    if (message.output.type !== 'operation') return;
    const { id } = message.output.operation;
    const first = this.#askedBy.get(id);
    if (first === undefined) this.#askedBy.set(id, name);
    else if (first !== name && this.#sight.wasPerformed(id))
      this.#visit('an operation asked for again that was performed for another');
  }

  #news({ name, news }: Seen & { readonly type: 'news' }): void {
    if (news.type === 'live') {
      this.#promoted.delete(name);
      this.#recovering.delete(name);
    } else if (news.type === 'named') this.#joins.delete(name);
    else if (news.type === 'halted') {
      this.#forget(name);
      if (news.code === 'BUS_LOST') this.#visit('a primary that gives way for it lacks the bus');
    } else if (news.type === 'finished') {
      this.#forget(name);
    }
  }

  #recovers({ name, of, from, isTorn }: Seen & { readonly type: 'recovers' }): void {
    this.#visit(from === 0 ? 'a recovery from the beginning' : 'a recovery from a checkpoint');
    if (isTorn) this.#visit('a recovery from a torn tail');
    if (this.#latest?.primary !== of) this.#visit('a recovery from the log of a backup');
    if (this.#recovered.has(of)) this.#visit('a recovery from the log of one that had recovered');
    this.#recovered.add(name);
    this.#recovering.add(name);
  }

  // ---- views

  #recorded(view: View): void {
    const before = this.#latest;
    this.#latest = view;
    if (before === undefined) return;
    const members = [view.primary, ...view.backups];
    const leftOut = [before.primary, ...before.backups].filter(name => !members.includes(name));
    if (leftOut.some(name => this.#sight.lives(name))) this.#visit('a suspicion that was false');
    const added = view.backups.filter(name => !before.backups.includes(name) && name !== before.primary);
    if (added.some(name => this.#spares.includes(name))) this.#visit('a spare in the place of the dead');
    if (added.length > 0 && !this.#sight.lives(view.primary))
      this.#visit('a view with who joins that outlives its primary');
    if (before.primary !== view.primary && view.backups.length > 0) this.#collecting.add(view.primary);
    this.#step(view, 'named');
  }

  // ---- joining

  #step({ primary, backups }: View, step: JoinStep): void {
    for (const name of backups) if (this.#joins.get(name)?.primary === primary) this.#goesOn(name, step);
  }

  #goesOn(name: string, step: JoinStep): void {
    const join = this.#joins.get(name);
    if (join === undefined) return;
    if (JOIN_STEPS.indexOf(step) > JOIN_STEPS.indexOf(join.step)) this.#joins.set(name, { ...join, step });
  }

  #parted(name: string, peer: string): void {
    for (const [joining, other] of [
      [name, peer],
      [peer, name],
    ] as const) {
      const join = this.#joins.get(joining);
      if (join?.primary !== other || join.step === 'claimed' || join.step === 'named') continue;
      const both = this.#sight.lives(name) && this.#sight.lives(peer);
      if (join.step === 'sent' && both) this.#visit('a snapshot interrupted, both ends alive');
      this.#joins.delete(joining);
    }
  }

  // ---- deaths

  #died(name: string): void {
    const latest = this.#latest;
    assert(latest !== undefined, 'the first view stands before anybody can die');
    this.#dead.add(name);
    if (this.#recovering.delete(name)) this.#visit('a death in a recovery');
    if (this.#over) {
      if (this.#sight.reignOf(name) !== undefined)
        this.#visit('a death of a primary after the end, before it hears of it');
      return;
    }
    if (latest.primary === name && latest.number > this.#fenced) this.#visit('a death between claim and fence');
    if (this.#collecting.has(name)) this.#visit('a death while the log of others is collected');
    if (this.#promoted.has(name)) this.#visit('a death in the failover epoch');
    if (this.#throttled.has(name)) this.#visit('a death of a primary that waits for a slow backup');
    for (const [joining, { primary, step, position }] of this.#joins) {
      if (primary === name) {
        this.#visit(AT_PRIMARY[step]);
        const runs = step !== 'asked' && step !== 'sent';
        const lacks = ({ backups }: View) => backups.some(backup => this.#lacks(backup, position));
        if (runs && lacks(latest)) this.#visit('a death of a primary: who joins has what a backup lacks');
      } else if (joining === name) this.#visit(AT_JOINING[step]);
    }
    this.#forget(name);
  }

  /** It lives, and has less of the log than up to `position`. */
  #lacks(backup: string, position: number): boolean {
    return this.#sight.lives(backup) && (this.#acknowledged.get(backup) ?? 0) < position;
  }

  #forget(name: string): void {
    this.#collecting.delete(name);
    this.#promoted.delete(name);
    this.#throttled.delete(name);
    for (const [joining, { primary }] of this.#joins) {
      if (joining === name || primary === name) this.#joins.delete(joining);
    }
  }

  #woke(name: string): void {
    const reign = this.#sight.reignOf(name);
    if (!this.#over && reign !== undefined && reign < this.#fenced)
      this.#visit('a paused primary that wakes after its successor acted');
  }

  #busDied({ keeping, behind, rewriting, lostBytes, torn }: JournalLoss): void {
    if ((this.#latest?.number ?? 0) > this.#fenced) this.#visit('a death of the bus between claim and fence');
    if (keeping) this.#visit('a bus death in the middle of keeping');
    if (rewriting) this.#visit('a bus death while its journal is written anew');
    if (lostBytes > 0) this.#visit('a bus death that loses what was written');
    if (behind) this.#visit('a bus death with something that found no room');
    if (torn) this.#visit('a bus death that tears a frame');
  }
}

/** Adds up what several runs have visited. */
export function addVisited(sums: Map<RareState, number>, visited: Visited): void {
  for (const [state, times] of Object.entries(visited) as [RareState, number][]) {
    sums.set(state, (sums.get(state) ?? 0) + times);
  }
}
