// A machine whose replicas are killed, and how long it takes to be Protected again: guest `mill`, which computes in much memory.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CapturedConsole } from '../../devices/console/captured-console.js';
import { DISK_KIND } from '../../devices/disk/disk-kind.js';
import { openDevices } from '../../devices/opening.js';
import { TELLER_KIND } from '../../devices/teller/teller-kind.js';
import { LaunchedMachine, type LaunchOptions } from '../../engine/launch/launched-machine.js';
import { DEFAULT_MACHINE, guestPath, isTiny } from '../host.js';

/** Work a line: some tenths of a second, so that the guest computes nearly all the time. */
const WORK = '20000';
const DISK_BYTES = 1 << 20;
/** Between two deaths the pair is left alone for so long: the throughput before is taken from it, ms. */
const CALM_MS = isTiny ? 100 : 1_500;
const PATIENCE_MS = 60_000;

export interface Healing {
  readonly ms: number;
  /** Instructions a second of the primary until Protected again, against those of the calm before. */
  readonly throughput: number;
}

export class Patient {
  readonly #machine: LaunchedMachine;

  constructor(machine: LaunchedMachine) {
    this.#machine = machine;
  }

  async protected(view: number): Promise<number> {
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline) {
      const { status } = this.#machine;
      if (status.protected && status.view > view) return performance.now();
      await pause(1);
    }
    throw new Error(`not Protected again: ${JSON.stringify(this.#machine.status)}`);
  }

  /** Instructions executed, as the primary told last, and when it did. */
  #told(): Promise<{ readonly atMs: number; readonly count: number }> {
    return new Promise(resolve => {
      this.#machine.once('status', ({ instructions }) => resolve({ atMs: performance.now(), count: instructions }));
    });
  }

  async heal(victim: 'primary' | 'backup'): Promise<Healing> {
    const first = await this.#told();
    await pause(CALM_MS);
    const { view, primary, backups } = this.#machine.status;
    const last = await this.#told();
    const calm = (last.count - first.count) / (last.atMs - first.atMs);
    const killedMs = performance.now();
    process.kill(victim === 'primary' ? primary.pid : backups[0]!.pid, 'SIGKILL');
    const healedMs = await this.protected(view + 1);
    const healed = await this.#told();
    return { ms: healedMs - killedMs, throughput: (healed.count - last.count) / (healed.atMs - last.atMs) / calm };
  }
}

/** @param mebibytes that the guest works in */
export async function launch(
  folder: string,
  mebibytes: string,
  {
    encrypted = false,
    hooks,
    ...shaping
  }: Pick<LaunchOptions, 'encrypted' | 'hooks'> & { readonly verifyShare?: number } = {},
): Promise<LaunchedMachine> {
  const disk = join(folder, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, DISK_BYTES);
  const { devices, options } = await openDevices([
    { kind: DISK_KIND.name, path: disk },
    { kind: TELLER_KIND.name, path: join(folder, 'teller') },
  ]);
  return new LaunchedMachine({
    module: readFileSync(guestPath('mill')),
    moduleCache: true,
    options: {
      ...DEFAULT_MACHINE,
      ...shaping,
      arguments: ['mill', WORK, mebibytes],
      devices: options,
    },
    replicas: 2,
    repair: true,
    encrypted,
    ...(hooks === undefined ? {} : { hooks }),
    streams: [new CapturedConsole(Buffer.from('line\n'.repeat(100_000)))],
    devices,
  });
}
