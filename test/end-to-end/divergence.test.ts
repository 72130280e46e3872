// A backup whose memory changes by itself is caught, says where, and is never promoted; a fresh one takes its place.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { CapturedConsole } from '../../devices/captured-console.js';
import { FIRST_DISK, STDOUT, TELLER } from '../../devices/device.js';
import { FileDisk } from '../../devices/disk.js';
import { Teller } from '../../devices/teller.js';
import type { LaunchedMachine as Launched } from '../../engine/replica/launch.js';
import { Bench, guest } from './command.js';

// Replicas are other processes: the machine is launched from what was built.
const BUILT = '../../dist/engine/replica/launch.js';
const { LaunchedMachine } = (await import(BUILT)) as typeof import('../../engine/replica/launch.js');

const bench = new Bench();
let machine: Launched | undefined;
afterEach(async () => machine?.stop());

const DISK_BYTES = 1 << 16;
const MEBIBYTES = 8;
const ARGUMENTS = ['mill', '2000', String(MEBIBYTES)];
const LINES = Buffer.from('line\n'.repeat(70));
/** Behind the guest's store, in the last page: nothing lies there, so that nothing but a digest can see it. */
const ADDRESS = (MEBIBYTES << 20) + 131_000;

function disk(name: string): string {
  writeFileSync(bench.file(name), '');
  truncateSync(bench.file(name), DISK_BYTES);
  return bench.file(name);
}

test('a flipped bit is found by the digest of memory; the backup halts, and another one joins', async () => {
  const plain = bench.startPlain(['--disk', disk('plain-disk'), guest('mill'), ...ARGUMENTS.slice(1)], 'pipe');
  plain.write(LINES.toString());
  plain.endInput();
  const expected = (await plain.ended).stdout;
  const console = new CapturedConsole(LINES);
  machine = new LaunchedMachine({
    guest: guest('mill'),
    module: readFileSync(guest('mill')),
    moduleCache: true,
    options: {
      epochLength: 100_000,
      variant: 'deferred',
      counting: 'block',
      operationIds: true,
      maxMemory: 1 << 26,
      arguments: ARGUMENTS,
      disks: [DISK_BYTES],
      teller: true,
    },
    replicas: 2,
    repair: true,
    streams: [console],
    devices: new Map<number, FileDisk | Teller>([
      [FIRST_DISK, await FileDisk.open(disk('disk'))],
      [TELLER, await Teller.open()],
    ]),
    flip: { count: 20_000_000, address: ADDRESS, bit: 3 },
  });
  const lost: { readonly incarnation: string; readonly reason: string }[] = [];
  machine.on('lost', ({ incarnation }, reason) => lost.push({ incarnation, reason }));
  const backups: number[] = [];
  machine.on('view', view => backups.push(view.backups.length));
  await machine.start();
  const { incarnation: primary } = machine.primary!;
  expect(await machine.outcome).toEqual({ kind: 'exit', status: 0 });
  expect(Buffer.from(console.bytes(STDOUT)).toString()).toBe(expected);
  expect(lost).toHaveLength(1);
  const [, epoch, from, to] =
    /halted: .*epoch (\d+).*memory differs.*addresses (\d+) to (\d+)/.exec(lost[0]!.reason) ?? [];
  expect(Number(epoch), lost[0]!.reason).toBeGreaterThan(0);
  expect(Number(from)).toBeLessThanOrEqual(ADDRESS);
  expect(Number(to)).toBeGreaterThanOrEqual(ADDRESS);
  // It was the backup that left, and another one came.
  expect(lost[0]!.incarnation).not.toBe(primary);
  expect(machine.status.primary.incarnation).toBe(primary);
  expect(backups).toEqual([0, 1]);
});
