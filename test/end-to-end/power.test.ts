// Every process of a machine dies at once, and of its files there is what was written, what was synced, or something between: `recover`
// goes on, and nothing that was seen is lost or doubled. `npm run sweep:power` is the same at hundreds of moments.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Contents, Loss } from '../../bench/power/disks.js';
import { Bench } from './command.js';

// As compiled: processes that are recorded load a file beside it.
const built = async <Module>(name: string): Promise<Module> =>
  (await import(`../../dist/bench/power/${name}.js`)) as Module;
const { Disks, lay } = await built<typeof import('../../bench/power/disks.js')>('disks');
const { RecordedRun } = await built<typeof import('../../bench/power/recorded-run.js')>('recorded-run');
const { recoverPoint } = await built<typeof import('../../bench/power/recovered-point.js')>('recovered-point');
const { SUBJECTS } = await built<typeof import('../../bench/power/subjects.js')>('subjects');

const bench = new Bench();

test.each([
  ['both-disks', 'disk-log', ['power', 'disk']],
  ['backup-disk', 'clock-random', ['torn', 'power']],
  ['memory', 'teller', ['kill', 'torn']],
] as const)(
  'under %s, %s goes on from what %j leaves, at moments all along the run',
  { timeout: 300_000 },
  async (durability, guest, losses) => {
    const { recorded } = SUBJECTS.find(subject => subject.guest === guest)!;
    const run = await RecordedRun.make(recorded, durability, bench.file('run'));
    const moments = [...run.moments(losses)];
    const kinds: string[] = [];
    for (const part of [0.3, 0.6, 0.8, 0.95]) {
      const moment = moments[Math.floor(part * moments.length)]!;
      for (const loss of losses) {
        const { kind, failed, detail } = await recoverPoint(run, recorded, moment, loss, bench.file(`${part}-${loss}`));
        expect(failed, `${loss} after ${moment.events} events: ${kind}: ${detail}`).toBe(false);
        kinds.push(kind);
      }
    }
    expect(kinds).toContain('the same');
  },
);

/** What is there after each loss, of a file that was made, written, synced, and named, in this order. */
test('a disk has what was synced, of a file whose folder was synced', () => {
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
  try {
    const disks = new Disks(folder);
    const text = (contents: Contents) =>
      Object.fromEntries([...contents].map(([path, bytes]) => [path, bytes?.toString() ?? null]));
    const left = (loss: Loss) => text(disks.after(loss, 1));
    const bytes = (text: string) => Buffer.from(text).toString('base64');
    disks.apply({ type: 'opened', path: '', handle: 'root', makes: false });
    disks.apply({ type: 'opened', path: 'f', handle: 'f', makes: true });
    disks.apply({ type: 'written', handle: 'f', bytes: bytes('synced') });
    disks.apply({ type: 'syncs', handle: 'f', sync: 1 });
    disks.apply({ type: 'written', handle: 'f', bytes: bytes('+more') });
    disks.apply({ type: 'synced', handle: 'f', sync: 1 });
    expect([left('kill'), left('power')]).toEqual([{ f: 'synced+more' }, {}]);
    disks.apply({ type: 'syncs', handle: 'root', sync: 2 });
    disks.apply({ type: 'renamed', from: 'f', to: 'g' });
    disks.apply({ type: 'synced', handle: 'root', sync: 2 });
    expect([left('kill'), left('power')]).toEqual([{ g: 'synced+more' }, { f: 'synced' }]);
    disks.apply({ type: 'written', handle: 'f', at: 0, bytes: bytes('S') });
    disks.apply({ type: 'cut', handle: 'f', length: 3 });
    expect([left('kill'), left('power')]).toEqual([{ g: 'Syn' }, { f: 'synced' }]);
    disks.apply({ type: 'removed', path: 'g' });
    expect([left('kill'), left('power')]).toEqual([{}, { f: 'synced' }]);
    const seen = new Set(Array.from({ length: 32 }, (_, seed) => Object.keys(text(disks.after('torn', seed))).length));
    expect(seen).toEqual(new Set([0, 1]));
    lay(disks.after('power'), join(folder, 'after'));
    expect(existsSync(join(folder, 'after', 'f'))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
