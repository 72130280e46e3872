// The page's connection to the launcher: opened again while it can't be had, and quiet once the machine has ended.

import type { PageOrder, ToPage } from './page-frame.js';

/** Until it is tried again, ms: at first, and at most. */
const RETRY_MS = 500;
const RETRY_MAX_MS = 5_000;

export class Feed {
  readonly #url: string;
  readonly #heard: (message: ToPage) => void;
  readonly #lost: () => void;
  #socket: WebSocket | undefined;
  #retryMs = RETRY_MS;
  #isOver = false;

  /** @param lost as often as the connection breaks, or can't be had */
  constructor(url: string, heard: (message: ToPage) => void, lost: () => void) {
    this.#url = url;
    this.#heard = heard;
    this.#lost = lost;
    this.#open();
  }

  /** @returns false where nobody is there to hear it */
  send(order: PageOrder): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(order));
    return true;
  }

  #open(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      this.#retryMs = RETRY_MS;
      const message = JSON.parse(data as string) as ToPage;
      if (message.type === 'ended') this.#isOver = true;
      this.#heard(message);
    });
    // What fails is closed, too.
    socket.addEventListener('close', () => {
      if (this.#isOver) return;
      this.#lost();
      setTimeout(() => this.#open(), this.#retryMs);
      this.#retryMs = Math.min(RETRY_MAX_MS, 2 * this.#retryMs);
    });
  }
}
