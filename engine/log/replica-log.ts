// What a replica writes down lies around the ports of its driver (driver/ports.ts): one that logs nothing has no branch for it.
//
//   a primary     the parts of the log that its guest writes, also while nobody else takes them
//   a backup      the parts that it was sent, when they are given to its guest
//   who joins     the snapshot that it was sent, as its first checkpoint, and the parts from there on
//   all           what their guests put out, by offset and checksum; checkpoints; views; how it ended
//
// How far the disk has come is told to the driver, for outputs and acknowledgements wait for it (DU); and a replica that is over
// ends when what it has logged is there.
//
// A part is the same bytes wherever it is logged, for each entry is encoded as the difference to those before: the logs of two
// replicas are one log, as far as both reach.

import { linkAround } from '../driver/link-around.js';
import type { LogPort, PeerLink, ReplicaNews, ReplicaPorts } from '../driver/ports.js';
import { assert } from '../errors/errors.js';
import { describeOutcome } from '../protocol/describe.js';
import { claimWaitsFor, type Durability, syncsAtOnce } from '../protocol/durability.js';
import type { PeerMessage } from '../protocol/messages.js';
import type { View } from '../protocol/vocabulary.js';
import { type LogPart, noteOf, type SegmentRecord } from '../wire/segment-records.js';
import { type CheckpointPace, Checkpoints } from './checkpoints.js';
import type { LogWriter } from './log-writer.js';
import type { Retention } from './retention.js';
import type { LoggedState } from './stored-checkpoints.js';

export interface ReplicaLogOptions {
  readonly incarnation: string;
  /** The view to begin in, and where the log begins then; without a view this replica joins. */
  readonly view: View | undefined;
  readonly position: number;
  readonly durability: Durability;
  /** Why it is in that view, for people; left out: the machine begins. */
  readonly reason?: string;
  /** Left out: no checkpoints are taken. */
  readonly checkpoints?: CheckpointPace;
  /** Left out: all of the log is kept. */
  readonly retention?: Retention;
}

/** What is logged last has so long to reach the disk before the replica ends, ms: the launcher waits twice as long. */
const LAST_MS = 3_000;

type Place = Pick<PeerMessage<Uint8Array> & { type: 'log' }, 'position' | 'length'>;

interface Claim {
  readonly by: 'written' | 'synced';
  readonly position: number;
  readonly then: () => void;
}

export class ReplicaLog<State extends LoggedState> {
  readonly #writer: LogWriter;
  readonly #options: ReplicaLogOptions;
  /** Of the parts that came from other replicas: what the driver gives on is what came. */
  readonly #places = new WeakMap<Uint8Array, Place>();
  /** Where the log goes on. */
  #end: number;
  /** The latest that names this replica, as it was noted. */
  #view: (SegmentRecord & { readonly type: 'view' }) | undefined;
  /** Replicas that views have named, and this one does not. */
  readonly #gone = new Set<string>();
  #isPrimary: boolean;
  /** Something was put out since what is logged was on its way. */
  #hasOutput = false;
  /** Whether the disk is to have at once what is logged. */
  #urgent = false;
  #synced = -1;
  #written = -1;
  /** Claims, and what the disk is to have before. */
  #claims: Claim[] = [];
  #awaited: { readonly position: number; readonly then: () => void } | undefined;
  #checkpoints: Checkpoints<State> | undefined;

  constructor(writer: LogWriter, options: ReplicaLogOptions) {
    this.#writer = writer;
    this.#options = options;
    const { view, incarnation, position } = options;
    this.#end = position;
    this.#isPrimary = view?.primary === incarnation;
    // Until it knows better: who joins is to be a backup.
    this.#hurry(syncsAtOnce(options.durability, false, false));
    if (view !== undefined) this.#viewed(view, options.reason ?? 'the machine begins');
  }

  ports(ports: ReplicaPorts<State>): ReplicaPorts<State> {
    const { arbiter } = ports;
    this.#aroundGuest(ports.guest);
    const { checkpoints: pace, retention } = this.#options;
    if (pace !== undefined) {
      const heading = () => this.#view !== undefined && this.#writer.record(this.#view);
      // Of one log that is to go, one replica decides.
      const gone = () => (this.#isPrimary ? [...this.#gone] : []);
      this.#checkpoints = new Checkpoints(ports, { writer: this.#writer, pace, retention, heading, gone });
    }
    return {
      ...ports,
      log: this.#port,
      arbiter: {
        claim: (view, answer) =>
          this.#whenClaimable(view, () =>
            arbiter.claim(view, answered => {
              if (answered.result === 'lost') this.#told(answered.owner, 'read from its record');
              answer(answered);
            }),
          ),
        latest: (machine, answer) =>
          arbiter.latest(machine, view => {
            if (view !== undefined) this.#told(view, 'read from its record');
            answer(view);
          }),
      },
      reader: () => {
        const reader = ports.reader();
        this.#writer.record({ type: 'begins' });
        retention?.begun();
        return {
          push: piece => {
            reader.push(piece);
            this.#writer.record({ type: 'piece', bytes: piece });
          },
          get complete() {
            return reader.complete;
          },
          finish: () => {
            const state = reader.finish();
            const { position, execution, count } = state;
            this.#writer.record({ type: 'checkpoint', position, epoch: execution.epoch, count });
            retention?.whole(position);
            // Some of the log that follows it may have come before.
            this.#end = Math.max(this.#end, state.position);
            return state;
          },
        };
      },
      tell: news => {
        this.#hear(news);
        ports.tell(news);
      },
      end: halted => {
        this.#checkpoints?.end();
        this.#endWhenKept(() => ports.end(halted));
      },
    };
  }

  #endWhenKept(then: () => void): void {
    let isOver = false;
    const over = () => {
      if (!isOver) then();
      isOver = true;
    };
    const keepFromEnding = this.#writer.time.after(LAST_MS, over);
    this.#writer.close(() => {
      keepFromEnding();
      over();
    });
  }

  /** Whoever a view names is to be gone on from (claimWaitsFor). One whose disk is broken is not, and goes on nevertheless. */
  #whenClaimable(view: View, then: () => void): void {
    const by = claimWaitsFor(this.#options.durability, this.#isPrimary, view.backups.length === 0);
    this.#writer.flush();
    if (by === 'nothing' || this.#writer.hasEnded) then();
    else {
      this.#claims.push({ by, position: this.#end, then });
      this.#hurry(this.#urgent);
      this.#claimWhatIsDue();
    }
  }

  #claimWhatIsDue(): void {
    const has = { written: this.#written, synced: this.#synced };
    const { hasEnded } = this.#writer;
    const isDue = ({ by, position }: Claim) => hasEnded || position <= has[by];
    const due = this.#claims.filter(isDue);
    if (due.length === 0) return;
    this.#claims = this.#claims.filter(claim => !isDue(claim));
    this.#hurry(this.#urgent);
    for (const { then } of due) then();
  }

  /** Calls back, once, when the disk has all below a position, whatever the durability; it may be at once. */
  whenSynced(position: number, then: () => void): void {
    this.#awaited = { position, then };
    this.#hurry(this.#urgent);
    this.#kept(this.#synced);
  }

  #kept(synced: number): void {
    this.#synced = synced;
    if (this.#awaited === undefined || synced < this.#awaited.position) return;
    const { then } = this.#awaited;
    this.#awaited = undefined;
    this.#hurry(this.#urgent);
    then();
  }

  #hurry(urgent: boolean): void {
    this.#urgent = urgent;
    this.#writer.urgent = urgent || this.#awaited !== undefined || this.#claims.some(({ by }) => by === 'synced');
  }

  get #port(): LogPort {
    const [writer, { durability, retention }] = [this.#writer, this.#options];
    return {
      get waitingBytes() {
        return durability === 'memory' ? 0 : writer.waitingBytes;
      },
      listen: (kept, left) => {
        writer.listen((written, synced) => {
          kept(written, synced);
          this.#written = written;
          this.#kept(synced);
          this.#claimWhatIsDue();
        });
        retention?.asks(left);
      },
    };
  }

  link(link: PeerLink): PeerLink {
    return linkAround(link, {
      listen: handlers =>
        link.listen({
          ...handlers,
          message: message => {
            if (message.type === 'log' || message.type === 'offer') this.#places.set(message.part, message);
            else if (message.type === 'welcome') this.#viewed(message.view, 'this replica joins');
            else if (message.type === 'view') this.#told(message.view, 'told by its primary');
            handlers.message(message);
          },
        }),
    });
  }

  #aroundGuest(guest: ReplicaPorts<State>['guest']): void {
    const writer = this.#writer;
    const listen = guest.listen.bind(guest);
    guest.listen = listener =>
      listen({
        ...listener,
        logged: (bytes, entries) => {
          this.#logged(this.#end, { entries, bytes });
          listener.logged(bytes, entries);
        },
        output: (position, output) => {
          const note = noteOf(position, output);
          if (note !== undefined) writer.noted(note);
          this.#hasOutput = true;
          listener.output(position, output);
        },
        drained: said => {
          // They wait for it. What is noted of them may wait itself: it is for comparison.
          if (this.#isPrimary && this.#hasOutput && writer.owesLog) writer.flush();
          this.#hasOutput = false;
          listener.drained(said);
        },
      });
    const sendLog = guest.sendLog.bind(guest);
    guest.sendLog = bytes => {
      const place = this.#places.get(bytes);
      assert(place !== undefined, 'what the guest is sent of the log came from another replica, as it is');
      this.#logged(place.position, { entries: place.length, bytes });
      sendLog(bytes);
    };
    // Somebody takes the log, whether there is a backup or not: this one.
    const setAcknowledged = guest.setAcknowledged.bind(guest);
    guest.setAcknowledged = position => setAcknowledged(position, false);
  }

  #logged(position: number, part: LogPart): void {
    this.#writer.logged(position, part);
    this.#end = position + part.entries;
    this.#checkpoints?.logged(part.bytes.length);
  }

  // ---- views

  #hear(news: ReplicaNews): void {
    const atMs = this.#writer.time.dateMs();
    switch (news.type) {
      case 'view':
        this.#viewed(news.view, news.reason);
        return;
      case 'live':
        this.#isPrimary = true;
        this.#writer.record({ type: 'live', atMs, epoch: news.failoverEpoch, uncertain: news.uncertain });
        return;
      case 'finished':
        this.#writer.record({ type: 'closed', atMs, code: '', why: describeOutcome(news.outcome) });
        return;
      case 'halted':
        this.#writer.record({ type: 'closed', atMs, code: news.code, why: news.message });
        return;
      case 'running':
      case 'named':
        return;
    }
  }

  /** A view that another has won is one of this replica's where it names it. */
  #told(view: View, reason: string): void {
    if (namedIn(view).includes(this.#options.incarnation)) this.#viewed(view, reason);
  }

  #viewed(view: View, reason: string): void {
    const before = this.#view?.view;
    if (view.number <= (before?.number ?? 0)) return;
    for (const name of before === undefined ? [] : namedIn(before)) this.#gone.add(name);
    for (const name of namedIn(view)) this.#gone.delete(name);
    this.#hurry(
      syncsAtOnce(this.#options.durability, view.primary === this.#options.incarnation, view.backups.length === 0),
    );
    this.#view = { type: 'view', atMs: this.#writer.time.dateMs(), view, reason };
    this.#writer.record(this.#view);
  }
}

function namedIn({ primary, backups }: View): readonly string[] {
  return [primary, ...backups];
}
