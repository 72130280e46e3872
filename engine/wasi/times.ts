// Setting the times of a file: what the flags of fd_filestat_set_times and path_filestat_set_times ask for.

import { FSTFLAGS_ALL, FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW, FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW } from './abi.js';
import type { Core } from './core.js';
import { EACCES, EINVAL, EROFS, fail } from './errno.js';
import type { Inode } from './tree.js';

/** EINVAL: a flag that does not exist, or a time that is both given and now. */
export function checkTimeFlags(flags: number): void {
  const both = (given: number, now: number): boolean => (flags & given) !== 0 && (flags & now) !== 0;
  if ((flags & ~FSTFLAGS_ALL) !== 0) fail(EINVAL);
  if (both(FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW) || both(FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW)) fail(EINVAL);
}

/** Times are signed ns since 1970; EROFS, EACCES, or what the device says. */
export function setTimes(
  core: Core,
  volume: number,
  inode: Inode,
  accessedNs: bigint,
  modifiedNs: bigint,
  flags: number,
): void {
  const disk = core.volumes[volume]!;
  if (disk.readOnly) fail(EROFS);
  if (inode.readOnly) fail(EACCES);
  const wanted = (now: bigint) => ({
    accessedNs: pick(flags, FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW, accessedNs, now),
    modifiedNs: pick(flags, FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW, modifiedNs, now),
  });
  if (flags === 0) return;
  const now = disk.reaches(inode)
    ? core.perform(volume, nowNs => ({ kind: 'setTimes', inode: inode.number, ...wanted(nowNs) }))
    : core.now();
  const times = wanted(now);
  inode.accessedNs = times.accessedNs ?? inode.accessedNs;
  inode.modifiedNs = times.modifiedNs ?? inode.modifiedNs;
  inode.changedNs = now;
}

function pick(flags: number, given: number, current: number, time: bigint, now: bigint): bigint | undefined {
  if ((flags & given) !== 0) return BigInt.asIntN(64, time);
  return (flags & current) !== 0 ? now : undefined;
}
