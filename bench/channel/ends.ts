// Both ends of one link, each a process: how long a small frame and its answer take, how fast a snapshot goes from one to the other,
// encoded here and decoded there as for a replica that joins, and how long a connection takes to be made. Sends its parent one
// LinkCosts.
//
//   ends.js call encrypted|clear ROUND-TRIPS CONNECTIONS TIMES SNAPSHOT
//   ends.js listen encrypted|clear

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from '../../engine/channel/connect.js';
import type { Link } from '../../engine/channel/link.js';
import { Listener } from '../../engine/channel/listener.js';
import { transfer } from '../../engine/driver/transfer.js';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { peerLink } from '../../engine/replica/replica.js';
import { readSnapshotFile } from '../../engine/replica/snapshot-file.js';
import { TIMERS } from '../../engine/replica/thread-host.js';
import { SnapshotDecoder } from '../../engine/snapshot/snapshot-decoder.js';
import { encodeSnapshot } from '../../engine/snapshot/snapshot-encoder.js';
import { snapshotPiece } from '../../engine/wire/packets.js';
import { quantile } from '../host.js';

export interface LinkCosts {
  /** A frame of 100 bytes and one in answer, median and CPU of both processes. */
  readonly roundTripUs: number;
  readonly roundTripCpuUs: number;
  /** A MiB of a snapshot. */
  readonly mebibyteMs: number;
  readonly mebibyteCpuMs: number;
  /** From the call to both hellos, median. */
  readonly connectionMs: number;
}

const CREDENTIALS = { machine: 'bench', secret: 'for a bench alone' };
const hello = (incarnation: string) => ({ type: 'hello', incarnation, moduleHash: '', options: '{}' }) as const;
const MEBIBYTE = 1 << 20;
const WARM_UP = 0.25;

const [, , mode, how, ...rest] = process.argv;
const encrypted = how === 'encrypted';

/** Answers frames with themselves, and whole snapshots with a byte. */
async function listen(): Promise<void> {
  let decoder = new SnapshotDecoder();
  const listener = await Listener.start({
    hello: hello('far'),
    credentials: CREDENTIALS,
    encrypted,
    onLink: link =>
      link.listen({
        message: bytes => {
          const piece = snapshotPiece(bytes);
          if (piece === undefined) {
            link.send(bytes);
            return;
          }
          decoder.push(piece);
          if (!decoder.complete) return;
          decoder = new SnapshotDecoder();
          link.send(Uint8Array.of(0));
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

async function snapshots(link: Link, other: ChildProcess, times: number, path: string) {
  const snapshot = await readSnapshotFile(path);
  const mebibytes = [...encodeSnapshot(snapshot)].reduce((sum, piece) => sum + piece.length, 0) / MEBIBYTE;
  const answer = answers(link);
  const send = async () => {
    const came = answer();
    const pieces = encodeSnapshot(snapshot)[Symbol.iterator]();
    transfer(pieces, peerLink(link), BOUNDS.snapshotUnsentBytes, TIMERS, () => true);
    await came;
  };
  await send();
  const before = await allCpuUs(other);
  const begunMs = performance.now();
  for (let at = 0; at < times; at += 1) await send();
  const ms = performance.now() - begunMs;
  const cpu = (await allCpuUs(other)) - before;
  return { mebibyteMs: ms / (times * mebibytes), mebibyteCpuMs: cpu / 1000 / (times * mebibytes) };
}

async function call(): Promise<void> {
  const [trips = 1, connections = 1, repeats = 1] = rest.map(Number);
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
    ...(await snapshots(link, other, repeats, rest.at(-1)!)),
    connectionMs: quantile(times, 0.5),
  };
  process.send?.(costs);
  link.terminate();
  other.disconnect();
  process.disconnect?.();
}

await (mode === 'listen' ? listen() : call());
