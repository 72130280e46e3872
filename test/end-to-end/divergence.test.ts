// A backup whose memory changes by itself is caught, says where, and is never promoted; a fresh one takes its place.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { Console } from '../../devices/console/console.js';
import { DISK_KIND } from '../../devices/disk/disk-kind.js';
import { openDevices } from '../../devices/opening.js';
import { TELLER_KIND } from '../../devices/teller/teller-kind.js';
import type { LaunchedMachine as Launched, LaunchOptions } from '../../engine/launch/launched-machine.js';
import type { Status } from '../../engine/observe/status.js';
import { timingFor } from '../../engine/replica/replica-configuration.js';
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
/** A busy host gives a guest, and so the digests of its state, a small part of the time. */
const PATIENCE = { timeout: 180_000 } as const;

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

interface Loss {
  readonly incarnation: string;
  readonly reason: string;
}

/** A machine that grinds what it is fed, and who of it was lost, in the view or before. */
async function grinding(feed: Feed, hooks: LaunchOptions['hooks'], verifyShare?: number) {
  const { devices, options } = await openDevices([
    { kind: DISK_KIND.name, path: disk('disk') },
    { kind: TELLER_KIND.name, path: disk('journal') },
  ]);
  const launched = new LaunchedMachine({
    module: readFileSync(guest('mill')),
    moduleCache: true,
    options: {
      epochLength: 100_000,
      ...(verifyShare === undefined ? {} : { verifyShare }),
      variant: 'deferred',
      counting: 'block',
      operationIds: true,
      maxMemory: 1 << 26,
      arguments: ARGUMENTS,
      devices: options,
    },
    replicas: 2,
    repair: true,
    // Whoever was only slow, on a busy host, is no death that this is about.
    timing: timingFor(30_000),
    streams: [new Console({ stdin: feed.stdin, stdout: feed.stdout, stderr: new PassThrough().resume() })],
    devices,
    ...(hooks === undefined ? {} : { hooks }),
  });
  machine = launched;
  const lost: Loss[] = [];
  launched.on('lost', ({ incarnation }, reason) => lost.push({ incarnation, reason }));
  launched.on('unjoined', ({ incarnation }, reason) => lost.push({ incarnation, reason }));
  await launched.start();
  return { machine: launched, lost };
}

/** Resolves when the status, as told from now on, is so. */
function status(of: Launched, is: (status: Status) => boolean): Promise<void> {
  return new Promise(resolve => of.on('status', told => is(told) && resolve()));
}

/** The machine ends, with what a plain one writes. */
async function endsWell(of: Launched, feed: Feed): Promise<void> {
  feed.end();
  expect(await of.outcome).toEqual({ kind: 'exit', status: 0 });
  const plain = bench.startPlain(['--disk', disk('plain-disk'), guest('mill'), ...ARGUMENTS.slice(1)], 'pipe');
  plain.write('line\n'.repeat(feed.lines));
  plain.endInput();
  expect(feed.text).toBe((await plain.ended).stdout);
}

function expectWhere({ reason }: Loss): void {
  const [, epoch, from, to] = /halted: .*epoch (\d+).*memory differs.*addresses (\d+) to (\d+)/.exec(reason) ?? [];
  expect(Number(epoch), reason).toBeGreaterThan(0);
  expect(Number(from)).toBeLessThanOrEqual(ADDRESS);
  expect(Number(to)).toBeGreaterThanOrEqual(ADDRESS);
}

test('a flipped bit is found by the digest of memory; the backup halts, and another one joins', PATIENCE, async () => {
  const feed = new Feed();
  const { machine, lost } = await grinding(feed, { backup: flipHook({ count: 20_000_000, address: ADDRESS, bit: 3 }) });
  const backups: number[] = [];
  const { incarnation: primary } = machine.primary!;
  await new Promise<void>(resolve => {
    machine.on('view', view => {
      backups.push(view.backups.length);
      if (lost.length > 0 && view.backups.length > 0) resolve();
    });
  });
  await endsWell(machine, feed);
  expectWhere(lost[0]!);
  // It was the backup that left, and another one came.
  expect(lost[0]!.incarnation).not.toBe(primary);
  expect(machine.status.primary.incarnation).toBe(primary);
  expect(backups.slice(0, 2)).toEqual([0, 1]);
});

describe('with a share of a machine of its own, a bit that flips', () => {
  test.each(['primary', 'backup'] as const)('in who joins after the death of the %s is found', PATIENCE, async dies => {
    const feed = new Feed();
    const { machine, lost } = await grinding(feed, { joining: flipHook({ count: 0, address: ADDRESS, bit: 3 }) }, 0.1);
    await status(machine, ({ verification, protected: is }) => is && verification.covered === 1);
    const { primary, backups } = machine.status;
    const dead = dies === 'primary' ? primary : backups[0]!;
    const survivor = dies === 'primary' ? backups[0]! : primary;
    const differs = status(machine, ({ verification }) => verification.divergences > 0);
    process.kill(dead.pid, 'SIGKILL');
    await differs;
    // Who comes after that agrees, and is compared, too.
    const before = machine.status.verification.comparisons;
    await status(machine, ({ verification, protected: is }) => is && verification.comparisons > before);
    await endsWell(machine, feed);
    const [killed, differed] = lost;
    expect(killed).toEqual({ incarnation: dead.incarnation, reason: 'killed by SIGKILL' });
    expectWhere(differed!);
    expect(lost).toHaveLength(2);
    expect(machine.status).toMatchObject({
      primary: { incarnation: survivor.incarnation },
      verification: { share: 0.1, divergences: 1, covered: 1 },
    });
  });
});
