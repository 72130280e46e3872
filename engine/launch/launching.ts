// What a launcher decides, as a pure state machine: what the end of a replica means, when another is started, what is told.
//
// A replica that ends before anything has run, in the first view, is a machine that can't be started; unless it was killed
// while others live, or was to join. One that ends later is lost, or, where no view has named it, unjoined. Where none of the
// view lives, nobody can go on, unless the dead have named one with their last act: the arbiter is asked. About views it
// decides nothing: it hears of them, from several replicas, and from some late.

import { EpochvisorError } from '../errors/errors.js';
import type { MachineFigures } from '../observe/machine-figures.js';
import type { Status, UnloggedStatus } from '../observe/status.js';
import type { View } from '../protocol/vocabulary.js';
import type { FromReplica, ReplicaSamples, SaveError } from '../replica/replica-configuration.js';
import type { ReplicaProgress } from '../replica/replica-report.js';
import { NO_FIGURES_YET, withFigures } from './launch-figures.js';
import { statusOf } from './launch-status.js';
import { NO_PAST, type PastVerification, withPast } from './launch-verification.js';
import { Repair } from './repair.js';

export interface LaunchedReplica {
  readonly incarnation: string;
  /** 0 where it could not be started. */
  readonly pid: number;
}

/** What a launched machine tells; all times by `performance.now()` of this process. */
export interface MachineEvents {
  /** A replica's guest executes its first instruction, or the first since its snapshot. */
  running: [replica: LaunchedReplica];
  /** A replacement was started; `failures`: so many before it have ended before they were named. */
  joining: [replica: LaunchedReplica, failures: number];
  /** A replacement ended before it was named. `isNews`: none has in this way since one has joined. */
  unjoined: [replica: LaunchedReplica, reason: string, isNews: boolean];
  view: [view: View, reason: string];
  /** A promoted backup has raised its uncertain interrupts. */
  live: [replica: LaunchedReplica, failoverEpoch: number, uncertain: number];
  /**
   * The bus takes nothing of older views any more: what is put out from here on is this replica's. `silentMs`: so long ago it
   * had heard the owner before last; undefined: there was none.
   */
  fenced: [view: number, incarnation: string, silentMs: number | undefined];
  /** The bus has not taken a connection. */
  refused: [error: EpochvisorError];
  /** A replica says why it is about to end. */
  halted: [replica: LaunchedReplica, code: string, message: string];
  /** A replica that was named ended before the machine did. */
  lost: [replica: LaunchedReplica, reason: string];
  /** Nothing more of what a replica logs is written down; `isAwaited`: its outputs, or its acknowledgements, wait for ever. */
  unlogged: [replica: LaunchedReplica, error: EpochvisorError, isAwaited: boolean];
  /** What a replica logs has no room, and outputs wait for some; empty: there is again. */
  logWaits: [replica: LaunchedReplica, why: string];
  status: [status: Status];
  /** What was measured of a replica, where that was asked for (`samples`). */
  sampled: [replica: LaunchedReplica, samples: ReplicaSamples];
}

/** How the process of a replica ended. */
export interface ReplicaEnding {
  /** As a user reads it: `killed by SIGKILL`, or what the replica said. */
  readonly reason: string;
  readonly killed: boolean;
  /** Why it said it would end. */
  readonly halted?: { readonly code: string; readonly message: string; readonly hint?: string };
}

export type LaunchEvent =
  /** @property joins named in no view so far */
  | ({ readonly type: 'started'; readonly joins: boolean } & LaunchedReplica)
  /** One that was to join. */
  | { readonly type: 'notStarted'; readonly incarnation: string; readonly reason: string }
  | { readonly type: 'heard'; readonly incarnation: string; readonly message: FromReplica }
  | { readonly type: 'ended'; readonly incarnation: string; readonly ending: ReplicaEnding }
  /** The answer to `readLatest`; undefined: out of reach. */
  | { readonly type: 'latest'; readonly view: View | undefined; readonly reason: string }
  | { readonly type: 'repairDue' }
  /** The machine can't go on, for a reason of its surroundings. */
  | { readonly type: 'failed'; readonly error: EpochvisorError }
  /** The guest's outcome is known. */
  | { readonly type: 'finished' }
  | { readonly type: 'stopped' };

type Told<Name extends keyof MachineEvents> = { readonly type: 'tell'; readonly news: [Name, ...MachineEvents[Name]] };

export type LaunchEffect =
  | { [Name in keyof MachineEvents]: Told<Name> }[keyof MachineEvents]
  /** Start one that joins; answered by `started` or `notStarted`. */
  | { readonly type: 'start' }
  /** Answered by `repairDue`. */
  | { readonly type: 'repairAfter'; readonly delayMs: number }
  /** Others watch this replica from now on. */
  | { readonly type: 'named'; readonly incarnation: string }
  /** Its record at the arbiter is one of the dead. */
  | { readonly type: 'withdraw'; readonly incarnation: string }
  | { readonly type: 'kill'; readonly incarnation: string }
  /** The others hear that this one has ended: they may not have been connected to it. */
  | { readonly type: 'gone'; readonly incarnation: string; readonly reason: string }
  /** They ended, and nobody asks for them any more. */
  | { readonly type: 'forget'; readonly incarnations: readonly string[] }
  | { readonly type: 'readLatest'; readonly reason: string }
  /** Another replica is primary: it is asked for what the last one has not answered. */
  | { readonly type: 'newPrimary' }
  | { readonly type: 'saved'; readonly request: number; readonly error: SaveError | undefined }
  /** Everything is to be ended, and this is why. */
  | { readonly type: 'fail'; readonly error: EpochvisorError };

/** The code of a replica that halts because its state differs from its primary's (DG, SD). */
const DIVERGED = 'DIVERGED';

interface Replica extends LaunchedReplica {
  /** Named in no view so far; one that was, and is not any more, never joins again. */
  joins: boolean;
  /** Its guest has executed an instruction. */
  running: boolean;
  hasEnded: boolean;
  progress: ReplicaProgress | undefined;
  unlogged?: UnloggedStatus;
  /** What its outputs, or its acknowledgements, wait for; empty: nothing. */
  logWaits: string;
}

export class Launching {
  readonly #wanted: number;
  readonly #repair: Repair | undefined;
  #replicas: Replica[] = [];
  #view: View;
  #past: PastVerification = NO_PAST;
  #pastFigures = NO_FIGURES_YET;
  #repairIsPlanned = false;
  #over = false;

  /**
   * @param view the first one
   * @param wanted replicas of a machine that lacks none
   * @param repairs whether a replacement is started for one that died
   */
  constructor(view: View, wanted: number, repairs: boolean) {
    this.#view = view;
    this.#wanted = wanted;
    this.#repair = repairs && wanted > 1 ? new Repair(wanted) : undefined;
  }

  /** The machine ends, or has ended. */
  get isOver(): boolean {
    return this.#over;
  }

  get view(): View {
    return this.#view;
  }

  get status(): Status {
    return statusOf(this.#view, this.#replicas, this.#wanted, this.#repair?.why, this.#past);
  }

  get figures(): MachineFigures {
    return withFigures(this.#pastFigures, this.#replicas);
  }

  step(event: LaunchEvent): LaunchEffect[] {
    switch (event.type) {
      case 'started':
        return this.#started(event);
      case 'notStarted':
        return [
          this.#unjoined({ incarnation: event.incarnation, pid: 0 }, event.reason, 'REPLICA_START'),
          this.#tellStatus(),
          ...this.#repairSoon(),
        ];
      case 'heard': {
        const replica = this.#find(event.incarnation);
        return replica === undefined ? [] : this.#heard(replica, event.message);
      }
      case 'ended': {
        const replica = this.#find(event.incarnation);
        return replica === undefined ? [] : this.#ended(replica, event.ending);
      }
      case 'latest':
        return this.#latestRead(event.view, event.reason);
      case 'repairDue':
        this.#repairIsPlanned = false;
        return Array.from({ length: this.#missing }, () => ({ type: 'start' }));
      case 'failed':
        return this.#over ? [] : this.#fail(event.error);
      case 'finished':
        this.#over = true;
        // Who was still joining has nothing to say.
        return this.#kill(this.#replicas.filter(({ incarnation }) => !namedIn(this.#view).includes(incarnation)));
      case 'stopped':
        this.#over = true;
        return this.#kill(this.#replicas);
    }
  }

  #started({ incarnation, pid, joins }: LaunchEvent & { type: 'started' }): LaunchEffect[] {
    const replica = { incarnation, pid, joins, running: false, hasEnded: false, progress: undefined, logWaits: '' };
    this.#replicas.push(replica);
    if (!joins) return [];
    return [
      ...this.#forgetEnded(),
      { type: 'tell', news: ['joining', nameOf(replica), this.#repair?.failures ?? 0] },
      this.#tellStatus(),
    ];
  }

  /** A machine that is repaired for months must not remember everyone who died. */
  #forgetEnded(): LaunchEffect[] {
    const named = namedIn(this.#view);
    const gone = this.#replicas.filter(({ hasEnded, incarnation }) => hasEnded && !named.includes(incarnation));
    if (gone.length === 0) return [];
    this.#replicas = this.#replicas.filter(replica => !gone.includes(replica));
    this.#past = withPast(this.#past, gone);
    this.#pastFigures = withFigures(this.#pastFigures, gone);
    return [{ type: 'forget', incarnations: gone.map(({ incarnation }) => incarnation) }];
  }

  #heard(replica: Replica, message: FromReplica): LaunchEffect[] {
    const { incarnation } = replica;
    switch (message.type) {
      case 'running':
        replica.running = true;
        // Where all wait for nothing more than this, no other word of an idle machine would come.
        return [{ type: 'tell', news: ['running', nameOf(replica)] }, this.#tellStatus()];
      case 'view':
        return this.#viewed(message.view, message.reason);
      case 'live':
        return [{ type: 'tell', news: ['live', nameOf(replica), message.failoverEpoch, message.uncertain] }];
      case 'progress':
        replica.progress = message.progress;
        return incarnation === this.#view.primary ? [this.#tellStatus()] : [];
      case 'sampled':
        return [{ type: 'tell', news: ['sampled', nameOf(replica), message.samples] }];
      case 'saved':
        return [{ type: 'saved', request: message.request, error: message.error }];
      case 'unlogged': {
        const error = new EpochvisorError(message.code, message.message, message.hint);
        const { code, message: why, isAwaited } = message;
        replica.unlogged = { code, why, since: new Date(message.atMs).toISOString() };
        if (isAwaited) replica.logWaits = why;
        return [{ type: 'tell', news: ['unlogged', nameOf(replica), error, isAwaited] }, this.#tellStatus()];
      }
      case 'logWaits':
        replica.logWaits = message.why;
        return [{ type: 'tell', news: ['logWaits', nameOf(replica), message.why] }, this.#tellStatus()];
      case 'named':
        // Those of its view watch it, though the launcher has not heard of the view yet: its primary may be dead.
        return [{ type: 'named', incarnation }];
      case 'halted':
        return [{ type: 'tell', news: ['halted', nameOf(replica), message.code, message.message] }];
      case 'joins':
      // The outcome is an event of its own, who asked for a cut is answered, the others are for agents.
      case 'finished':
      case 'cut':
      case 'report':
      case 'waits':
        return [];
    }
  }

  #viewed(view: View, reason: string): LaunchEffect[] {
    // What a replica still says while it is ended is no news of the machine.
    if (this.#over) return [];
    // Several replicas tell of a view, and some late.
    if (view.number <= this.#view.number) return [];
    const before = this.#view;
    this.#view = view;
    if (view.backups.some(backup => !before.backups.includes(backup))) this.#repair?.joined();
    const named = this.#replicas.filter(({ incarnation }) => namedIn(view).includes(incarnation));
    for (const replica of named) replica.joins = false;
    return [
      ...named.map(({ incarnation }) => ({ type: 'named', incarnation }) as const),
      { type: 'tell', news: ['view', view, reason] },
      this.#tellStatus(),
      ...(view.primary === before.primary ? [] : [{ type: 'newPrimary' } as const]),
      ...this.#repairSoon(),
    ];
  }

  // ---- ends

  #ended(replica: Replica, { reason, killed, halted }: ReplicaEnding): LaunchEffect[] {
    replica.hasEnded = true;
    if (halted?.code === DIVERGED) this.#past = { ...this.#past, divergences: this.#past.divergences + 1 };
    if (this.#over) return [];
    const { joins, incarnation } = replica;
    // Who was killed may have run without a chance to say so; the other one carries on, wherever it stands.
    const survivable = joins || (killed && this.#replicas.some(other => other.running || !other.hasEnded));
    if (!replica.running && this.#view.number === 1 && !survivable) {
      // Nothing has run yet: this is no failure to survive but a machine that can't be started.
      const message = `a replica can't start: ${halted?.message ?? reason}`;
      return this.#fail(new EpochvisorError(halted?.code ?? 'REPLICA_START', message, halted?.hint));
    }
    const isUnjoined = joins && !namedIn(this.#view).includes(incarnation);
    return [
      { type: 'withdraw', incarnation },
      { type: 'gone', incarnation, reason },
      isUnjoined
        ? this.#unjoined(replica, reason, halted?.code ?? reason)
        : { type: 'tell', news: ['lost', nameOf(replica), reason] },
      this.#tellStatus(),
      ...this.#goOnWithout(reason, halted),
    ];
  }

  #goOnWithout(reason: string, halted: ReplicaEnding['halted']): LaunchEffect[] {
    if (this.#replicas.every(({ hasEnded }) => hasEnded)) {
      const code = halted?.code ?? 'ALL_REPLICAS_LOST';
      const message = `no replica is left: the last one ${halted === undefined ? reason : `halted: ${halted.message}`}`;
      return this.#fail(new EpochvisorError(code, message, halted?.hint));
    }
    // The dead may have named who was joining with their last act, which only the arbiter knows.
    return this.#anyLives(this.#view) ? this.#repairSoon() : [{ type: 'readLatest', reason }];
  }

  /** Where the arbiter is out of reach the joining replica goes on asking. */
  #latestRead(view: View | undefined, reason: string): LaunchEffect[] {
    if (view === undefined || this.#over || this.#anyLives(view) || this.#anyLives(this.#view)) return [];
    return this.#fail(new EpochvisorError('ALL_REPLICAS_LOST', `no replica is left: the last one was ${reason}`));
  }

  #anyLives(view: View): boolean {
    return this.#replicas.some(({ hasEnded, incarnation }) => !hasEnded && namedIn(view).includes(incarnation));
  }

  #fail(error: EpochvisorError): LaunchEffect[] {
    this.#over = true;
    return [{ type: 'fail', error }];
  }

  #kill(replicas: readonly Replica[]): LaunchEffect[] {
    return replicas.filter(({ hasEnded }) => !hasEnded).map(({ incarnation }) => ({ type: 'kill', incarnation }));
  }

  // ---- repair

  #unjoined(replica: LaunchedReplica, reason: string, kind: string): LaunchEffect {
    const isNews = this.#repair?.failed(reason, kind) ?? true;
    return { type: 'tell', news: ['unjoined', nameOf(replica), reason, isNews] };
  }

  get #missing(): number {
    return this.#over ? 0 : (this.#repair?.missing(this.#view, this.#replicas) ?? 0);
  }

  #repairSoon(): LaunchEffect[] {
    if (this.#repair === undefined || this.#repairIsPlanned || this.#missing === 0) return [];
    this.#repairIsPlanned = true;
    return [{ type: 'repairAfter', delayMs: this.#repair.delayMs }];
  }

  #tellStatus(): LaunchEffect {
    return { type: 'tell', news: ['status', this.status] };
  }

  #find(incarnation: string): Replica | undefined {
    return this.#replicas.find(replica => replica.incarnation === incarnation);
  }
}

function nameOf({ incarnation, pid }: LaunchedReplica): LaunchedReplica {
  return { incarnation, pid };
}

function namedIn({ primary, backups }: View): readonly string[] {
  return [primary, ...backups];
}
