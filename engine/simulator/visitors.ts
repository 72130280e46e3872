// Visitors: those outside who open streams, say something, take what they are told, and go, by an end or by breaking off.

import type { BusEffect, BusEvent } from '../protocol/bus/bus.js';
import { FIRST_OPENED_STREAM } from '../protocol/vocabulary.js';
import type { Actor } from './actor.js';
import type { Schedule } from './schedule.js';

export interface InputChunk {
  /** Since the chunk before. */
  readonly afterNs: number;
  readonly bytes: Uint8Array;
  readonly end: boolean;
}

export interface Visit {
  /** Since the visit before, or since the source had room again. */
  readonly afterNs: number;
  readonly says: readonly InputChunk[];
  /** How long after its last word it breaks off; undefined: its last word is its end. */
  readonly breaksOffNs: number | undefined;
  /** Times as slow as another device in taking what it is told. */
  readonly slowness: number;
}

export interface VisitorsOptions {
  readonly source: number;
  /** The source of those that the guest asks for: as many as it has operations. */
  readonly dialled: number;
  readonly visits: readonly Visit[];
  readonly schedule: Schedule;
  readonly delayNs: () => number;
  readonly nextStream: () => number;
  readonly step: (event: BusEvent) => void;
  readonly observer: VisitorsObserver;
}

export interface VisitorsObserver {
  wrote(stream: number, offset: number, bytes: Uint8Array): void;
  /** Visit number `visit` has stream `stream`. */
  visits(stream: number, visit: number): void;
  brokeOff(stream: number): void;
  /** The process of the bus has died, and the stream with it. @param brokeOff and somebody was there still */
  lost(stream: number, brokeOff: boolean): void;
}

/** What an end and a close are in a transcript: they take a place each. */
export const END_MARK = Uint8Array.of(0xe0);
export const CLOSE_MARK = Uint8Array.of(0xc0);

type StreamEffect = BusEffect & { readonly stream: number };

interface Visitor {
  readonly visit: Visit;
  said: number;
  planned: boolean;
  paused: boolean;
  gone: boolean;
  /** When it will have taken what it was told. */
  busyUntilNs: number;
}

export class Visitors {
  readonly #options: VisitorsOptions;
  /** That of the bus, which they are connected to. */
  #process: Actor;
  readonly #visitors = new Map<number, Visitor>();
  #come = 0;
  #paused = false;
  #planned = false;

  constructor(options: VisitorsOptions, process: Actor) {
    this.#options = options;
    this.#process = process;
    this.#planVisit();
  }

  /**
   * The process has died with all connections; whoever has not come yet comes to the next one.
   * @param come how many of them somebody may have been told of: the others come again
   */
  restarted(process: Actor, come: number): void {
    this.#process = process;
    for (const [stream, { gone }] of this.#visitors) this.#options.observer.lost(stream, !gone);
    this.#visitors.clear();
    this.#come = come;
    this.#paused = false;
    this.#planned = false;
    this.#planVisit();
  }

  /** Whether an effect is for a visitor, or for the source that they come by; then it is carried out. */
  carryOut(effect: StreamEffect): boolean {
    const { stream } = effect;
    if (stream === this.#options.source) {
      this.#paused = effect.type === 'pauseInput';
      this.#planVisit();
      return true;
    }
    if (stream < FIRST_OPENED_STREAM) return stream === this.#options.dialled;
    const visitor = this.#visitors.get(stream)!;
    switch (effect.type) {
      case 'write':
        this.#tell(stream, visitor, effect.offset, effect.bytes);
        break;
      case 'endStream':
        this.#tell(stream, visitor, effect.offset, END_MARK);
        break;
      case 'closeStream':
        this.#tell(stream, visitor, effect.offset, CLOSE_MARK, true);
        break;
      case 'pauseInput':
        visitor.paused = true;
        break;
      case 'resumeInput':
        visitor.paused = false;
        this.#planWord(stream, visitor);
        break;
      default:
        break;
    }
    return true;
  }

  #planVisit(): void {
    const { visits, source } = this.#options;
    const visit = visits[this.#come];
    if (visit === undefined || this.#paused || this.#planned) return;
    this.#planned = true;
    this.#process.after(visit.afterNs, () => {
      this.#planned = false;
      // The guest may have asked for the one that was to come.
      this.come(source, Uint8Array.of(this.#come));
      this.#planVisit();
    });
  }

  /** The next of them has a stream, which is answered; undefined: all have come. */
  come(source: number, data: Uint8Array): number | undefined {
    const { visits, nextStream, step, observer } = this.#options;
    const visit = visits[this.#come];
    if (visit === undefined) return undefined;
    const stream = nextStream();
    const visitor = { visit, said: 0, planned: false, paused: false, gone: false, busyUntilNs: 0 };
    this.#visitors.set(stream, visitor);
    observer.visits(stream, this.#come);
    this.#come += 1;
    step({ type: 'opened', source, stream, data });
    this.#planWord(stream, visitor);
    return stream;
  }

  #planWord(stream: number, visitor: Visitor): void {
    const { step } = this.#options;
    const { visit } = visitor;
    if (visitor.planned || visitor.paused || visitor.gone) return;
    const word = visit.says[visitor.said];
    if (word === undefined && visit.breaksOffNs === undefined) return;
    visitor.planned = true;
    this.#process.after(word?.afterNs ?? visit.breaksOffNs ?? 0, () => {
      visitor.planned = false;
      if (visitor.gone) return;
      if (word === undefined) {
        this.#breakOff(stream, visitor);
        return;
      }
      visitor.said += 1;
      step({ type: 'input', stream, bytes: word.bytes, end: word.end });
      this.#planWord(stream, visitor);
    });
  }

  #breakOff(stream: number, visitor: Visitor): void {
    visitor.gone = true;
    this.#options.observer.brokeOff(stream);
    this.#options.step({ type: 'reset', stream });
  }

  #tell(stream: number, visitor: Visitor, offset: number, bytes: Uint8Array, closes = false): void {
    const { schedule, delayNs, observer, step } = this.#options;
    const process = this.#process;
    if (closes) visitor.said = visitor.visit.says.length;
    if (!visitor.gone) observer.wrote(stream, offset, bytes);
    const atNs = Math.max(visitor.busyUntilNs, schedule.nowNs + delayNs() * visitor.visit.slowness);
    visitor.busyUntilNs = atNs;
    schedule.at(atNs, () =>
      process.do(() => {
        // Who has gone takes nothing; that it is closed is answered all the same.
        if (visitor.gone && !closes) return;
        if (closes) visitor.gone = true;
        step({ type: 'written', stream, offset: offset + bytes.length });
      }),
    );
  }
}
