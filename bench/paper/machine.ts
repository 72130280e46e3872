// A pair in one setting of the paper's experiment, from its start to its stop.

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { CountingConsole } from '../../devices/console/counting-console.js';
import type { OperationDevice } from '../../devices/device.js';
import { FIRST_DISK } from '../../devices/disk/disk-commands.js';
import { DISK_KIND } from '../../devices/disk/disk-kind.js';
import { LaunchedMachine } from '../../engine/launch/launched-machine.js';
import type { Variant } from '../../engine/protocol/vocabulary.js';
import { DEFAULT_MACHINE, guestPath } from '../host.js';
import { ownedFolder, removeFolder } from '../processes.js';

export interface Setting {
  readonly variant: Variant;
  /** Instructions. */
  readonly epochLength: number;
  /** As slow as the paper's. */
  readonly slowChannel: boolean;
}

/** Not protected after this: it fails, ms. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 5;

/** Starts a pair, has `use` measure it once it is protected, and stops it. */
export async function withPair<T>(
  { slowChannel, ...shaping }: Setting,
  [guest, ...rest]: readonly [string, ...string[]],
  disk: OperationDevice | undefined,
  use: (machine: LaunchedMachine) => Promise<T>,
): Promise<T> {
  const folder = ownedFolder();
  const devices = disk === undefined ? [] : [{ number: FIRST_DISK, kind: DISK_KIND.name, sizeBytes: disk.sizeBytes }];
  const machine = new LaunchedMachine({
    module: readFileSync(guestPath(guest)),
    moduleCache: true,
    options: { ...DEFAULT_MACHINE, ...shaping, arguments: [guest, ...rest], devices },
    replicas: 2,
    streams: [new CountingConsole(() => undefined)],
    devices: new Map(disk === undefined ? [] : [[FIRST_DISK, disk]]),
    arbiter: `folder:${folder}`,
  });
  const before = process.env.NODE_OPTIONS;
  if (slowChannel) process.env.NODE_OPTIONS = `--import ${new URL('./slow-channel.js', import.meta.url).href}`;
  try {
    await machine.start();
    return await use(machine);
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
    await machine.stop();
    removeFolder(folder);
  }
}

export async function isProtected(machine: LaunchedMachine): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!machine.status.protected) {
    if (performance.now() > deadline) throw new Error(`not protected: ${machine.status.reason}`);
    await pause(LOOK_MS);
  }
}
