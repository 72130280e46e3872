// A link: one ws connection as the protocol needs it. Whole binary frames, in order, never compressed, bounded.
//
// ws itself has no back-pressure: against a stopped peer it queues without end. So a link counts what is queued, and
// past the bound it ends itself: whoever is that far behind is as good as gone, and reconnecting loses nothing that
// the protocol does not send again.
//
// What is sent in one turn of the event loop leaves in one write: a write for each frame would cost both ends a system call, and
// the processor that the peer may need to answer the first of them.

import type { Duplex } from 'node:stream';
import type WebSocket from 'ws';
import type { RawData } from 'ws';
import { assert, EpochvisorError } from '../errors/errors.js';
import type { Hello } from '../protocol/messages.js';

/** The largest frame taken or sent; the largest part of a snapshot or of the log is far below. */
export const FRAME_MAX_BYTES = 64 * 1024 * 1024;
/** Sent and not yet taken by the operating system: past it the link ends. One frame of the largest size fits. */
export const BUFFERED_MAX_BYTES = FRAME_MAX_BYTES;
/** How long a polite end may take before it becomes an abrupt one. */
const CLOSE_MAX_MS = 200;

/** How long a frame that is in no hurry waits for others, ms. */
const LATE_MS = 1;

/** ws options of both sides. Compression costs time that an acknowledgement does not have. */
export const SOCKET_OPTIONS = { perMessageDeflate: false, maxPayload: FRAME_MAX_BYTES } as const;

const NORMAL = 1000;
/** An end without a word, as ws tells it. */
const ABNORMAL = 1006;
const NOT_BINARY = 1003;
const MALFORMED = 1007;

export interface LinkHandlers {
  /**
   * A whole frame; the bytes are the receiver's to keep, though they may be part of a larger chunk. A handler that
   * throws PACKET_MALFORMED, as decoders do, ends the link with it.
   */
  readonly message: (bytes: Uint8Array) => void;
  /**
   * Once, whoever ended the link. LINK_CLOSED: an end or an error of the connection; LINK_OVERFLOW: past
   * BUFFERED_MAX_BYTES; PACKET_MALFORMED: the peer does not speak the protocol. `code` and `word`: those of ws.
   */
  readonly closed: (reason: EpochvisorError, code: number, word: string) => void;
}

export interface LinkOptions {
  /** When what was sent leaves: once, soon, after what is under way; process.nextTick where it is not said. */
  readonly plan?: (act: () => void) => void;
}

/** A socket, or what is like one. */
export type CountedStream = Duplex & { readonly bytesRead: number };

export class Link {
  readonly #socket: WebSocket;
  readonly #stream: CountedStream;
  readonly #plan: (act: () => void) => void;
  /** Sent frames wait for the end of the turn, or, where they are in no hurry, for the next ones. */
  #corked = false;
  #flushIsDue = false;
  #lateIsDue = false;
  #handlers: LinkHandlers | undefined;
  /** Frames that came while nobody listened; the socket is paused meanwhile, so it is one chunk's worth at most. */
  #unheard: Uint8Array[] = [];
  #failure: EpochvisorError | undefined;
  #end: { readonly reason: EpochvisorError; readonly code: number; readonly word: string } | undefined;
  #whenTaken: (() => void)[] = [];
  #whenEnded: () => void = () => {};
  readonly #ended = new Promise<void>(resolve => {
    this.#whenEnded = resolve;
  });
  #peer: Hello | undefined;
  /** What was sent while the network below stands still; undefined: it does not. */
  #withheld: Uint8Array[] | undefined;
  #withheldBytes = 0;
  /** Had come by then: Node reads on for a while into a buffer that nobody looks at. */
  #arrivedHeld: number | undefined;
  /** Ended here meanwhile, which the other side is not to see before the network is back. */
  #endsWithheld = false;
  /** The other side's end, if it has come meanwhile. */
  #whenReleased: () => void = () => {};

  /**
   * @param socket open; no one else listens to it
   * @param stream below it
   */
  constructor(socket: WebSocket, stream: CountedStream, { plan = process.nextTick }: LinkOptions = {}) {
    this.#socket = socket;
    this.#stream = stream;
    this.#plan = plan;
    socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    socket.on('error', error => {
      this.#failure ??= new EpochvisorError('LINK_CLOSED', `the connection failed: ${error.message}`);
    });
    socket.on('close', (code, word) => this.#socketClosed(code, word.toString()));
  }

  /** The hello of the other side. */
  get peer(): Hello {
    assert(this.#peer !== undefined, 'hellos are exchanged first');
    return this.#peer;
  }

  set peer(hello: Hello) {
    this.#peer = hello;
  }

  /** Whether it has not ended, as far as is known here. */
  get isOpen(): boolean {
    if (this.#end !== undefined || this.#endsWithheld) return false;
    return this.#withheld !== undefined || this.#socket.readyState === this.#socket.OPEN;
  }

  /**
   * For tests: the network below stands still. Nothing is read, nothing leaves, no end is seen on either side; until `release`.
   */
  hold(): void {
    if (this.#withheld !== undefined) return;
    this.#flush();
    this.#withheld = [];
    this.#arrivedHeld = this.#stream.bytesRead;
    this.#socket.pause();
  }

  /** What was withheld goes on its way; an end, too. */
  release(): void {
    const frames = this.#withheld;
    if (frames === undefined) return;
    this.#withheld = undefined;
    this.#withheldBytes = 0;
    this.#arrivedHeld = undefined;
    if (this.#endsWithheld) {
      this.#socket.terminate();
      return;
    }
    for (const frame of frames) this.send(frame);
    if (this.#handlers !== undefined) this.listen(this.#handlers);
    this.#whenReleased();
  }

  /** Bytes sent that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount + this.#withheldBytes;
  }

  /** Bytes that have come since the connection began, also of a frame that is not whole yet. */
  get arrivedBytes(): number {
    return this.#arrivedHeld ?? this.#stream.bytesRead;
  }

  /** Once, when the operating system has taken a frame of those; where the link ends before, perhaps never. */
  whenTaken(act: () => void): void {
    this.#whenTaken.push(act);
  }

  /** From now on, in order, with what came in the meantime first. */
  listen(handlers: LinkHandlers): void {
    this.#handlers = handlers;
    while (this.#unheard.length > 0 && this.#handlers !== undefined) this.#tell(this.#handlers, this.#unheard.shift()!);
    if (this.#end !== undefined) this.#tellEnd();
    else if (this.#withheld === undefined) this.#socket.resume();
  }

  /** Until `listen`, nothing is lost and nothing is read. */
  unlisten(): void {
    this.#handlers = undefined;
  }

  /**
   * Sends one frame, which must not change afterwards.
   * @returns whether the link is open (past the bound, it no longer is)
   */
  send(bytes: Uint8Array): boolean {
    const sent = this.#send(bytes);
    if (sent && !this.#flushIsDue) {
      this.#flushIsDue = true;
      this.#plan(this.#flush);
    }
    return sent;
  }

  /** As `send`, for what nobody waits for: it leaves with the next frame, or by itself after LATE_MS. */
  sendLate(bytes: Uint8Array): boolean {
    const sent = this.#send(bytes);
    if (sent && !this.#lateIsDue) {
      this.#lateIsDue = true;
      setTimeout(this.#flushLate, LATE_MS);
    }
    return sent;
  }

  #send(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (!this.isOpen) return false;
    if (this.#withheld !== undefined) {
      this.#withheld.push(bytes);
      this.#withheldBytes += bytes.length;
      return true;
    }
    const buffered = socket.bufferedAmount;
    assert(bytes.length <= FRAME_MAX_BYTES, 'a frame is within its bound');
    if (buffered > 0 && buffered + bytes.length > BUFFERED_MAX_BYTES) {
      const message = `the peer does not read: ${buffered} bytes wait for it`;
      this.#failure ??= new EpochvisorError('LINK_OVERFLOW', message);
      socket.terminate();
      return false;
    }
    if (!this.#corked) {
      this.#corked = true;
      this.#stream.cork();
    }
    socket.send(bytes, { binary: true, compress: false }, this.#taken);
    return true;
  }

  /** What was sent leaves now, and not at the end of the turn. */
  flush(): void {
    this.#flush();
  }

  readonly #flush = (): void => {
    this.#flushIsDue = false;
    if (!this.#corked) return;
    this.#corked = false;
    this.#stream.uncork();
  };

  readonly #flushLate = (): void => {
    this.#lateIsDue = false;
    this.#flush();
  };

  readonly #taken = (): void => {
    if (this.#whenTaken.length === 0) return;
    for (const act of this.#whenTaken.splice(0)) act();
  };

  /** Ends the link after what was sent, with a close code and a word (at most 123 bytes); soon, in any case. */
  close(code = NORMAL, word = ''): Promise<void> {
    const socket = this.#socket;
    if (this.#withheld !== undefined) {
      this.terminate();
      return this.#ended;
    }
    socket.close(code, word);
    this.#flush();
    socket.resume();
    const timer = setTimeout(() => socket.terminate(), CLOSE_MAX_MS);
    return this.#ended.finally(() => clearTimeout(timer));
  }

  /** Ends the link at once; what was not yet taken by the operating system is lost. */
  terminate(): void {
    if (this.#withheld === undefined) {
      this.#socket.terminate();
      return;
    }
    if (this.#endsWithheld) return;
    this.#endsWithheld = true;
    this.#unheard = [];
    // Later, as of a socket: never from within the call.
    setImmediate(() => this.#closed(ABNORMAL, ''));
  }

  #received(data: RawData, isBinary: boolean): void {
    if (!isBinary || !Buffer.isBuffer(data)) {
      this.#failure ??= new EpochvisorError('PACKET_MALFORMED', 'malformed packet: a frame of text');
      void this.close(NOT_BINARY, 'binary frames only');
      return;
    }
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    if (this.#handlers !== undefined && this.#unheard.length === 0 && this.#withheld === undefined) {
      this.#tell(this.#handlers, bytes);
    } else {
      this.#unheard.push(bytes);
      this.#socket.pause();
    }
  }

  #tell(handlers: LinkHandlers, bytes: Uint8Array): void {
    // What still comes while the link ends is of no interest.
    if (this.#socket.readyState !== this.#socket.OPEN && this.#failure !== undefined) return;
    try {
      handlers.message(bytes);
    } catch (error) {
      if (!(error instanceof EpochvisorError) || error.code !== 'PACKET_MALFORMED') throw error;
      this.#failure ??= error;
      void this.close(MALFORMED, error.message);
    }
  }

  #socketClosed(code: number, word: string): void {
    // An end, too, is on the way until the network is back.
    if (this.#withheld !== undefined && !this.#endsWithheld) this.#whenReleased = () => this.#closed(code, word);
    else this.#closed(code, word);
  }

  #closed(code: number, word: string): void {
    if (this.#end !== undefined) return;
    const said = word === '' ? `code ${code}` : `code ${code}: ${word}`;
    const reason = this.#failure ?? new EpochvisorError('LINK_CLOSED', `the connection ended (${said})`);
    this.#end = { reason, code, word };
    this.#whenEnded();
    if (this.#unheard.length === 0) this.#tellEnd();
  }

  #tellEnd(): void {
    const handlers = this.#handlers;
    if (handlers === undefined || this.#end === undefined) return;
    this.#handlers = undefined;
    const { reason, code, word } = this.#end;
    handlers.closed(reason, code, word);
  }
}
