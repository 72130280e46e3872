// When checkpoints are taken, how they are written, and what is dropped for them: a replica's ports, and files.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReplicaPorts } from '../../engine/driver/ports.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { GuestState } from '../../engine/guest/guest-state.js';
import { type CheckpointPace, Checkpoints } from '../../engine/log/checkpoints.js';
import { LogWriter } from '../../engine/log/log-writer.js';
import { Retention } from '../../engine/log/retention.js';
import { HOST } from '../../engine/recording/host-disk.js';
import { openLogs } from '../../engine/recording/host-logs.js';
import type { SnapshotRequest } from '../../engine/threads/snapshot-io-end.js';

let folder: string;
let writer: LogWriter;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-checkpoints-'));
  const header = { machine: 'm', incarnation: 'me', moduleHash: '', description: new Uint8Array() };
  writer = new LogWriter({ host: HOST, folder: join(folder, 'me'), header, ended: () => expect.unreachable() });
});
afterEach(async () => {
  await writer.closed();
  rmSync(folder, { recursive: true });
});

/** Requests that were made, and what is encoded of a state: an iterator of pieces. */
function guestWith(pace: CheckpointPace, pieces: () => Iterator<Uint8Array>) {
  const requests: SnapshotRequest<GuestState>[] = [];
  const given: (() => void)[] = [];
  const ports = {
    guest: { requestSnapshot: (request: SnapshotRequest<GuestState>) => requests.push(request) },
    pieces: (_: GuestState, then: (pieces: Iterator<Uint8Array>) => void) => given.push(() => then(pieces())),
  } as unknown as ReplicaPorts<GuestState>;
  const heading = () => writer.record({ type: 'live', atMs: 0, epoch: 0, uncertain: 0 });
  const retention = new Retention(writer);
  const checkpoints = new Checkpoints(ports, { writer, pace, retention, heading, gone: () => [] });
  let position = 0;
  return {
    checkpoints,
    requests,
    log: (bytes: number) => {
      writer.logged(position, { entries: 1, bytes: new Uint8Array(bytes) });
      position += 1;
      checkpoints.logged(bytes);
    },
    take: () => requests.shift()!.taken(position, { position, count: 0, execution: { epoch: 1 } } as GuestState),
    give: () => given.shift()!(),
  };
}

async function written(): Promise<string[]> {
  await writer.closed();
  return readdirSync(join(folder, 'me'));
}

test('by how much was logged; one at a time, and what was refused is asked for again', () => {
  const { checkpoints, requests, log, take, give } = guestWith({ everyBytes: 100 }, function* () {
    yield Uint8Array.of(1);
  });
  log(99);
  expect(requests).toHaveLength(0);
  log(1);
  log(500);
  expect(requests).toHaveLength(1);
  requests.shift()!.failed(new EpochvisorError('NOT_SNAPSHOTABLE', 'not now'));
  log(100);
  expect(requests).toHaveLength(1);
  take();
  log(100);
  expect(requests).toHaveLength(0);
  give();
  log(100);
  expect(requests).toHaveLength(1);
  checkpoints.end();
});

test('each begins a segment, with what it needs; what precedes two is dropped, and one that is not whole counts for nothing', async () => {
  let isStuck = false;
  const { log, take, give, requests } = guestWith({ everyBytes: 1 }, function* () {
    yield Uint8Array.of(1);
    while (isStuck) yield Uint8Array.of(2);
  });
  for (let at = 0; at < 2; at++) {
    log(1);
    take();
    give();
  }
  expect(writer.segments.map(({ number }) => number)).toEqual([2, 3]);
  isStuck = true;
  log(1);
  take();
  give();
  // It is being written, for ever: the two before it are kept, and what is logged meanwhile stands behind its beginning.
  await turn();
  log(1);
  expect([requests.length, writer.segments.map(({ number }) => number)]).toEqual([0, [2, 3, 4]]);
  isStuck = false;
  while (requests.length === 0) {
    await turn();
    log(1);
  }
  expect(writer.segments.map(({ number }) => number)).toEqual([3, 4]);
  expect(await written()).toEqual(['00000003.epvlog', '00000004.epvlog']);
  const [stored] = openLogs(folder);
  const types = [...stored!.records()].map(({ type }) => type);
  expect(types.slice(0, 5)).toEqual(['live', 'begins', 'piece', 'checkpoint', 'log']);
  expect(types.filter(type => type === 'begins')).toHaveLength(2);
});

test('it is written as fast as it can be, in turns that are short', async () => {
  let [turns, pieces, slowMs] = [0, 0, 0];
  const { log, take, give, requests } = guestWith({ everyBytes: 1 }, function* () {
    for (pieces = 0; pieces < 40; pieces++) {
      const untilMs = performance.now() + slowMs;
      while (performance.now() < untilMs);
      yield Uint8Array.of(1);
    }
  });
  const turnsFor = async (ms: number) => {
    slowMs = ms;
    log(1);
    take();
    give();
    for (turns = 0; pieces < 40; turns++) await turn();
    return turns;
  };
  // Each of these takes longer than a turn may: others get theirs after each.
  expect(await turnsFor(3)).toBeGreaterThanOrEqual(39);
  requests.length = 0;
  expect(await turnsFor(0)).toBeLessThan(39);
});
