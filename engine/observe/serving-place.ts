// Where a launcher serves others over HTTP: an address that it can listen at, and that text names as users write it.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EpochvisorError } from '../errors/errors.js';

/** @property port 0: of the kernel's choice */
export interface ServingPlace {
  readonly host: string;
  readonly port: number;
}

/**
 * @param what is served, as the subject of the refusal: `metrics`
 * @throws EpochvisorError METRICS_ADDRESS: it can't listen there
 */
export async function listenAt(server: Server, { host, port }: ServingPlace, what: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === 'EADDRINUSE' ? 'the port is in use' : message;
      reject(
        new EpochvisorError(
          'METRICS_ADDRESS',
          `${what} can't be served on ${placeText(host, port)}: ${why}`,
          'name another',
        ),
      );
    });
    server.listen({ host, port }, resolve);
  });
}

/** Where a server that listens is. */
export function placeOf(server: Server): ServingPlace {
  const { address: host, port } = server.address() as AddressInfo;
  return { host, port };
}

/** `ADDRESS:PORT`, or `[ADDRESS]:PORT`. */
export function placeText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
