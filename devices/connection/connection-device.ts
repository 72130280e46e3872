// Connections as streams: read, written, half-closed, reset, closed; whoever made them, a listener or a connector.
//
// A byte counts as written when the operating system has taken it, so a peer that reads slowly is felt by the bus and, through
// it, by the guest's write to that connection, and by no other. A connection's end is an end, its break a reset, both ways.

import type { Socket } from 'node:net';
import { assert } from '../../engine/errors/errors.js';
import { NO_DATA, type SourceDevice, type SourceSink } from '../device.js';

/** How long a peer may go on sending to a connection that the guest has closed, ms; to break off at once could lose an answer. */
const DRAIN_MS = 1_000;

interface Connection {
  readonly stream: number;
  readonly socket: Socket;
  /** The outside has broken off. */
  reset: boolean;
  /** Nothing more is read. */
  deaf: boolean;
}

export abstract class ConnectionDevice implements SourceDevice {
  readonly class = 'stream';
  readonly inputs = [];
  readonly outputs = [];
  abstract readonly sources: readonly number[];
  readonly #connections = new Map<number, Connection>();
  /** Undefined before the start, and after the close. */
  protected sink: SourceSink | undefined;

  start(sink: SourceSink): void {
    this.sink = sink;
  }

  /** A source has a connection. @param data what the guest is told of it. @returns its stream */
  protected open(sink: SourceSink, source: number, socket: Socket, data: Uint8Array): number {
    const stream = sink.opened(source, data);
    const connection: Connection = { stream, socket, reset: false, deaf: false };
    this.#connections.set(stream, connection);
    socket.on('data', (bytes: Buffer) => {
      if (!connection.deaf) sink.input(stream, bytes, false);
    });
    socket.on('end', () => {
      if (!connection.deaf) sink.input(stream, NO_DATA, true);
    });
    socket.on('error', () => this.#broken(connection));
    socket.on('close', () => {
      // Without an end of either side, whoever broke it off.
      if (!socket.readableEnded || !socket.writableFinished) this.#broken(connection);
    });
    socket.resume();
    return stream;
  }

  #broken(connection: Connection): void {
    if (connection.reset) return;
    connection.reset = true;
    // Once it is closed, its close is what is answered.
    if (this.#connections.has(connection.stream)) this.sink?.reset(connection.stream);
  }

  #at(stream: number): Connection {
    const connection = this.#connections.get(stream);
    assert(connection !== undefined, 'the bus speaks of connections that were opened and are not closed');
    return connection;
  }

  // ---- what the bus asks for

  write(stream: number, offset: number, bytes: Uint8Array): void {
    const { socket } = this.#at(stream);
    socket.write(bytes, error => {
      if (!error) this.sink?.written(stream, offset + bytes.length);
    });
  }

  endStream(stream: number, offset: number): void {
    this.#finished(this.#at(stream), () => this.sink?.written(stream, offset + 1));
  }

  closeStream(stream: number, offset: number): void {
    const connection = this.#at(stream);
    const { socket } = connection;
    connection.deaf = true;
    const answer = () => {
      this.#connections.delete(stream);
      this.sink?.written(stream, offset + 1);
    };
    if (connection.reset) {
      setImmediate(answer);
      return;
    }
    // What still comes in is thrown away, for a while: to break off at once would take the answer with it.
    socket.resume();
    this.#finished(connection, () => {
      answer();
      const late = setTimeout(() => socket.destroy(), DRAIN_MS);
      socket.once('end', () => socket.destroy());
      socket.once('close', () => clearTimeout(late));
      if (socket.readableEnded) socket.destroy();
    });
  }

  /** Calls back when the operating system has taken everything, and the end; never, where the outside breaks off before. */
  #finished({ socket }: Connection, then: () => void): void {
    if (socket.writableFinished) setImmediate(then);
    else {
      socket.once('finish', then);
      socket.end();
    }
  }

  pause(stream: number): void {
    if (this.sources.includes(stream)) this.pauseSource(stream);
    else this.#connections.get(stream)?.socket.pause();
  }

  resume(stream: number): void {
    if (this.sources.includes(stream)) this.resumeSource(stream);
    else this.#connections.get(stream)?.socket.resume();
  }

  /** No further connections until it resumes. */
  protected abstract pauseSource(source: number): void;
  protected abstract resumeSource(source: number): void;

  async close(): Promise<void> {
    this.sink = undefined;
    for (const { socket } of this.#connections.values()) socket.destroySoon();
    this.#connections.clear();
  }
}
