// The memory of a bus in its folder: who may have it, and what the next one finds.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KeptMemory } from '../../engine/bus/kept-memory.js';
import type { EpochvisorError } from '../../engine/errors/errors.js';
import { memoryOf } from '../../engine/protocol/bus/bus-memory.js';

let root: string;
let folder: string;
const open: KeptMemory[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'epochvisor-memory-'));
  folder = join(root, 'memory');
});
afterEach(async () => {
  for (const memory of open.splice(0)) await memory.close();
  rmSync(root, { recursive: true });
});

const observer = { waits: () => undefined, broken: () => undefined };

async function opened(machine = 'm', options = {}): Promise<KeptMemory> {
  const memory = await KeptMemory.open(folder, machine, { observer, ...options });
  open.push(memory);
  return memory;
}

async function close(memory: KeptMemory): Promise<void> {
  open.splice(open.indexOf(memory), 1);
  await memory.close();
}

const refusal = (machine?: string) =>
  opened(machine).then(
    () => undefined,
    ({ line }: EpochvisorError) => line,
  );

test('what was appended is there for the next one, which is of the next generation', async () => {
  const first = await opened();
  expect(first.generation).toBe(1);
  first.append([
    { type: 'fenced', view: 2, owner: 'B' },
    { type: 'opened', source: 64, stream: 65_536, data: new Uint8Array(0) },
  ]);
  const { memory } = first;
  await close(first);
  const second = await opened();
  expect(second.generation).toBe(2);
  expect(second.memory).toEqual(memory);
});

test('one of a machine that goes on from a snapshot begins as that says, once', async () => {
  const begins = memoryOf({ outputs: [{ stream: 1, offset: 7 }], inputs: [{ stream: 64, offset: 3 }] }, [64]);
  const first = await opened('m', { begins });
  expect(first.memory).toMatchObject({ outputs: [{ stream: 1, offset: 7 }], sources: [{ stream: 64, opened: 3 }] });
  first.append([{ type: 'written', stream: 1, offset: 9, mark: 9 }]);
  await close(first);
  expect((await opened('m', { begins })).memory.outputs).toEqual([{ stream: 1, offset: 9, mark: 9 }]);
});

describe('is refused in one line', () => {
  test('while a bus has it, also one of ten that come at once', async () => {
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => opened()));
    const refused = all.flatMap(one => (one.status === 'rejected' ? [(one.reason as EpochvisorError).code] : []));
    expect(refused).toEqual(new Array(9).fill('BUS_RUNNING'));
    expect(await refusal()).toBe(`a bus runs on ${folder} already [BUS_RUNNING]: end that one first`);
    // Those that were refused have left nothing.
    expect(readdirSync(folder).filter(name => name.startsWith('bus-'))).toHaveLength(1);
  });

  test('to another machine', async () => {
    await close(await opened());
    expect(await refusal('another')).toBe(
      `${join(folder, 'journal')} is of the bus of machine m, not of another [MEMORY_FOREIGN]: give each machine a memory of its own`,
    );
    // And is left as it was.
    expect((await opened()).generation).toBe(3);
  });

  test('on another host, whose bus may live', async () => {
    await close(await opened());
    const file = join(folder, 'generation-1.json');
    const owner = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...owner, host: 'elsewhere', boot: 'another' }));
    expect(await refusal()).toMatch(
      /was started last on elsewhere, .* \[BUS_ELSEWHERE\]: start it there; or end it there, and remove /,
    );
    rmSync(file);
    await opened();
  });

  test('where something else is in its place', async () => {
    writeFileSync(folder, '');
    expect(await refusal()).toMatch(/memory.* can't be kept: .* \[MEMORY_FAILED\]/);
  });

  test('where a record is none', async () => {
    await close(await opened());
    const journal = join(folder, 'journal');
    writeFileSync(journal, 'something else altogether');
    expect(await refusal()).toMatch(/journal can't be relied on: it is of another kind, .* \[MEMORY_CORRUPT\]/);
    rmSync(journal);
    mkdirSync(journal);
    expect(await refusal()).toMatch(/journal can't be kept: EISDIR \[MEMORY_FAILED\]/);
  });
});

test('is free after its host was started anew, and after its process died', async () => {
  await close(await opened());
  const file = join(folder, 'generation-1.json');
  const owner = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...owner, host: hostname(), boot: 'another' }));
  writeFileSync(join(folder, owner.socket), 'left behind');
  const second = await opened();
  expect(readdirSync(folder).filter(name => /generation|bus-/.test(name))).toHaveLength(2);
  await close(second);
  expect((await opened()).generation).toBe(3);
});

test('may have a path that is longer than that of a socket', async () => {
  folder = join(root, 'a'.repeat(100), 'b'.repeat(100));
  await opened();
  expect(await refusal()).toMatch(/BUS_RUNNING/);
});
