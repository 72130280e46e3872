// What is noted of operations comes back as it was, of the replica that is asked for, and of no other.

import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OperationDevice } from '../../devices/device.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import {
  operationsFile,
  PerformedOperations,
  readOperations,
  recordLive,
  recordOperations,
} from '../../engine/testing/operation-record.js';
import { checkOperations } from '../../engine/testing/operation-rules.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const operation = (id: bigint, data = ''): Operation => ({
  ...{ id, device: 0x100, command: 2, argument: 1n << 60n, length: 0 },
  data: Buffer.from(data),
});
const place = (epoch: number) => ({ epoch, epochStart: 0, count: 0, outstanding: 0 });
const READ = Buffer.from('what a read gave');

const DEVICE: OperationDevice = {
  class: 'idempotent',
  sizeBytes: 512,
  perform: async ({ id }) => ({ status: Number(id), data: READ }),
  close: async () => undefined,
};

test('a history of two replicas is read as that of one of them', async () => {
  const file = operationsFile(folder);
  const dead = recordOperations(file, 'dead');
  const survivor = recordOperations(file, 'survivor');
  for (const guest of [dead, survivor]) {
    guest.started!(operation(1n, 'text'), place(3));
    guest.started!(operation(2n), place(3));
    guest.delivered!({ kind: 'timer', timeNs: 5 }, place(4));
    guest.delivered!({ kind: 'completion', operation: 1n, status: 1, data: READ }, place(4));
  }
  recordLive(file, 'survivor', 5);
  survivor.delivered!({ kind: 'uncertain', operation: 2n }, place(6));
  // Whoever was killed may have been in the middle of a line.
  appendFileSync(file, '{"incarnation":"dead"');

  const record = readOperations(folder, 'survivor')!;
  expect(record.failovers).toEqual([{ epoch: 5, own: true }]);
  expect(readOperations(folder, 'dead')!.failovers).toEqual([{ epoch: 5, own: false }]);
  expect(record.events.map(({ type, epoch }) => `${type} ${epoch}`)).toEqual([
    'issued 3',
    'issued 3',
    'completed 3',
    'uncertain 5',
  ]);

  const performed = new PerformedOperations();
  const completion = await performed.watch(DEVICE).perform(operation(1n, 'text'));
  expect(completion).toEqual({ status: 1, data: READ });
  const history = { ...record, performed: performed.all, operationIds: true, endLeft: false };
  expect(checkOperations(history)).toEqual({ operations: 2, breach: undefined });
  await performed.watch(DEVICE).perform(operation(2n, 'other data'));
  expect(checkOperations(history).breach).toMatch(/^operation 2 at disk 0 was performed .* never asked for that; /);
});

test('of who goes on from a snapshot nothing is known', () => {
  expect(readOperations(folder, 'joined')).toBeUndefined();
  recordOperations(operationsFile(folder), 'first');
  recordLive(operationsFile(folder), 'joined', 7);
  expect(readOperations(folder, 'joined')).toBeUndefined();
});
