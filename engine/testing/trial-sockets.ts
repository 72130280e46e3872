// The sockets of a trial: its own, so that several run at once, and everything noted that leaves the machine by them.

import { join } from 'node:path';
import type { SocketAddress } from '../../devices/connection/socket-address.js';
import { hostMs } from '../../devices/console/captured-console.js';
import type { SourceDevice } from '../../devices/device.js';
import { type OpenedSockets, openSockets, type SocketSources } from '../../devices/open-sockets.js';

/** What has left by connections. */
export class SentBytes {
  readonly #pieces = new Map<number, Buffer[]>();
  readonly #timesMs: number[] = [];

  note(stream: number, bytes: Uint8Array): void {
    const pieces = this.#pieces.get(stream) ?? [];
    this.#pieces.set(stream, pieces);
    // A copy: the bytes may lie in a buffer that the socket uses again.
    pieces.push(Buffer.from(bytes));
    this.#timesMs.push(hostMs());
  }

  /** All of each connection, by its stream. */
  get all(): readonly (readonly [stream: number, bytes: Uint8Array])[] {
    return [...this.#pieces].map(([stream, pieces]) => [stream, Buffer.concat(pieces)]);
  }

  firstByteAfter(momentMs: number): number | undefined {
    return this.#timesMs.find(ms => ms >= momentMs);
  }
}

/**
 * @param listen its hosts count: ports are the kernel's choice, and socket files are in `folder`
 * @throws EpochvisorError LISTEN_FAILED
 */
export async function openTrialSockets(
  { listen = [], connect = [] }: SocketSources,
  folder: string,
): Promise<OpenedSockets & { readonly sent: SentBytes }> {
  const own = listen.map(
    (address, index): SocketAddress =>
      address.kind === 'tcp' ? { ...address, port: 0 } : { kind: 'unix', path: join(folder, `socket-${index}`) },
  );
  const opened = await openSockets({ listen: own, connect });
  const sent = new SentBytes();
  return { ...opened, streams: opened.streams.map(device => noting(device, sent)), sent };
}

function noting(device: SourceDevice, sent: SentBytes): SourceDevice {
  return {
    class: device.class,
    inputs: device.inputs,
    outputs: device.outputs,
    sources: device.sources,
    start: sink => device.start(sink),
    write: (stream, offset, bytes) => {
      sent.note(stream, bytes);
      device.write(stream, offset, bytes);
    },
    endStream: (stream, offset) => device.endStream(stream, offset),
    closeStream: (stream, offset) => device.closeStream(stream, offset),
    pause: stream => device.pause(stream),
    resume: stream => device.resume(stream),
    close: () => device.close(),
  };
}
