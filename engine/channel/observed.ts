// Being looked at: a part of a machine answers observers, who are no replicas. They change nothing, but that a replica dies when a
// test of the machine asks it to.
//
// An observer has shown the machine's secret, as everybody on a link has; what it can cost is bounded all the same: so many
// at a time, one module on its way to each, and a link that asks nothing ends.

import { assert } from '../errors/errors.js';
import { OBSERVER_PREFIX } from '../protocol/messages.js';
import { decodeFromObserver, encodeToObserver, REPORT_MAX } from '../wire/observer-packets.js';
import type { Link } from './link.js';

/** At a time: some people who watch, and hosts that fetch a module. */
export const OBSERVERS_MAX = 16;
/** From a link's start, or the last answer, to its next question, ms. */
const IDLE_MAX_MS = 10_000;
/** A module goes in pieces, as many at a time as the socket takes: the log of the machine is not to wait behind it. */
const PIECE_BYTES = 256 * 1024;
const UNSENT_BYTES_MAX = 1024 * 1024;

export interface Observed {
  /** What this part knows, as a JSON object. */
  readonly report: () => object;
  /** The guest's module; undefined: this part has none. */
  readonly module: () => Uint8Array | undefined;
  /** Ends this process without a word; without it a part does not crash because it is asked to. */
  readonly crash?: () => void;
}

export function isObserver(incarnation: string): boolean {
  return incarnation.startsWith(OBSERVER_PREFIX);
}

export class Observers {
  readonly #observed: Observed;
  readonly #links = new Set<Link>();

  constructor(observed: Observed) {
    this.#observed = observed;
  }

  /** A link of an observer. */
  add(link: Link): void {
    if (this.#links.size === OBSERVERS_MAX) {
      void link.close();
      return;
    }
    this.#links.add(link);
    let sending = false;
    let idle: NodeJS.Timeout | undefined;
    const wait = () => {
      sending = false;
      idle = setTimeout(() => void link.close(), IDLE_MAX_MS);
    };
    wait();
    link.listen({
      message: bytes => {
        const { type } = decodeFromObserver(bytes);
        // It has been asked for, and is on its way.
        if (sending) return;
        clearTimeout(idle);
        if (type === 'askReport') {
          this.#report(link);
          wait();
          return;
        }
        if (type === 'crash') {
          this.#observed.crash?.();
          wait();
          return;
        }
        sending = true;
        this.#sendModule(link, wait);
      },
      closed: () => {
        clearTimeout(idle);
        this.#links.delete(link);
      },
    });
  }

  #report(link: Link): void {
    const json = JSON.stringify(this.#observed.report());
    assert(json.length <= REPORT_MAX, 'a report is within its bound');
    link.send(encodeToObserver({ type: 'report', json }));
  }

  #sendModule(link: Link, sent: () => void): void {
    const module = this.#observed.module() ?? new Uint8Array(0);
    let at = 0;
    const next = (): void => {
      if (!this.#links.has(link)) return;
      if (link.bufferedBytes > UNSENT_BYTES_MAX) {
        link.whenTaken(next);
        return;
      }
      // A view of shared memory can't be sent: it is copied, a piece at a time.
      const part = new Uint8Array(module.subarray(at, at + PIECE_BYTES));
      at += part.length;
      link.send(encodeToObserver({ type: 'module', size: module.length, part }));
      // Heartbeats get their turn between two pieces.
      if (at < module.length) setImmediate(next);
      else sent();
    };
    next();
  }
}
