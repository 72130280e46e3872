// The one place that opens sockets: what a machine listens on and connects to, as streams and operations of its bus.

import type { SocketAddress } from './connection/socket-address.js';
import { FIRST_CONNECTOR } from './connector/connector-commands.js';
import type { OperationDevice, SourceDevice } from './device.js';

export interface OpenedSockets {
  readonly streams: readonly SourceDevice[];
  /** By the numbers that guests use. */
  readonly devices: ReadonlyMap<number, OperationDevice>;
  /** Where it listens: a port may be the kernel's choice. */
  readonly addresses: readonly SocketAddress[];
}

/**
 * What is not asked for is not loaded: a start costs what it loads.
 * @param memory folder in which a listener remembers what a bus that is started again is to know
 * @throws EpochvisorError LISTEN_IN_USE, LISTEN_FAILED
 */
export async function openSocketDevices(
  listen: readonly SocketAddress[],
  connect: readonly SocketAddress[],
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
    const connector = new SocketConnector(connect);
    streams.push(connector);
    for (const [index, device] of connector.devices.entries()) devices.set(FIRST_CONNECTOR + index, device);
  }
  return { streams, devices, addresses };
}
