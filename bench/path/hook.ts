// Loaded before anything else into launcher, replicas and guest threads by main.ts, and by nothing else: notes when an answer
// passes which place, so that production code needs to note nothing.
//
// Methods of production classes are wrapped. Times are those of the host's monotonic clock, the same for every process.

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';
import { SocketListener } from '../../devices/listener/socket-listener.js';
import { Link } from '../../engine/channel/link.js';
import { Bus } from '../../engine/protocol/bus/bus.js';
import { Channel } from '../../engine/protocol/channel.js';
import { GuestEnd } from '../../engine/threads/guest-end.js';
import { FOLDER_VARIABLE, type Place } from './places.js';

/** What was noted meanwhile is written to the file together: the answer that pays for it is one of many. */
const GATHERED_MS = 200;
/** First bytes of packets (wire/packets.ts). */
const LOG = 0x10;
const ACKNOWLEDGEMENT = 0x11;
const OUTPUT = 0x21;
const INTERRUPT = 0x33;

const file = join(process.env[FOLDER_VARIABLE]!, `${process.pid}-${threadId}`);
let lines: string[] = [];
let writtenMs = performance.now();

function note(place: Place): void {
  lines.push(`${process.hrtime.bigint()} ${place}\n`);
  const nowMs = performance.now();
  if (nowMs - writtenMs < GATHERED_MS) return;
  writtenMs = nowMs;
  appendFileSync(file, lines.join(''));
  lines = [];
}

/** Calls `before` with the arguments of each call of a method. */
function wrap<T, K extends keyof T>(prototype: T, name: K, before: (argument: never, second: never) => void): void {
  const original = prototype[name] as (...given: unknown[]) => unknown;
  prototype[name] = function (this: T, ...given: unknown[]) {
    before(given[0] as never, given[1] as never);
    return original.apply(this, given);
  } as T[K];
}

interface Told {
  readonly type: string;
  readonly message?: {
    readonly type: string;
    readonly interrupt?: { readonly kind: string };
    readonly output?: { type: string };
  };
  readonly output?: { readonly type: string };
}

if (isMainThread) {
  wrap(Bus.prototype, 'step', (event: Told) => {
    if (event.type === 'input') note('arrived');
    if (event.message?.output?.type === 'stream') note('at the bus');
  });
  wrap(SocketListener.prototype, 'write', () => note('written'));
  wrap(Channel.prototype, 'step', (event: Told) => {
    if (event.message?.interrupt?.kind === 'stream') note('at the primary');
    if (event.message?.type === 'log') note('at the backup');
    if (event.message?.type === 'acknowledgement') note('acknowledged');
    if (event.type === 'output' && event.output?.type === 'stream') note('output taken');
  });
  wrap(Link.prototype, 'send', (bytes: Uint8Array) => {
    if (bytes[0] === INTERRUPT) note('interrupt sent');
    if (bytes[0] === LOG) note('log sent');
    if (bytes[0] === ACKNOWLEDGEMENT) note('acknowledgement sent');
    if (bytes[0] === OUTPUT) note('output sent');
  });
} else {
  wrap(GuestEnd.prototype, 'log', (entry: Told) => {
    if (entry.type === 'end') note('epoch ended');
  });
  wrap(GuestEnd.prototype, 'output', (_: number, output: Told) => {
    if (output.type === 'stream') note('answered');
  });
}
