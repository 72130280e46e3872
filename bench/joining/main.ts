// How long is a machine not Protected after a death, and what does it cost meanwhile? From SIGKILL to the view that names
// the replacement, for a guest that computes in 64 MiB; and what its primary executed between, against before.
//
//   --kills N       deaths of each kind (default 10)
//   --mebibytes N   memory the guest works in (default 64)

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { CapturedConsole } from '../../devices/console/captured-console.js';
import { DISK_KIND } from '../../devices/disk/disk-kind.js';
import { openDevices } from '../../devices/opening.js';
import { TELLER_KIND } from '../../devices/teller/teller-kind.js';
import { LaunchedMachine } from '../../engine/launch/launched-machine.js';
import { DEFAULT_MACHINE, guestPath, publish, quantile } from '../host.js';
import { ownedFolder, removeFolder } from '../processes.js';

const AIM_MS = 2_000;
const AIM_THROUGHPUT = 0.7;
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '10' }, mebibytes: { type: 'string', default: '64' } },
});
const kills = Number(values.kills);

/** Work a line: some tenths of a second, so that the guest computes nearly all the time. */
const WORK = '20000';
const DISK_BYTES = 1 << 20;
/** Between two deaths the pair is left alone for so long: the throughput before is taken from it, ms. */
const CALM_MS = 1_500;
const PATIENCE_MS = 60_000;

interface Healing {
  readonly ms: number;
  /** Instructions a second of the primary until Protected again, against those of the calm before. */
  readonly throughput: number;
}

class Patient {
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

async function launch(folder: string): Promise<LaunchedMachine> {
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
      arguments: ['mill', WORK, values.mebibytes],
      devices: options,
    },
    replicas: 2,
    repair: true,
    streams: [new CapturedConsole(Buffer.from('line\n'.repeat(100_000)))],
    devices,
  });
}

const folder = ownedFolder();
const machine = await launch(folder);
try {
  await machine.start();
  const patient = new Patient(machine);
  await patient.protected(0);
  const rows: string[][] = [];
  for (const victim of ['primary', 'backup'] as const) {
    const healings: Healing[] = [];
    for (let kill = 0; kill < kills; kill += 1) healings.push(await patient.heal(victim));
    const times = healings.map(({ ms }) => ms);
    const shares = healings.map(({ throughput }) => throughput);
    rows.push([
      victim,
      String(kills),
      ...[quantile(times, 0.5), quantile(times, 0.9), Math.max(...times)].map(ms => ms.toFixed(0)),
      ...[quantile(shares, 0.5), Math.min(...shares)].map(share => share.toFixed(2)),
    ]);
  }
  publish(
    'joining',
    'From a death to Protected again',
    `From SIGKILL to the view that names the replacement: guest \`mill\`, ${values.mebibytes} MiB in use, default settings.
Throughput: instructions a second of the primary from the kill to Protected, against the seconds before (of a killed primary the
takeover is in it). Aims: ${AIM_MS / 1000} s, ${AIM_THROUGHPUT}.

${markdownTable([['killed', 'times', 'median, ms', '90 %, ms', 'most, ms', 'throughput', 'least'], ...rows], {
  align: ['l', 'r', 'r', 'r', 'r', 'r', 'r'],
})}`,
  );
} finally {
  await machine.stop();
  removeFolder(folder);
}
