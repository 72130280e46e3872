// The one place that opens sockets: those that listen, and those that may connect. What is not asked for is not loaded: a start
// costs what it loads.

import type { SocketAddress } from './connection/socket-address.js';
import { FIRST_CONNECTOR } from './connector/connector-commands.js';
import type { OperationDevice, SourceDevice } from './device.js';

export interface SocketSources {
  readonly listen?: readonly SocketAddress[] | undefined;
  readonly connect?: readonly { readonly address: SocketAddress }[] | undefined;
}

export interface OpenedSockets {
  readonly streams: readonly SourceDevice[];
  /** By the numbers that guests use. */
  readonly devices: ReadonlyMap<number, OperationDevice>;
  /** Where it listens, in the order of `listen`, ports of the kernel's choice filled in. */
  readonly addresses: readonly SocketAddress[];
}

/**
 * @param memory folder in which a listener remembers what a bus that is started again is to know
 * @throws EpochvisorError LISTEN_IN_USE, LISTEN_FAILED; MEMORY_CORRUPT, MEMORY_FAILED, MEMORY_FULL
 */
export async function openSockets(
  { listen = [], connect = [] }: SocketSources,
  memory?: string,
): Promise<OpenedSockets> {
  const streams: SourceDevice[] = [];
  const devices = new Map<number, OperationDevice>();
  let addresses: readonly SocketAddress[] = [];
  if (listen.length > 0) {
    const { SocketListener } = await import('./listener/socket-listener.js');
    const listener = await SocketListener.open(listen, memory);
    streams.push(listener);
    addresses = listener.addresses;
  }
  if (connect.length > 0) {
    const { SocketConnector } = await import('./connector/socket-connector.js');
    const connector = new SocketConnector(connect.map(({ address }) => address));
    streams.push(connector);
    for (const [index, device] of connector.devices.entries()) devices.set(FIRST_CONNECTOR + index, device);
  }
  return { streams, devices, addresses };
}
