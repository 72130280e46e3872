// What a simulated replica writes down, and where it lies around the driver's ports (in production: log/replica-log.ts): the queue
// is that of production, over a simulated disk; what the disk has the judge is shown.

import { linkAround } from '../driver/link-around.js';
import type { LogQueue } from '../driver/log-queue.js';
import type { LogPort, PeerLink, ReplicaNews, StateReader } from '../driver/ports.js';
import { assert } from '../errors/errors.js';
import { type Durability, syncsAtOnce } from '../protocol/durability.js';
import type { View } from '../protocol/vocabulary.js';
import type { IoEnd } from '../threads/io-end.js';
import type { Actor } from './actor.js';
import { LogScan } from './log-scan.js';
import type { Parts } from './parts.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';
import { SimulatedDisk } from './simulated-disk.js';
import type { SavedGuest } from './simulated-guest-thread.js';

/** Small enough that runs have several. */
const SEGMENT_BYTES = 1_000;

export interface SimulatedLogOptions {
  readonly name: string;
  readonly durability: Durability;
  readonly syncNs: number;
  readonly view: View | undefined;
  readonly parts: Parts;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly process: Actor;
  /** Snapshots under way, by the number that their pieces carry. */
  readonly snapshots: readonly SavedGuest[];
  /** A log that was relied on is not what was written. */
  readonly violate: (what: string) => void;
}

/** What a log is worth now: after a kill of all processes, and after a loss of power. */
export interface KeptLogs {
  readonly written: LogScan;
  readonly synced: LogScan;
  /** Nothing is logged any more. */
  readonly hasEnded: boolean;
}

export class SimulatedLog implements KeptLogs {
  readonly disk: SimulatedDisk;
  readonly written: LogScan;
  readonly synced: LogScan;
  readonly #options: SimulatedLogOptions;
  readonly #queue: LogQueue;
  readonly #places = new WeakMap<Uint8Array, { readonly position: number; readonly length: number }>();
  #end = 0;
  #view = 0;
  #isPrimary: boolean;
  hasEnded = false;
  #kept: ((written: number, synced: number) => void) | undefined;

  constructor(options: SimulatedLogOptions) {
    this.#options = options;
    const { name, view, schedule, random, process, syncNs, durability, parts, snapshots } = options;
    const beginsWhole = view !== undefined;
    const saved = (number: number) => snapshots[number];
    this.written = new LogScan(beginsWhole, saved);
    this.synced = new LogScan(beginsWhole, saved);
    this.disk = new SimulatedDisk(schedule, random, process, syncNs, () => this.#changed());
    this.#isPrimary = view?.primary === name;
    this.#queue = parts.logQueue({
      disk: this.disk,
      header: { machine: 'm', incarnation: name, moduleHash: '', description: new Uint8Array() },
      beginsWhole,
      waitsForRoom: durability !== 'memory',
      segmentBytes: SEGMENT_BYTES,
      observer: {
        kept: (written, synced) => this.#kept?.(written, synced),
        waits: () => undefined,
        goesOn: () => undefined,
        ended: () => {
          this.hasEnded = true;
        },
      },
    });
    this.#queue.urgent = syncsAtOnce(durability, false, false);
    if (view !== undefined) this.viewed(view);
  }

  readonly port: LogPort = {
    waitingBytes: 0,
    listen: kept => {
      this.#kept = kept;
    },
  };

  viewed(view: View): void {
    if (view.number <= this.#view) return;
    this.#view = view.number;
    const { name, durability } = this.#options;
    this.#isPrimary = view.primary === name;
    this.#queue.urgent = syncsAtOnce(durability, this.#isPrimary, view.backups.length === 0);
    this.#queue.record({ type: 'view', atMs: 0, view, reason: '' });
  }

  news(news: ReplicaNews): void {
    if (news.type === 'view') this.viewed(news.view);
  }

  around(guest: IoEnd<SavedGuest>): void {
    const queue = this.#queue;
    const listen = guest.listen.bind(guest);
    let hasOutput = false;
    guest.listen = listener =>
      listen({
        logged: (part, entries) => {
          this.#logged(this.#end, entries, part);
          listener.logged(part, entries);
        },
        output: (position, output) => {
          hasOutput = true;
          listener.output(position, output);
        },
        drained: said => {
          if (this.#isPrimary && hasOutput && queue.owesLog) queue.flush();
          hasOutput = false;
          listener.drained(said);
        },
        loaded: () => listener.loaded(),
        running: () => listener.running(),
        live: (epoch, uncertain) => listener.live(epoch, uncertain),
        diverged: message => listener.diverged(message),
        failed: message => listener.failed(message),
        congested: () => listener.congested(),
      });
    const sendLog = guest.sendLog.bind(guest);
    guest.sendLog = part => {
      const place = this.#places.get(part);
      assert(place !== undefined, 'what the guest is sent of the log came from another replica, as it is');
      this.#logged(place.position, place.length, part);
      sendLog(part);
    };
    const setAcknowledged = guest.setAcknowledged.bind(guest);
    guest.setAcknowledged = position => setAcknowledged(position, false);
  }

  /** A part may lie in memory that is used again. */
  #logged(position: number, entries: number, part: Uint8Array): void {
    this.#queue.logged(position, { entries, bytes: part.slice() });
    this.#end = position + entries;
  }

  link(link: PeerLink): PeerLink {
    return linkAround(link, {
      listen: handlers =>
        link.listen({
          ...handlers,
          message: message => {
            if (message.type === 'log' || message.type === 'offer') this.#places.set(message.part, message);
            else if (message.type === 'welcome' || message.type === 'view') this.viewed(message.view);
            handlers.message(message);
          },
        }),
    });
  }

  reader(reader: StateReader<SavedGuest>): StateReader<SavedGuest> {
    this.#queue.record({ type: 'begins' });
    return {
      push: piece => {
        reader.push(piece);
        this.#queue.record({ type: 'piece', bytes: piece.slice() });
      },
      get complete() {
        return reader.complete;
      },
      finish: () => {
        const saved = reader.finish();
        this.#queue.record({ type: 'checkpoint', position: saved.position, epoch: 0, count: 0 });
        this.#end = Math.max(this.#end, saved.position);
        return saved;
      },
    };
  }

  /** The host of the replica loses its power: what is read then has all that was synced, and nothing that was not written. */
  losePower(): void {
    const { random, view, snapshots, violate, name } = this.#options;
    const left = this.disk.afterPowerLoss(random).map(bytes => ({ bytes, size: bytes.length }));
    const scan = new LogScan(view !== undefined, number => snapshots[number], 'marked');
    try {
      scan.look(left);
    } catch (error) {
      violate(`the log of ${name} can't be read after a loss of power: ${String(error)} (DU)`);
      return;
    }
    const [found, least, most] = [scan.course, this.synced.course, this.written.course];
    const isEnough = least === undefined || (found?.has(least, least.length) ?? false);
    const isTrue = found === undefined || (most?.has(found, found.length) ?? false);
    if (!isEnough) violate(`the log of ${name} lacks what was synced after a loss of power (DU)`);
    if (!isTrue) violate(`the log of ${name} has what was not written after a loss of power (DU)`);
  }

  #changed(): void {
    const { segments } = this.disk;
    this.written.look(segments.map(({ bytes }) => ({ bytes, size: bytes.length })));
    this.synced.look(segments.map(({ bytes, syncedBytes }) => ({ bytes, size: syncedBytes })));
  }
}
