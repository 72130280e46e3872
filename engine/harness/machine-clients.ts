// Where a machine in a test listens, and its clients.

import { describeSocketAddress, type SocketAddress } from '../../devices/connection/socket-address.js';
import { EpochvisorError } from '../errors/errors.js';
import { MachineClient } from './machine-client.js';

export class MachineClients {
  readonly addresses: readonly SocketAddress[];
  /** As the test has written them. */
  readonly #names: readonly string[];
  readonly #clients: MachineClient[] = [];

  /** @param addresses in the order of the names, ports filled in */
  constructor(addresses: readonly SocketAddress[], names: string | readonly string[] = []) {
    this.#names = typeof names === 'string' ? [names] : names;
    this.addresses = addresses;
  }

  get haveSpoken(): boolean {
    return this.#clients.length > 0;
  }

  /** @throws EpochvisorError NOT_LISTENING */
  get port(): number {
    const port = this.addresses.find(one => one.kind === 'tcp')?.port;
    return port ?? this.#notListening('a port');
  }

  /** @param to a port, an address as it was written or as it is; left out: the first */
  async connect(to?: number | string): Promise<MachineClient> {
    const client = await MachineClient.connect(this.#find(to));
    this.#clients.push(client);
    return client;
  }

  #find(to: number | string | undefined): SocketAddress {
    const { addresses } = this;
    const isMeant = (address: SocketAddress, index: number) =>
      to === undefined ||
      this.#names[index] === to ||
      describeSocketAddress(address) === to ||
      (address.kind === 'tcp' && address.port === to);
    return addresses.find(isMeant) ?? this.#notListening(to === undefined ? 'anything' : String(to));
  }

  #notListening(what: string): never {
    const there = this.addresses.map(describeSocketAddress).join(', ') || 'nowhere';
    const message = `the machine does not listen on ${what}; where it does: ${there}`;
    throw new EpochvisorError('NOT_LISTENING', message, "launch it with listen: '127.0.0.1:0'");
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
