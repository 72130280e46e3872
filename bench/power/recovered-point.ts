// A point of the sweep: a moment of a recorded run at which everything died, what is there afterwards, and a recovery from that, judged.
//
//   what was seen      must be the beginning of what there is in the end, unless it died with memory and its power
//   what there is      must be what an undisturbed run leaves: streams, the disk, the teller's journal
//   a refusal          is right where nothing was seen, or all is there already; under `memory`, and a loss of power, where the end of the
//                      log is gone; under `backup-disk`, where the disk of the backup is lost

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Contents, contentsOf, type Loss, lay } from './disks.js';
import {
  command,
  DISK,
  type Ended,
  type Moment,
  OUT,
  type RecordedGuest,
  type RecordedRun,
  SEEN,
} from './recorded-run.js';

export interface Verdict {
  readonly kind: string;
  readonly failed: boolean;
  readonly detail: string;
}

/** A recovery that takes longer does not come to its end, ms. */
const LIMIT_MS = 90_000;
const CODE = /\[([A-Z_]+)\]/;

/** @param folder its own; removed in the end, unless it shows something wrong */
export async function recoverPoint(
  run: RecordedRun,
  guest: RecordedGuest,
  moment: Moment,
  loss: Loss,
  folder: string,
): Promise<Verdict> {
  const live = join(folder, 'live');
  lay(moved(moment.left.get(loss)!, live), live);
  let isGiven = false;
  const ended = await command(
    ['recover', join(live, 'logs')],
    {},
    (stderr, write) => {
      const read = /stdin was read up to byte (\d+)\n/.exec(stderr)?.[1];
      if (read === undefined || isGiven) return;
      isGiven = true;
      write(guest.stdin.slice(Number(read)));
    },
    LIMIT_MS,
  );
  const verdict = ended.isLate
    ? { kind: 'hung', failed: true, detail: ended.stderr }
    : judge(run, guest, moment, loss, contentsOf(live), ended);
  if (!verdict.failed) rmSync(folder, { recursive: true, force: true });
  return verdict;
}

/** The paths in how it was started are those of the run. */
function moved(contents: Contents, live: string): Contents {
  const origin = contents.get('logs/machine.json')?.toString();
  if (origin === undefined) return contents;
  const was = /"arbiter": "folder:(.*)\/logs\/arbiter"/.exec(origin)?.[1] ?? live;
  return new Map(contents).set('logs/machine.json', Buffer.from(origin.replaceAll(`${was}/`, `${live}/`)));
}

function judge(
  { durability, reference }: RecordedRun,
  { judge }: RecordedGuest,
  { visible, left }: Moment,
  loss: Loss,
  found: Contents,
  { status, stderr }: Ended,
): Verdict {
  const mayLose = durability === 'memory' && loss !== 'kill';
  const out = found.get(OUT)?.toString() ?? '';
  const compared = SEEN.filter(name => name !== OUT || judge === undefined);
  const differing = compared.find(name => !isSame(found.get(name), reference.get(name)));
  const wrong = judge?.(out) ?? (differing === undefined ? undefined : `${differing} differs`);
  const isLost = !mayLose && !out.startsWith(visible.get(OUT)?.toString() ?? '');
  const lost = isLost ? 'of what was seen something is gone' : undefined;
  if (status === 0) {
    const detail = lost ?? wrong;
    return detail === undefined ? right('the same') : { kind: 'differs', failed: true, detail };
  }
  const [, code] = CODE.exec(stderr.trimEnd().split('\n').at(-1) ?? '') ?? [];
  if (code === undefined) return { kind: `status ${status}`, failed: true, detail: stderr };
  if (code === 'RECOVER_ENDED' && wrong === undefined) return right('refused: it had ended');
  if (!hasSeen(visible)) return right('refused: nothing was seen so far');
  if (mayLose) return right(`refused: ${code}`);
  const isBackupsLost = durability === 'backup-disk' && loss === 'disk' && !hasBackups(left.get('disk')!);
  // Of the primary's nothing needs to be there.
  if (isBackupsLost && ['RECOVER_LACKING', 'LOG_MISSING'].includes(code)) return right(`refused: ${code}`);
  return { kind: `refused: ${code}`, failed: true, detail: stderr };
}

/** Whether the log of the first view's backup is there. */
function hasBackups(contents: Contents): boolean {
  const [, record] = [...contents].find(([path]) => path.endsWith('-0000000001.json')) ?? [];
  const { backups } = JSON.parse(record!.toString()) as { backups: string[] };
  return contents.has(`logs/${backups[0]}`);
}

const right = (kind: string): Verdict => ({ kind, failed: false, detail: '' });

/** A file that is not there is as good as an empty one. */
function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return (one ?? Buffer.alloc(0)).equals(other ?? Buffer.alloc(0));
}

/** Whether anybody could have seen anything of it. */
export function hasSeen(visible: Contents): boolean {
  return SEEN.some(name => !isUntouched(name, visible.get(name)));
}

export function isSeenAlike(one: Contents, other: Contents): boolean {
  return SEEN.every(name => isSame(one.get(name), other.get(name)));
}

function isUntouched(name: (typeof SEEN)[number], bytes: Buffer | undefined): boolean {
  return bytes === undefined || (name === DISK ? bytes.every(byte => byte === 0) : bytes.length === 0);
}
