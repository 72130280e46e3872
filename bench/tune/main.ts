// What do epoch length and variant cost? `epochvisor tune` of a guest that computes, of one that prints as it goes, and
// of one that writes to a disk.
//
//   --seconds S    for each guest (default 120)
//   --lengths L    epoch lengths, with commas between (default: those of `tune`)
//   --variants V   with commas between (default all)

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { guestPath, publish, ROOT } from '../host.js';
import { ownedFolder, removeFolder } from '../processes.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    lengths: { type: 'string' },
    variants: { type: 'string' },
  },
});
const folder = ownedFolder();
const disk = join(folder, 'disk');
writeFileSync(disk, Buffer.alloc(16 << 20));

const GUESTS = [
  { title: 'Computes: cpu', args: [guestPath('cpu'), '15000000'] },
  { title: 'Computes and prints: compute', args: [guestPath('compute'), '1000000', '5'] },
  { title: 'Writes to a disk: disk-log', args: ['--disk', disk, guestPath('disk-log'), '1000000'] },
] as const;

try {
  const parts = GUESTS.map(({ title, args }) => {
    const flags = ['--time', `${values.seconds}s`];
    if (values.lengths !== undefined) flags.push('--epoch-lengths', values.lengths);
    if (values.variants !== undefined) flags.push('--variants', values.variants);
    const command = [join(ROOT, 'dist', 'bundle', 'cli-main.js'), 'tune', ...flags, ...args];
    const { status, stdout } = spawnSync(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
    // 1: figures, and no recommendation.
    if (status !== 0 && status !== 1) throw new Error(`tune of ${title} failed with status ${status}`);
    return `## ${title}\n\n${stdout.toString()}`;
  });
  publish('tune', 'What epoch length and variant cost', parts.join('\n'));
} finally {
  removeFolder(folder);
}
