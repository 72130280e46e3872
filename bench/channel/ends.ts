// Both ends of one link, each a process: how long a small frame and its answer take, how fast much goes one way, and how long a
// connection takes to be made. Sends its parent one LinkCosts.
//
//   ends.js call encrypted|clear ROUND-TRIPS MEBIBYTES CONNECTIONS
//   ends.js listen encrypted|clear

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from '../../engine/channel/connect.js';
import type { Link } from '../../engine/channel/link.js';
import { Listener } from '../../engine/channel/listener.js';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { PAYLOAD_BYTES } from '../../engine/snapshot/chunks.js';
import { quantile } from '../host.js';

export interface LinkCosts {
  /** A frame of 100 bytes and one in answer, median and CPU of both processes. */
  readonly roundTripUs: number;
  readonly roundTripCpuUs: number;
  /** A MiB one way, in frames of a snapshot's. */
  readonly mebibyteMs: number;
  readonly mebibyteCpuMs: number;
  /** From the call to both hellos, median. */
  readonly connectionMs: number;
}

const CREDENTIALS = { machine: 'bench', secret: 'for a bench alone' };
const hello = (incarnation: string) => ({ type: 'hello', incarnation, moduleHash: '', options: '{}' }) as const;
const MEBIBYTE = 1 << 20;
const WARM_UP = 0.25;

const [, , mode, how, ...counts] = process.argv;
const encrypted = how === 'encrypted';

/** Answers small frames with themselves; of large ones, the last, which is shorter, with a byte. */
async function listen(): Promise<void> {
  const listener = await Listener.start({
    hello: hello('far'),
    credentials: CREDENTIALS,
    encrypted,
    onLink: link =>
      link.listen({
        message: bytes => {
          if (bytes.length < PAYLOAD_BYTES) link.send(bytes);
        },
        closed: () => undefined,
      }),
  });
  process.on('message', () => process.send?.(cpuUs()));
  process.on('disconnect', () => process.exit());
  process.send?.(listener.address);
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function allCpuUs(other: ChildProcess): Promise<number> {
  other.send('cpu');
  const [theirs] = (await once(other, 'message')) as [number];
  return theirs + cpuUs();
}

/** What comes back, one frame after another. */
function answers(link: Link): () => Promise<void> {
  let heard: () => void = () => undefined;
  link.listen({ message: () => heard(), closed: () => undefined });
  return () =>
    new Promise(resolve => {
      heard = resolve;
    });
}

async function roundTrips(link: Link, other: ChildProcess, count: number) {
  const bytes = new Uint8Array(100);
  const answer = answers(link);
  const times: number[] = [];
  const warmUp = Math.ceil(WARM_UP * count);
  let before = 0;
  for (let at = 0; at < warmUp + count; at += 1) {
    if (at === warmUp) before = await allCpuUs(other);
    const begunMs = performance.now();
    const came = answer();
    link.send(bytes);
    await came;
    if (at >= warmUp) times.push(performance.now() - begunMs);
  }
  const cpu = (await allCpuUs(other)) - before;
  return { roundTripUs: 1000 * quantile(times, 0.5), roundTripCpuUs: cpu / count };
}

async function bulk(link: Link, other: ChildProcess, mebibytes: number) {
  const piece = new Uint8Array(PAYLOAD_BYTES);
  const answer = answers(link);
  const send = async (bytes: number) => {
    const came = answer();
    for (let left = bytes; left > 0; left -= piece.length) {
      if (link.bufferedBytes > BOUNDS.snapshotUnsentBytes) await new Promise<void>(act => link.whenTaken(act));
      link.send(piece);
      // As a snapshot goes: heartbeats get their turn.
      await new Promise(setImmediate);
    }
    link.send(new Uint8Array(1));
    await came;
  };
  await send(Math.ceil(WARM_UP * mebibytes) * MEBIBYTE);
  const before = await allCpuUs(other);
  const begunMs = performance.now();
  await send(mebibytes * MEBIBYTE);
  const ms = performance.now() - begunMs;
  const cpu = (await allCpuUs(other)) - before;
  return { mebibyteMs: ms / mebibytes, mebibyteCpuMs: cpu / 1000 / mebibytes };
}

async function call(): Promise<void> {
  const [trips = 1, mebibytes = 1, connections = 1] = counts.map(Number);
  const other = fork(process.argv[1]!, ['listen', how!]);
  const [address] = (await once(other, 'message')) as [string];
  const options = { address, hello: hello('near'), credentials: CREDENTIALS, encrypted, deadlineMs: 5_000 };
  const times: number[] = [];
  for (let at = 0; at < connections; at += 1) {
    const begunMs = performance.now();
    const link = await connect(options);
    times.push(performance.now() - begunMs);
    await link.close();
  }
  const link = await connect(options);
  const costs: LinkCosts = {
    ...(await roundTrips(link, other, trips)),
    ...(await bulk(link, other, mebibytes)),
    connectionMs: quantile(times, 0.5),
  };
  process.send?.(costs);
  link.terminate();
  other.disconnect();
  process.disconnect?.();
}

await (mode === 'listen' ? listen() : call());
