// Snapshots to files, as the launcher asks for them: of one replica after the other, and nothing is left beside the file.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PromisedSnapshots } from '../../engine/launch/promised-snapshots.js';
import type { ReplicaProcess } from '../../engine/launch/replica-process.js';
import type { ToReplica } from '../../engine/replica/replica-configuration.js';

const ORIGIN = { guest: '/g.wasm', devices: [] };

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
  file = join(folder, 'kept');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Is killed as soon as it has begun to write. */
function killedWhileItWrites(): { replica: ReplicaProcess; asked: ToReplica[] } {
  const asked: ToReplica[] = [];
  const send = (message: ToReplica) => {
    asked.push(message);
    if (message.type === 'save') writeFileSync(message.temporary, 'half');
  };
  return { replica: { send } as unknown as ReplicaProcess, asked };
}

it('a replica that dies while it writes a snapshot leaves nothing beside the file that the next one writes', async () => {
  const promised = new PromisedSnapshots();
  const [first, second] = [killedWhileItWrites(), killedWhileItWrites()];
  const saved = promised.ask(file, ORIGIN, first.replica);
  promised.askAgain(second.replica);
  const temporaries = [...first.asked, ...second.asked].map(message => 'temporary' in message && message.temporary);
  expect(new Set(temporaries).size).toBe(2);
  writeFileSync(file, 'whole');
  promised.answered(1, undefined);
  await saved;
  expect(readdirSync(folder)).toEqual(['kept']);
});

it('a machine that ends while a snapshot is written leaves nothing', async () => {
  const promised = new PromisedSnapshots();
  const saved = promised.ask(file, ORIGIN, killedWhileItWrites().replica);
  promised.end();
  await expect(saved).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' });
  expect(readdirSync(folder)).toEqual([]);
  await expect(promised.ask(file, ORIGIN, undefined)).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' });
});

it('a machine of which a folder has gone meanwhile ends as any other', async () => {
  const promised = new PromisedSnapshots();
  writeFileSync(file, '');
  const saved = promised.ask(join(file, 'below'), ORIGIN, { send: () => undefined } as unknown as ReplicaProcess);
  promised.answered(1, { code: 'SNAPSHOT_FILE', message: 'no', hint: '' });
  await expect(saved).rejects.toMatchObject({ code: 'SNAPSHOT_FILE' });
});
