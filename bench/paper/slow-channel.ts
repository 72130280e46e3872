// Loaded before anything else into replicas by machine.ts, and by nothing else: the channel between them is as slow as its
// variable says, in the paper's experiments as their Ethernet.
//
// Replicas find each other by what they announce at the arbiter. Here each announces a door of its own in place of the port
// that it listens on: what comes in there goes on to that port, later. Both directions share one line, as on an Ethernet.

import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { MemberFolder } from '../../engine/arbiter/member-folder.js';
import { at } from './exactly.js';
import { SLOW_CHANNEL_VARIABLE, type SlowChannel } from './published.js';

const { roundTripMs, bitsPerMs } = JSON.parse(process.env[SLOW_CHANNEL_VARIABLE]!) as SlowChannel;
/** Bytes on the line beyond which nothing more is taken: some ten milliseconds of an Ethernet. */
const ON_LINE_MAX = Math.max(16 * 1024, (bitsPerMs * (roundTripMs + 10)) / 8);

let lineFreeMs = 0;

function carry(from: Socket, to: Socket): void {
  const onLine: { readonly dueMs: number; readonly bytes: Buffer }[] = [];
  let bytesOnLine = 0;
  // One wait at a time: two could end in another order.
  const arrive = () => {
    while (onLine[0] !== undefined && onLine[0].dueMs <= performance.now()) {
      const { bytes } = onLine.shift()!;
      bytesOnLine -= bytes.length;
      if (!to.destroyed) to.write(bytes);
    }
    if (bytesOnLine <= ON_LINE_MAX) from.resume();
    if (onLine[0] !== undefined) at(onLine[0].dueMs, arrive);
  };
  from.on('data', (bytes: Buffer) => {
    lineFreeMs = Math.max(lineFreeMs, performance.now()) + (8 * bytes.length) / bitsPerMs;
    onLine.push({ dueMs: lineFreeMs + roundTripMs / 2, bytes });
    bytesOnLine += bytes.length;
    if (bytesOnLine > ON_LINE_MAX) from.pause();
    if (onLine.length === 1) at(onLine[0]!.dueMs, arrive);
  });
  from.on('error', () => undefined);
  // Its end is noticed at once, as that of a process is.
  from.on('close', () => to.destroy());
}

/** @returns the address of a door to `address` */
async function door(address: string): Promise<string> {
  const { hostname, port } = new URL(address);
  const server = createServer(inward => {
    const onward = createConnection({ host: hostname, port: Number(port), noDelay: true });
    inward.setNoDelay(true);
    carry(inward, onward);
    carry(onward, inward);
  });
  server.unref();
  await new Promise<void>(resolve => server.listen(0, hostname, resolve));
  return `ws://${hostname}:${(server.address() as AddressInfo).port}`;
}

if (isMainThread) {
  const { announce } = MemberFolder.prototype;
  const doors = new Map<string, Promise<string>>();
  MemberFolder.prototype.announce = async function (about, named) {
    const { kind, address } = about;
    if (kind === 'bus') return announce.call(this, about, named);
    if (!doors.has(address)) doors.set(address, door(address));
    return announce.call(this, { ...about, address: (await doors.get(address))! }, named);
  };
}
