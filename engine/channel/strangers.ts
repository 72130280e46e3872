// Strangers: connections of which nobody knows yet whether they belong to the machine.
//
// They cost descriptors and memory, so there are at most STRANGERS_MAX of them, each for HELLO_MAX_MS and HELLO_MAX_BYTES. Where
// another comes the oldest gives way: a caller of this machine is a stranger for some milliseconds, so that those who say nothing
// can't keep it out, however many they are; whoever is sent away all the same calls again. Of each that is not taken one reason is
// told, in one line.

import type { Socket } from 'node:net';
import { EpochvisorError } from '../errors/errors.js';
import { HELLO_MAX_MS } from './hello.js';

/** Some for each member that reconnects, and as many more as cost nothing that counts. */
export const STRANGERS_MAX = 64;

export class Stranger {
  /** Where it calls from: `127.0.0.1:4000`. */
  readonly origin: string;
  readonly #socket: Socket;
  readonly #tell: (reason: EpochvisorError) => void;
  readonly #late: NodeJS.Timeout;
  #isDecided = false;
  /** Its hello is awaited, by one who hears of its end and knows why. */
  isHeard = false;

  constructor(socket: Socket, origin: string, tell: (reason: EpochvisorError) => void) {
    this.origin = origin;
    this.#socket = socket;
    this.#tell = tell;
    this.#late = setTimeout(
      () => this.turnAway(new EpochvisorError('HELLO_LATE', `${this.who} did not say who it is in time`)),
      HELLO_MAX_MS,
    );
    socket.once('close', () => clearTimeout(this.#late));
  }

  /** For messages. */
  get who(): string {
    return `who calls from ${this.origin}`;
  }

  /** Why it is not taken; of several reasons the first is told. */
  refused(reason: EpochvisorError): void {
    if (this.#isDecided) return;
    this.#isDecided = true;
    this.#tell(reason);
  }

  /** It belongs to the machine. */
  accepted(): void {
    clearTimeout(this.#late);
    this.#isDecided = true;
  }

  /** Ends the connection at once; without a reason nothing is told. */
  turnAway(reason?: EpochvisorError): void {
    if (reason === undefined) this.#isDecided = true;
    else this.refused(reason);
    this.#socket.destroy();
  }
}

export class Strangers {
  readonly #tell: (reason: EpochvisorError) => void;
  /** By where they call from, the oldest first. TLS has a socket of its own over the one that was accepted. */
  readonly #held = new Map<string, Stranger>();

  constructor(tell: (reason: EpochvisorError) => void) {
    this.#tell = tell;
  }

  /** A connection as it was accepted, with nothing read of it. */
  arrived(socket: Socket): void {
    const origin = originOf(socket);
    if (origin === undefined) {
      socket.destroy();
      return;
    }
    const [oldest] = this.#held.values();
    if (oldest !== undefined && this.#held.size >= STRANGERS_MAX) {
      const reason = `${oldest.who} gave way to others before it said who it is`;
      this.#forget(oldest);
      oldest.turnAway(new EpochvisorError('HELLO_LATE', reason));
    }
    const stranger = new Stranger(socket, origin, this.#tell);
    this.#held.set(origin, stranger);
    socket.once('close', () => {
      if (!stranger.isHeard) {
        stranger.refused(new EpochvisorError('LINK_CLOSED', `${stranger.who} left before it said who it is`));
      }
      this.#forget(stranger);
    });
  }

  /** Of a socket that is open: the one that was accepted, or that of TLS over it. */
  of(socket: Socket): Stranger | undefined {
    return this.#held.get(originOf(socket) ?? '');
  }

  accepted(stranger: Stranger): void {
    stranger.accepted();
    this.#forget(stranger);
  }

  /** Ends them all, and says nothing of it. */
  turnAllAway(): void {
    for (const stranger of this.#held.values()) stranger.turnAway();
  }

  #forget(stranger: Stranger): void {
    const { origin } = stranger;
    if (this.#held.get(origin) === stranger) this.#held.delete(origin);
  }
}

/** undefined: it has ended already. */
function originOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remotePort === undefined ? undefined : `${remoteAddress}:${remotePort}`;
}
