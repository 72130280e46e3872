// A wire between a caller and a listener that can be tapped, altered and cut: a TCP proxy on loopback.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Direction = 'toListener' | 'toCaller';

/** What becomes of a chunk on its way; undefined: the wire is cut there. */
export type Alter = (direction: Direction, chunk: Buffer, sent: number) => Buffer | undefined;

export interface TappedWire {
  /** Of the wire: as the listener's, with another port. */
  readonly address: string;
  /** All that crossed it, in pieces as they came. */
  readonly crossed: readonly { readonly direction: Direction; readonly chunk: Buffer }[];
  bytes(direction: Direction): Buffer;
  close(): Promise<void>;
}

export async function startProxy(address: string, alter: Alter = (_, chunk) => chunk): Promise<TappedWire> {
  const { hostname, port, protocol } = new URL(address);
  const crossed: { direction: Direction; chunk: Buffer }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(caller => {
    const listener = connect(Number(port), hostname);
    const sent = { toListener: 0, toCaller: 0 };
    const pass = (direction: Direction, from: Socket, to: Socket) => {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('data', chunk => {
        const altered = alter(direction, chunk, sent[direction]);
        sent[direction] += chunk.length;
        if (altered === undefined) {
          from.destroy();
          return;
        }
        crossed.push({ direction, chunk: altered });
        to.write(altered);
      });
      from.on('end', () => to.end());
    };
    pass('toListener', caller, listener);
    pass('toCaller', listener, caller);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`,
    crossed,
    bytes: wanted => Buffer.concat(crossed.flatMap(({ direction, chunk }) => (direction === wanted ? [chunk] : []))),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** Says to whoever calls what was said on another connection, and hears what it says. */
export async function startReplay(scheme: 'ws' | 'wss', said: Buffer) {
  const heard: Buffer[] = [];
  const server = createServer(socket => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(said));
    socket.on('data', chunk => heard.push(chunk));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { address, heard, close: () => new Promise(resolve => server.close(resolve)) };
}
