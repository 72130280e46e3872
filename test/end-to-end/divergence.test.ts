// A backup whose memory changes by itself is caught, says where, and is never promoted; a fresh one takes its place.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { Console } from '../../devices/console/console.js';
import { DISK_KIND } from '../../devices/disk/disk-kind.js';
import { openDevices } from '../../devices/opening.js';
import { TELLER_KIND } from '../../devices/teller/teller-kind.js';
import type { LaunchedMachine as Launched } from '../../engine/launch/launched-machine.js';
import { Bench, guest } from './command.js';

// Replicas are other processes: the machine is launched from what was built.
const BUILT = '../../dist/engine/launch/launched-machine.js';
const { LaunchedMachine } = (await import(BUILT)) as typeof import('../../engine/launch/launched-machine.js');
const HOOK = '../../dist/engine/testing/flip-hook.js';
const { flipHook } = (await import(HOOK)) as typeof import('../../engine/testing/flip-hook.js');

const bench = new Bench();
let machine: Launched | undefined;
afterEach(async () => machine?.stop());

const DISK_BYTES = 1 << 16;
const MEBIBYTES = 8;
const ARGUMENTS = ['mill', '2000', String(MEBIBYTES)];
/** Behind the guest's store, in the last page: nothing lies there, so that nothing but a digest can see it. */
const ADDRESS = (MEBIBYTES << 20) + 131_000;
const WINDOW_LINES = 4;

function disk(name: string): string {
  writeFileSync(bench.file(name), '');
  truncateSync(bench.file(name), DISK_BYTES);
  return bench.file(name);
}

/** Lines for the guest, a few ahead of its answers, for as long as the test wants. */
class Feed {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  lines = 0;
  #text = '';
  readonly #feeding = setInterval(() => this.#feed(), 5);

  constructor() {
    this.stdout.on('data', (bytes: Buffer) => {
      this.#text += bytes.toString();
    });
  }

  get text(): string {
    return this.#text;
  }

  #feed(): void {
    while (this.lines < this.#text.split('\n').length - 1 + WINDOW_LINES) {
      this.lines += 1;
      this.stdin.write('line\n');
    }
  }

  end(): void {
    clearInterval(this.#feeding);
    this.stdin.end();
  }
}

test('a flipped bit is found by the digest of memory; the backup halts, and another one joins', async () => {
  const feed = new Feed();
  const { devices, options } = await openDevices([
    { kind: DISK_KIND.name, path: disk('disk') },
    { kind: TELLER_KIND.name, path: disk('journal') },
  ]);
  machine = new LaunchedMachine({
    module: readFileSync(guest('mill')),
    moduleCache: true,
    options: {
      epochLength: 100_000,
      variant: 'deferred',
      counting: 'block',
      operationIds: true,
      maxMemory: 1 << 26,
      arguments: ARGUMENTS,
      devices: options,
    },
    replicas: 2,
    repair: true,
    streams: [new Console({ stdin: feed.stdin, stdout: feed.stdout, stderr: new PassThrough().resume() })],
    devices,
    hooks: { backup: flipHook({ count: 20_000_000, address: ADDRESS, bit: 3 }) },
  });
  const lost: { readonly incarnation: string; readonly reason: string }[] = [];
  machine.on('lost', ({ incarnation }, reason) => lost.push({ incarnation, reason }));
  const backups: number[] = [];
  const healed = new Promise<void>(resolve => {
    machine!.on('view', view => {
      backups.push(view.backups.length);
      if (lost.length > 0 && view.backups.length > 0) resolve();
    });
  });
  await machine.start();
  const { incarnation: primary } = machine.primary!;
  await healed;
  feed.end();
  expect(await machine.outcome).toEqual({ kind: 'exit', status: 0 });
  const plain = bench.startPlain(['--disk', disk('plain-disk'), guest('mill'), ...ARGUMENTS.slice(1)], 'pipe');
  plain.write('line\n'.repeat(feed.lines));
  plain.endInput();
  expect(feed.text).toBe((await plain.ended).stdout);
  const [, epoch, from, to] =
    /halted: .*epoch (\d+).*memory differs.*addresses (\d+) to (\d+)/.exec(lost[0]!.reason) ?? [];
  expect(Number(epoch), lost[0]!.reason).toBeGreaterThan(0);
  expect(Number(from)).toBeLessThanOrEqual(ADDRESS);
  expect(Number(to)).toBeGreaterThanOrEqual(ADDRESS);
  // It was the backup that left, and another one came.
  expect(lost[0]!.incarnation).not.toBe(primary);
  expect(machine.status.primary.incarnation).toBe(primary);
  expect(backups.slice(0, 2)).toEqual([0, 1]);
});
