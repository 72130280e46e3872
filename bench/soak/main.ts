// `npm run soak`: kill after kill after kill. A machine runs the guest `mill` while named replicas are killed whenever it
// is Protected, and joining ones at any time; in the end its transcript, its disk and its teller's journal are compared
// with those of the plain machine, and what its processes held is looked at.
//
//   npm run soak -- [--kills 200] [--minutes 10] [--replicas 2] [--mebibytes 16] [--seed N] [--report]

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Executioner } from './executioner.js';
import { Mill } from './mill.js';
import { describeReport, judge } from './report.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PLAIN = join(ROOT, 'dist/bundle/plain-main.js');
const DISK_BYTES = 1 << 20;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    minutes: { type: 'string', default: '10' },
    replicas: { type: 'string', default: '2' },
    mebibytes: { type: 'string', default: '16' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    report: { type: 'boolean', default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'epochvisor-soak-'));
const file = (name: string) => join(folder, name);
for (const disk of ['disk', 'plain-disk']) {
  writeFileSync(file(disk), '');
  truncateSync(file(disk), DISK_BYTES);
}
console.error(`soak: seed ${values.seed}`);
const mill = new Mill({
  root: ROOT,
  replicas: values.replicas,
  mebibytes: values.mebibytes,
  statusFile: file('status.json'),
  disk: file('disk'),
  teller: file('teller'),
});
try {
  const executioner = new Executioner(mill, Number(values.seed));
  await executioner.work(Number(values.kills), Number(values.minutes) * 60_000);
  const ended = await mill.end();
  const plain = execFileSync(process.execPath, [PLAIN, '--disk', file('plain-disk'), ...mill.guest], {
    input: mill.input,
    maxBuffer: 1 << 30,
  });
  const report = judge({
    ended,
    expected: plain.toString(),
    disks: [readFileSync(file('disk')), readFileSync(file('plain-disk'))],
    dispensed: readFileSync(file('teller'), 'utf8'),
    lines: mill.lines,
    executioner,
    settings: { replicas: values.replicas, mebibytes: values.mebibytes, seed: values.seed },
  });
  console.log(describeReport(report));
  if (values.report) writeFileSync(join(ROOT, 'bench/results/soak.md'), describeReport(report));
  process.exitCode = report.wrong.length === 0 ? 0 : 1;
} finally {
  mill.kill();
  rmSync(folder, { recursive: true, force: true });
}
