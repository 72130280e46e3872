// The bus as a replica sees it: a link that speaks in messages. When to connect again is not decided here.

import { type ConnectOptions, connect } from '../channel/connect.js';
import type { Link, LinkHandlers } from '../channel/link.js';
import type { FromBus, ToBus } from '../protocol/messages.js';
import { decodeFromBus, encodeToBus } from '../wire/packets.js';

export interface BusHandlers {
  readonly message: (message: FromBus) => void;
  /** Once, whoever ended the connection; as of a link. */
  readonly closed: LinkHandlers['closed'];
}

export class BusClient {
  readonly #link: Link;

  /** Rejects as `connect` of the channel: PEER_REFUSED, PEER_UNREACHABLE, LINK_CLOSED; as `admit`. Listen at once. */
  static async connect(options: ConnectOptions, admit: (link: Link) => Link = link => link): Promise<BusClient> {
    return new BusClient(admit(await connect(options)));
  }

  private constructor(link: Link) {
    this.#link = link;
  }

  /** Incarnation of the bus: another one is a bus that was started again. */
  get incarnation(): string {
    return this.#link.peer.incarnation;
  }

  /** Bytes sent that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.#link.bufferedBytes;
  }

  /** Bytes that have come, also of messages that are not whole yet. */
  get arrivedBytes(): number {
    return this.#link.arrivedBytes;
  }

  listen(handlers: BusHandlers): void {
    this.#link.listen({ message: bytes => handlers.message(decodeFromBus(bytes)), closed: handlers.closed });
  }

  /** @returns whether the connection is open */
  send(message: ToBus): boolean {
    return this.#link.send(encodeToBus(message));
  }

  flush(): void {
    this.#link.flush();
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  terminate(): void {
    this.#link.terminate();
  }
}
