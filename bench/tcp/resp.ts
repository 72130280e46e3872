// Redis's protocol (RESP 2), as far as a client of strings and numbers needs it, and a client that asks in batches.

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

const LINE_END = 0x0a;
const BULK = 0x24;
const ERROR = 0x2d;

/** What was answered: a string, a number, nothing, or what was wrong. */
export type Reply = string | number | null | { readonly error: string };

export function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** Where the reply that begins at `from` ends; -1: it is not all there. */
export function replyEnd(bytes: Buffer, from: number): number {
  const lineEnd = bytes.indexOf(LINE_END, from);
  if (lineEnd < 0) return -1;
  if (bytes[from] !== BULK) return lineEnd + 1;
  const length = Number(bytes.toString('latin1', from + 1, lineEnd - 1));
  const end = length < 0 ? lineEnd + 1 : lineEnd + 1 + length + 2;
  return end <= bytes.length ? end : -1;
}

export function isError(bytes: Buffer, from: number): boolean {
  return bytes[from] === ERROR;
}

export function replyAt(bytes: Buffer, from: number, end: number): Reply {
  const lineEnd = bytes.indexOf(LINE_END, from);
  const line = bytes.toString('latin1', from + 1, lineEnd - 1);
  switch (String.fromCharCode(bytes[from]!)) {
    case '+':
      return line;
    case ':':
      return Number(line);
    case '$':
      return line === '-1' ? null : bytes.toString('utf8', lineEnd + 1, end - 2);
    default:
      return { error: line };
  }
}

/** One connection; every break of it is an error of what is asked then. */
export class RespClient {
  readonly socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #replies: Reply[] = [];
  #awaited = 0;
  #answered: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #broken: Error | undefined;

  static async connect(port: number): Promise<RespClient> {
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new RespClient(socket);
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#hear(bytes));
    socket.on('error', error => this.#break(error));
    socket.on('close', () => this.#break(new Error('the server has closed the connection')));
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#failed?.(this.#broken);
  }

  #hear(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let from = 0;
    for (let end = replyEnd(all, from); end >= 0; end = from < all.length ? replyEnd(all, from) : -1) {
      this.#replies.push(replyAt(all, from, end));
      from = end;
    }
    this.#rest = all.subarray(from);
    if (this.#replies.length >= this.#awaited) this.#answered?.();
  }

  /** Asks all at once, and waits for all answers. @throws Error where the connection breaks */
  async ask(commands: readonly string[]): Promise<Reply[]> {
    if (this.#broken !== undefined) throw this.#broken;
    this.#awaited = commands.length;
    await new Promise<void>((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.socket.write(commands.join(''));
    });
    this.#answered = undefined;
    this.#failed = undefined;
    const replies = this.#replies;
    this.#replies = [];
    return replies;
  }

  close(): void {
    this.socket.destroy();
  }
}
