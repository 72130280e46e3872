// A backup whose memory changes by itself is caught, says where, and is never promoted; a fresh one takes its place.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { CapturedConsole } from '../../devices/captured-console.js';
import type { LaunchedMachine as Launched } from '../../engine/replica/launch.js';
import { Bench, guest } from './command.js';

// Replicas are other processes: the machine is launched from what was built.
const BUILT = '../../dist/engine/replica/launch.js';
const { LaunchedMachine } = (await import(BUILT)) as typeof import('../../engine/replica/launch.js');

const bench = new Bench();
let machine: Launched | undefined;
afterEach(async () => machine?.stop());

const ROUNDS = '150';
const STDOUT = 1;

test('a flipped bit that the guest never looks at is found by the digest of memory', async () => {
  const expected = (await bench.runPlain([guest('compute'), ROUNDS, '20'])).stdout;
  const console = new CapturedConsole();
  const path = guest('compute');
  const module = readFileSync(path);
  // The last byte of memory that the guest has from the start: nothing of it lies there.
  const address = 65_535 * 1;
  machine = new LaunchedMachine({
    guest: path,
    module,
    moduleCache: true,
    options: {
      epochLength: 100_000,
      variant: 'deferred',
      counting: 'block',
      operationIds: true,
      maxMemory: 1 << 26,
      arguments: ['compute.wasm', ROUNDS, '20'],
      disks: [],
      teller: false,
    },
    replicas: 2,
    repair: true,
    streams: [console],
    devices: new Map(),
    arbiter: join(bench.folder),
    flip: { count: 10_000_000, address, bit: 3 },
  });
  const lost: { incarnation: string; reason: string }[] = [];
  machine.on('lost', ({ incarnation }, reason) => lost.push({ incarnation, reason }));
  const views: number[] = [];
  machine.on('view', view => views.push(view.backups.length));
  await machine.start();
  const { incarnation: primary } = machine.primary!;
  expect(await machine.outcome).toEqual({ kind: 'exit', status: 0 });
  expect(Buffer.from(console.bytes(STDOUT)).toString()).toBe(expected);
  expect(lost).toHaveLength(1);
  expect(lost[0]!.reason).toMatch(/halted: .*memory/);
  expect(lost[0]!.reason).toMatch(/epoch \d+/);
  // It was the backup that left, and another one came.
  expect(lost[0]!.incarnation).not.toBe(primary);
  expect(machine.status.primary.incarnation).toBe(primary);
  expect(views).toEqual([0, 1]);
});
