// What the pages of a machine are told: one look at it a tick, one text for all of them, and nothing while there are none.
//
// The bus is served by the same event loop. So a tick is short, whoever reads; a page that does not read is sent nothing more until it
// has taken what was sent, and is dropped when it has not for long. What has happened meanwhile is in a list of bounded length, of
// which a page gets what it lacks once it reads again.

import type { WebSocket } from 'ws';
import type { ObservedMachine } from '../observe/machine-figures.js';
import type { PageFrame, PageNews, ToPage } from '../page/page-frame.js';
import type { MeasuredTimes } from '../protocol/measured-times.js';

/** Replicas tell of themselves as often. */
export const TICK_MS = 50;
/** Sent to a page and not taken by it: a few seconds of frames. */
export const WAITING_MAX_BYTES = 128 * 1024;
/** A page that has taken nothing for so long has gone, or never was one, ms. */
const PATIENCE_MS = 30_000;
/** What has happened, for pages that come later. */
const NEWS_MAX = 200;
/** A machine has ended: those who read are told within this time, ms. */
const FAREWELL_MS = 500;

interface Page {
  readonly socket: WebSocket;
  /** Number of the last news that it was sent. */
  newsSent: number;
  /** Since when it takes nothing. */
  fullSinceMs: number | undefined;
}

export class PageFeed {
  readonly #machine: ObservedMachine;
  readonly #paused: () => PageFrame['paused'];
  readonly #hello: string;
  readonly #pages = new Set<Page>();
  readonly #news: PageNews[] = [];
  readonly #patienceMs: number;
  #newsCount = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** @param patienceMs another PATIENCE_MS, for tests */
  constructor(
    machine: ObservedMachine,
    paused: () => PageFrame['paused'],
    hello: ToPage & { readonly type: 'hello' },
    patienceMs = PATIENCE_MS,
  ) {
    this.#machine = machine;
    this.#paused = paused;
    this.#hello = JSON.stringify(hello);
    this.#patienceMs = patienceMs;
  }

  get count(): number {
    return this.#pages.size;
  }

  add(socket: WebSocket): void {
    const page: Page = { socket, newsSent: 0, fullSinceMs: undefined };
    this.#pages.add(page);
    socket.once('close', () => {
      this.#pages.delete(page);
      if (this.#pages.size === 0) this.#stop();
    });
    socket.send(this.#hello);
    this.#sendNews(page);
    if (this.#isOver) return;
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    this.#tick();
  }

  happened(kind: PageNews['kind'], text: string): void {
    this.#newsCount += 1;
    this.#news.push({ number: this.#newsCount, at: new Date().toISOString(), kind, text });
    if (this.#news.length > NEWS_MAX) this.#news.shift();
  }

  answer(socket: WebSocket, done: boolean, text: string): void {
    if (socket.bufferedAmount > WAITING_MAX_BYTES) socket.terminate();
    else send(socket, { type: 'answer', done, text });
  }

  /** No more frames: what pages show stays as it is. */
  freeze(): void {
    this.#isOver = true;
    this.#stop();
  }

  /** The last message; resolves when those who read have it. */
  async end(text: string): Promise<void> {
    this.freeze();
    const told = [...this.#pages].map(page => {
      if (page.socket.bufferedAmount > WAITING_MAX_BYTES) return undefined;
      this.#sendNews(page);
      return new Promise<void>(resolve => {
        page.socket.once('close', () => resolve());
        send(page.socket, { type: 'ended', text });
        page.socket.close(1000);
      });
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise(resolve => {
      timer = setTimeout(resolve, FAREWELL_MS);
    });
    await Promise.race([Promise.all(told), late]);
    clearTimeout(timer);
    for (const { socket } of this.#pages) socket.terminate();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const nowMs = performance.now();
    let text: string | undefined;
    for (const page of this.#pages) {
      if (!this.#takes(page, nowMs)) continue;
      this.#sendNews(page);
      text ??= JSON.stringify(this.#frame(nowMs));
      page.socket.send(text);
    }
  }

  #takes(page: Page, nowMs: number): boolean {
    if (page.socket.bufferedAmount <= WAITING_MAX_BYTES) {
      page.fullSinceMs = undefined;
      return page.socket.readyState === page.socket.OPEN;
    }
    page.fullSinceMs ??= nowMs;
    if (nowMs - page.fullSinceMs > this.#patienceMs) page.socket.terminate();
    return false;
  }

  #sendNews(page: Page): void {
    const news = this.#news.filter(({ number }) => number > page.newsSent);
    if (news.length === 0) return;
    page.newsSent = this.#newsCount;
    send(page.socket, { type: 'news', news });
  }

  #frame(nowMs: number): PageFrame {
    const { heldFor, roundTrips, logBytes } = this.#machine.figures;
    return {
      type: 'frame',
      atMs: nowMs,
      status: this.#machine.status,
      figures: {
        roundTrips: numberOf(roundTrips),
        roundTripMs: roundTrips.sumMs,
        outputs: numberOf(heldFor),
        outputHeldMs: heldFor.sumMs,
        logBytes,
      },
      paused: this.#paused(),
    };
  }
}

function numberOf({ counts }: MeasuredTimes): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function send(socket: WebSocket, message: ToPage): void {
  socket.send(JSON.stringify(message));
}
