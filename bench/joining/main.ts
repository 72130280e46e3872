// How long is a machine not Protected after a death, and what does it cost meanwhile? From SIGKILL to the view that names
// the replacement, for a guest that computes in 64 MiB; and what its primary executed between, against before.
//
//   --kills N       deaths of each kind (default 10)
//   --mebibytes N   memory the guest works in (default 64)

import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { publish, quantile } from '../host.js';
import { ownedFolder, removeFolder } from '../processes.js';
import { type Healing, launch, Patient } from './patient.js';

const AIM_MS = 2_000;
const AIM_THROUGHPUT = 0.7;
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '10' }, mebibytes: { type: 'string', default: '64' } },
});
const kills = Number(values.kills);

const folder = ownedFolder();
const machine = await launch(folder, values.mebibytes);
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
