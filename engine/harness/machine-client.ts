// A client of a guest that listens, in the hands of a test: it says something, and looks at what it is answered.

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { describeSocketAddress, netAddress, type SocketAddress } from '../../devices/connection/socket-address.js';
import { EpochvisorError } from '../errors/errors.js';
import { describeDifference, firstDifference } from '../testing/difference.js';
import { Changes } from './awaited-change.js';
import { Transcript } from './output-transcript.js';

export class MachineClient {
  readonly socket: Socket;
  /** All that it was answered. */
  readonly received: Transcript;
  readonly #changes = new Changes();
  readonly #address: string;
  /** How its connection ended: the guest's end, or a reset; undefined: it stands. */
  ended: 'end' | 'reset' | undefined;
  /** What `expect` has looked at. */
  #seen = 0;
  /** This side broke it off. */
  #isClosed = false;

  /** @throws EpochvisorError CONNECT_FAILED */
  static async connect(address: SocketAddress): Promise<MachineClient> {
    const client = new MachineClient(address);
    try {
      await once(client.socket, 'connect');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const where = describeSocketAddress(address);
      throw new EpochvisorError('CONNECT_FAILED', `nobody answers at ${where}: ${code ?? message}`, 'name a listener');
    }
    return client;
  }

  private constructor(address: SocketAddress) {
    this.#address = describeSocketAddress(address);
    this.received = new Transcript(`the connection to ${this.#address}`, this.#changes);
    this.socket = createConnection({ ...netAddress(address), allowHalfOpen: true, noDelay: true });
    this.socket.on('data', (bytes: Buffer) => this.received.add(bytes));
    this.socket.on('end', () => this.#end('end'));
    this.socket.on('error', () => this.#end('reset'));
    this.socket.on('close', () => this.#end('reset'));
  }

  #end(how: 'end' | 'reset'): void {
    if (this.#isClosed) return;
    this.ended ??= how;
    const what = this.ended === 'end' ? 'the guest has ended the connection' : 'the connection was reset';
    this.#changes.end(new EpochvisorError('CONNECTION_OVER', what));
  }

  send(said: string | Uint8Array): void {
    this.socket.write(said);
  }

  /**
   * Waits for this answer, right behind what was expected before; a pattern has to match what has come since.
   * @returns what it has taken
   * @throws EpochvisorError ANSWER_DIFFERS, CONNECTION_OVER, WAITED_TOO_LONG
   */
  async expect(answer: string | Uint8Array | RegExp): Promise<string> {
    const since = () => this.received.bytes.subarray(this.#seen);
    if (answer instanceof RegExp) {
      const matched = () => answer.exec(since().toString('latin1')) ?? undefined;
      const match = await this.#changes.until(matched, () => `${answer} on ${this.received.name}`);
      const taken = since().subarray(0, match.index + match[0].length);
      this.#seen += taken.length;
      return taken.toString();
    }
    const expected = Buffer.from(answer);
    await this.#changes.until(
      // As soon as a byte differs there is no more to wait for.
      () =>
        since().length >= expected.length || !expected.subarray(0, since().length).equals(since()) ? true : undefined,
      () =>
        `${JSON.stringify(expected.toString())} on ${this.received.name}, where ${JSON.stringify(since().toString())} came`,
    );
    const difference = firstDifference(expected, since().subarray(0, expected.length));
    if (difference !== undefined) {
      throw new EpochvisorError(
        'ANSWER_DIFFERS',
        `the answer of ${this.#address} differs at ${describeDifference(difference)}`,
      );
    }
    this.#seen += expected.length;
    return expected.toString();
  }

  /** Says something and waits for the answer. */
  async ask(said: string | Uint8Array, answer: string | Uint8Array | RegExp): Promise<string> {
    this.send(said);
    return await this.expect(answer);
  }

  /** Ends this side, and waits for the guest's end; what it was answered meanwhile is in `received`. @throws EpochvisorError CONNECTION_OVER where it is reset */
  async end(): Promise<void> {
    this.socket.end();
    const ended = () => this.ended;
    const how = await this.#changes.until(ended, () => `the guest's end of ${this.received.name}`);
    if (how === 'reset') throw new EpochvisorError('CONNECTION_OVER', `${this.received.name} was reset`);
    this.socket.destroy();
  }

  /** Breaks it off. */
  close(): void {
    this.#isClosed = true;
    this.socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
