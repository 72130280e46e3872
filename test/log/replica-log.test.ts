// What lies around a replica's ports writes down what it logs, and lets everything through as it is.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PeerHandlers, PeerLink, ReplicaPorts } from '../../engine/driver/ports.js';
import type { GuestState } from '../../engine/guest/guest-state.js';
import { LogWriter } from '../../engine/log/log-writer.js';
import { ReplicaLog } from '../../engine/log/replica-log.js';
import type { Durability } from '../../engine/protocol/durability.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { HOST } from '../../engine/recording/host-disk.js';
import { openLogs } from '../../engine/recording/host-logs.js';
import type { GuestListener } from '../../engine/threads/io-end.js';

const view = (number: number, primary: string, ...backups: string[]): View => ({
  number,
  machine: 'm',
  primary,
  backups,
  claim: `claim ${number}`,
});
const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const STATE = { position: 40, count: 900, execution: { epoch: 9 } } as GuestState;

let folder: string;
let writer: LogWriter;
let heard: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-around-'));
  const header = { machine: 'm', incarnation: 'me', moduleHash: '', description: new Uint8Array() };
  writer = new LogWriter({ host: HOST, folder: join(folder, 'me'), header, ended: () => expect.unreachable() });
  heard = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await writer.closed();
  rmSync(folder, { recursive: true });
});

/** A replica's world, as a list of what it is told, and the log around it. */
function around(first: View | undefined, durability: Durability = 'memory') {
  let listener: GuestListener | undefined;
  const said = (name: string) => (value: unknown) => void heard.push(`${name} ${String(value)}`);
  const guest = {
    listen: (given: GuestListener) => {
      listener = given;
    },
    sendLog: said('log'),
    setAcknowledged: (position: number, alone: boolean) => said('acknowledged')(`${position} ${alone}`),
  };
  let complete = false;
  const ports = {
    guest,
    arbiter: {
      claim: (_: View, answer: (answer: object) => void) => answer({ result: 'lost', owner: view(8, 'other') }),
      latest: (_: string, answer: (view: View) => void) => answer(view(9, 'other', 'me')),
    },
    reader: () => ({
      push: (piece: Uint8Array) => {
        complete = true;
        said('piece')(piece);
      },
      get complete() {
        return complete;
      },
      finish: () => STATE,
    }),
    tell: ({ type }: { type: string }) => said('tell')(type),
    end: said('end'),
  } as unknown as ReplicaPorts<GuestState>;
  const log = new ReplicaLog<GuestState>(writer, { incarnation: 'me', view: first, position: 0, durability });
  const wrapped = log.ports(ports);
  let peer: PeerHandlers | undefined;
  const link = { listen: (handlers: PeerHandlers) => (peer = handlers) } as unknown as PeerLink;
  log
    .link(link)
    .listen({ message: ({ type }) => said('message')(type), piece: () => undefined, closed: () => undefined });
  wrapped.guest.listen({
    logged: part => said('logged')(Buffer.from(part)),
    output: position => said('output')(position),
    drained: said('drained'),
  } as Partial<GuestListener> as GuestListener);
  return { wrapped, guest: listener!, peer: peer! };
}

async function written(): Promise<string[]> {
  await writer.closed();
  const [log] = openLogs(folder);
  return [...log!.records()].map(({ record }) => {
    if (record.type === 'view') return `view ${record.view.number}`;
    if (record.type === 'outputs') return `outputs ${record.notes.map(({ position }) => position).join(' ')}`;
    if (record.type === 'checkpoint') return `checkpoint ${record.position} ${record.epoch} ${record.count}`;
    if (record.type !== 'log') return record.type;
    const parts = record.parts.map(part => `${Buffer.from(part.bytes)} ${part.entries}`);
    return `log ${record.position}: ${parts.join(', ')}`;
  });
}

const LOG = { type: 'log', view: 1, settled: 0 } as const;

test('a primary logs what its guest does, also while it is alone, and ends when all of it is there', async () => {
  const { wrapped, guest } = around(view(1, 'me'));
  wrapped.guest.setAcknowledged(Infinity, true);
  guest.logged(bytes('one'), 2);
  guest.logged(bytes('two'), 1);
  guest.output(3, { type: 'stream', stream: 1, offset: 0, bytes: bytes('out') });
  guest.output(3, { type: 'releaseInput', stream: 0, offset: 0 });
  expect(writer.owesLog).toBe(true);
  guest.drained(undefined);
  expect(writer.owesLog).toBe(false);
  // What it depends on is there already: a note is not worth a write of its own.
  guest.output(3, { type: 'stream', stream: 1, offset: 3, bytes: bytes('more') });
  const flush = vi.spyOn(writer, 'flush');
  guest.drained(undefined);
  expect(flush).not.toHaveBeenCalled();
  wrapped.tell({ type: 'finished', outcome: { kind: 'exit', status: 0 } });
  wrapped.end(false);
  expect(heard).not.toContain('end false');
  await vi.waitFor(() => expect(heard).toContain('end false'), 10_000);
  expect(heard).toEqual([
    'acknowledged Infinity false',
    'logged one',
    'logged two',
    'output 3',
    'output 3',
    'drained undefined',
    'output 3',
    'drained undefined',
    'tell finished',
    'end false',
  ]);
  expect(await written()).toEqual(['view 1', 'log 0: one 2, two 1', 'outputs 3', 'outputs 3', 'closed']);
});

test('a backup logs what is given to its guest, and goes on with its own log once it is promoted', async () => {
  const { wrapped, guest, peer } = around(view(1, 'other', 'me'));
  const [first, refused, offered] = [bytes('first'), bytes('refused'), bytes('offered')];
  peer.message({ ...LOG, position: 0, length: 3, part: first });
  peer.message({ ...LOG, position: 3, length: 1, part: refused });
  peer.message({ type: 'offer', view: 2, position: 3, length: 2, part: offered });
  wrapped.guest.sendLog(first);
  wrapped.guest.sendLog(offered);
  wrapped.tell({ type: 'view', view: view(2, 'me'), reason: 'silence' });
  guest.logged(bytes('own'), 1);
  wrapped.tell({ type: 'live', failoverEpoch: 5, uncertain: 0 });
  expect(await written()).toEqual(['view 1', 'log 0: first 3, offered 2', 'view 2', 'log 5: own 1', 'live']);
  expect(() => wrapped.guest.sendLog(bytes('from nowhere'))).toThrow(/came from another replica/);
});

test('one that joins begins with the snapshot, and goes on from there though no more of the log came', async () => {
  const { wrapped, guest, peer } = around(undefined);
  peer.message({ type: 'welcome', view: view(4, 'other'), position: 40 });
  const reader = wrapped.reader();
  reader.push(bytes('all'));
  expect([reader.complete, reader.finish()]).toEqual([true, STATE]);
  wrapped.tell({ type: 'view', view: view(5, 'me'), reason: 'silence' });
  guest.logged(bytes('own'), 1);
  expect(await written()).toEqual(['view 4', 'begins', 'piece', 'checkpoint 40 9 900', 'view 5', 'log 40: own 1']);
});

test('a view that another has won is noted where it names this replica', async () => {
  const { wrapped, peer } = around(view(1, 'other', 'me'));
  peer.message({ type: 'view', view: view(2, 'other', 'a third'), position: 0 });
  peer.message({ type: 'view', view: view(3, 'other', 'me'), position: 0 });
  wrapped.log!.listen(
    () => undefined,
    () => 0,
  );
  await new Promise(resolve => wrapped.arbiter.claim(view(8, 'me'), resolve));
  wrapped.arbiter.latest('m', () => undefined);
  expect(await written()).toEqual(['view 1', 'view 3', 'view 9']);
});

test('a view is claimed once what this replica was sent is written: what has left may be in no other log that counts', async () => {
  const { wrapped, peer } = around(view(1, 'other', 'me'));
  wrapped.log!.listen(
    written => heard.push(`written ${written}`),
    () => 0,
  );
  const part = bytes('first');
  peer.message({ type: 'log', view: 1, position: 0, length: 3, settled: 0, part });
  wrapped.guest.sendLog(part);
  await new Promise<void>(resolve =>
    wrapped.arbiter.claim(view(2, 'me'), () => {
      heard.push('claimed');
      resolve();
    }),
  );
  expect(heard.slice(-2)).toEqual(['written 3', 'claimed']);
});

test('under `backup-disk` a primary claims a view without its backup, whose disk has what left, once its own has it', async () => {
  const { wrapped, guest } = around(view(1, 'me', 'other'), 'backup-disk');
  wrapped.log!.listen(
    (written, synced) => heard.push(`written ${written} synced ${synced}`),
    () => 0,
  );
  guest.logged(bytes('one'), 2);
  await new Promise<void>(resolve => wrapped.arbiter.claim(view(2, 'me'), () => resolve()));
  expect(heard.at(-1)).toBe('written 2 synced 2');
});

test.each([
  ['with another backup', 'backup-disk', view(2, 'me', 'third')],
  ['under `both-disks`, where nothing left that its disk lacks,', 'both-disks', view(2, 'me')],
] as const)('%s it claims at once', (_, durability, next) => {
  const { wrapped, guest } = around(view(1, 'me', 'other'), durability);
  guest.logged(bytes('one'), 2);
  let claimed = false;
  wrapped.arbiter.claim(next, () => {
    claimed = true;
  });
  expect(claimed).toBe(true);
});

test('one whose disk is broken claims nevertheless: it will never have it', async () => {
  const { wrapped, guest } = around(view(1, 'me', 'other'), 'backup-disk');
  guest.logged(bytes('one'), 2);
  vi.spyOn(writer, 'hasEnded', 'get').mockReturnValue(true);
  await new Promise<void>(resolve => wrapped.arbiter.claim(view(2, 'me'), () => resolve()));
});
