// A machine in one setting, from its start to its stop.

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { FIRST_LISTENING } from '../devices/connection/connection-streams.js';
import { CountingConsole, type Printed } from '../devices/console/counting-console.js';
import type { OperationDevice } from '../devices/device.js';
import { FIRST_DISK } from '../devices/disk/disk-commands.js';
import { DISK_KIND } from '../devices/disk/disk-kind.js';
import type { SocketListener } from '../devices/listener/socket-listener.js';
import { LaunchedMachine } from '../engine/launch/launched-machine.js';
import type { Variant } from '../engine/protocol/vocabulary.js';
import { DEFAULT_MACHINE, guestPath } from './host.js';
import { SLOW_CHANNEL_VARIABLE, type SlowChannel } from './paper/published.js';
import { ownedFolder, removeFolder } from './processes.js';

export interface Setting {
  readonly variant?: Variant;
  /** Instructions. */
  readonly epochLength?: number;
  /** With it the length follows the guest (`auto`). */
  readonly latencyMaxMs?: number;
  /** 1: no backup; 2 where it is not said. */
  readonly replicas?: 1 | 2;
  /** The channel between replicas is so slow. */
  readonly slowChannel?: SlowChannel;
}

/** What is at the guest's devices. */
export interface Surroundings {
  readonly disk?: OperationDevice;
  readonly printed?: Printed;
  /** Where the guest listens: at one address. */
  readonly listener?: SocketListener;
}

/** Not protected after this: it fails, ms. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 5;

/** Starts a machine, has `use` measure it, and stops it. */
export async function withMachine<T>(
  { slowChannel, replicas = 2, ...shaping }: Setting,
  [guest, ...rest]: readonly [string, ...string[]],
  { disk, printed = () => undefined, listener }: Surroundings,
  use: (machine: LaunchedMachine) => Promise<T>,
): Promise<T> {
  const folder = ownedFolder();
  const devices = disk === undefined ? [] : [{ number: FIRST_DISK, kind: DISK_KIND.name, sizeBytes: disk.sizeBytes }];
  const machine = new LaunchedMachine({
    module: readFileSync(guestPath(guest)),
    moduleCache: true,
    options: {
      ...{ ...DEFAULT_MACHINE, ...shaping, arguments: [guest, ...rest], devices },
      ...(listener === undefined ? {} : { sockets: { listeners: [FIRST_LISTENING], connectors: [] } }),
    },
    replicas,
    streams: [new CountingConsole(printed), ...(listener === undefined ? [] : [listener])],
    devices: new Map(disk === undefined ? [] : [[FIRST_DISK, disk]]),
    arbiter: `folder:${folder}`,
  });
  const before = process.env.NODE_OPTIONS;
  if (slowChannel !== undefined) {
    process.env.NODE_OPTIONS = `--import ${new URL('./paper/slow-channel.js', import.meta.url).href}`;
    process.env[SLOW_CHANNEL_VARIABLE] = JSON.stringify(slowChannel);
  }
  try {
    await machine.start();
    return await use(machine);
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
    delete process.env[SLOW_CHANNEL_VARIABLE];
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
