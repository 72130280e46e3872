// Replicas that are told nothing but what they are started with find bus and peers by the records at the arbiter.

import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CapturedConsole } from '../../devices/console/captured-console.js';
import { STDOUT } from '../../devices/console/console-streams.js';
import { FolderArbiter } from '../../engine/arbiter/folder-arbiter.js';
import { BusServer } from '../../engine/bus/server.js';
import { comparedOptions } from '../../engine/channel/compared-options.js';
import type { ReplicaProcess } from '../../engine/launch/replica-process.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { DEFAULT_TIMING, type FromReplica } from '../../engine/replica/replica-configuration.js';
import { guest } from '../end-to-end/command.js';
import { OPTIONS } from '../snapshot/guest-host.js';

// As compiled: a process is started from the file beside it.
const BUILT = '../../dist/engine/launch/replica-process.js';
const built = (await import(BUILT)) as typeof import('../../engine/launch/replica-process.js');

const SECRET = 'not to be told';
const VIEW: View = { number: 1, machine: 'm', primary: 'a', backups: ['b'], claim: 'first' };

let folder: string;
let arbiter: FolderArbiter;
let bus: BusServer;
let stdout: CapturedConsole;
const replicas: ReplicaProcess[] = [];
const said = new Map<string, FromReplica[]>();

/** Sends one message, `start`, and none after it. */
function start(incarnation: string, view: View | undefined, name: string): ReplicaProcess {
  const module = openSync(guest(name), 'r');
  const messages: FromReplica[] = [];
  said.set(incarnation, messages);
  const replica = new built.ReplicaProcess(incarnation, false, module, {
    heard: message => messages.push(message),
    ended: () => undefined,
  });
  closeSync(module);
  replicas.push(replica);
  replica.send({
    type: 'start',
    configuration: {
      machine: 'm',
      incarnation,
      secret: SECRET,
      ...(view === undefined ? {} : { view }),
      moduleHash: hashOf(name),
      moduleCache: true,
      options: OPTIONS,
      arbiter: folder,
      timing: DEFAULT_TIMING,
      backupsWanted: 1,
    },
  });
  return replica;
}

function hashOf(name: string): string {
  return createHash('sha256')
    .update(readFileSync(guest(name)))
    .digest('hex');
}

async function startBus(name: string): Promise<void> {
  stdout = new CapturedConsole(new Uint8Array(0));
  bus = await BusServer.start({
    credentials: { machine: 'm', secret: SECRET },
    moduleHash: hashOf(name),
    options: comparedOptions(OPTIONS),
    operationIds: true,
    streams: [stdout],
    devices: new Map(),
  });
  await arbiter.announce('m', { incarnation: bus.incarnation, kind: 'bus', address: bus.address });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-parentless-'));
  arbiter = await FolderArbiter.open(folder);
  await arbiter.claim(VIEW);
});
afterEach(async () => {
  for (const replica of replicas.splice(0)) {
    replica.kill();
    await replica.ended;
  }
  await bus.close();
  rmSync(folder, { recursive: true, force: true });
});

const types = (incarnation: string) => said.get(incarnation)!.map(({ type }) => type);

test('a pair runs to its end, the one that starts first too early for bus and peer', async () => {
  start('a', VIEW, 'hello');
  await expect.poll(async () => (await arbiter.members('m')).length, { timeout: 10_000 }).toBe(1);
  await startBus('hello');
  start('b', VIEW, 'hello');
  expect(await bus.finished).toEqual({ kind: 'exit', status: 0 });
  expect(Buffer.from(stdout.bytes(STDOUT)).toString()).toContain('Hello');
  expect(types('a')).toContain('running');
});

test('one that joins finds its primary among records of the dead, and is named', async () => {
  // Nobody has this port; somebody else has the other.
  await arbiter.announce('m', { incarnation: 'dead-1', kind: 'replica', address: 'ws://127.0.0.1:1' });
  await arbiter.announce('m', { incarnation: 'dead-bus', kind: 'bus', address: 'ws://127.0.0.1:1' });
  await startBus('spin');
  await arbiter.announce('m', { incarnation: 'dead-2', kind: 'replica', address: bus.address });
  start('a', VIEW, 'spin');
  const b = start('b', VIEW, 'spin');
  await expect.poll(() => types('b'), { timeout: 20_000 }).toContain('running');
  // One that dies before anybody has met it is waited for as long as a start may take.
  const announced = async () => (await arbiter.members('m')).map(({ incarnation }) => incarnation);
  await expect.poll(announced, { timeout: 20_000 }).toContain('b');
  b.kill();
  await b.ended;
  start('c', undefined, 'spin');
  await expect.poll(() => types('c'), { timeout: 20_000 }).toContain('named');
  expect(await arbiter.latest('m')).toMatchObject({ primary: 'a', backups: ['c'] });
  // The dead of that name may stay: they are hints.
  expect((await arbiter.members('m')).map(({ incarnation }) => incarnation)).toContain('b');
});
