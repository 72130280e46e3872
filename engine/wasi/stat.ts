// What fd_filestat_get and path_filestat_get tell of a file.
//
//    0  8  device            24  8  links
//    8  8  inode             32  8  size, bytes
//   16  1  filetype          40  8  time of access, ns since 1970
//   17  7  zero              48  8  time of modification
//                            56  8  time of change of the inode

import { filetypeOf, type Inode, sizeOf } from './tree.js';

export const FILESTAT_BYTES = 64;

/** Directories given to the program have device numbers from here on; streams have none. */
const FIRST_DEVICE = 1;

/** @param volume index of the directory given to the program that the file is in */
export function writeFilestat(view: DataView, at: number, volume: number, inode: Inode): void {
  writeStreamFilestat(view, at, FIRST_DEVICE + volume, inode.number, filetypeOf(inode));
  view.setBigUint64(at + 24, BigInt(inode.links), true);
  view.setBigUint64(at + 32, BigInt(sizeOf(inode)), true);
  view.setBigUint64(at + 40, BigInt.asUintN(64, inode.accessedNs), true);
  view.setBigUint64(at + 48, BigInt.asUintN(64, inode.modifiedNs), true);
  view.setBigUint64(at + 56, BigInt.asUintN(64, inode.changedNs), true);
}

/** What has no size and no times. */
export function writeStreamFilestat(view: DataView, at: number, device: number, inode: number, filetype: number): void {
  view.setBigUint64(at, BigInt(device), true);
  view.setBigUint64(at + 8, BigInt(inode), true);
  view.setBigUint64(at + 16, BigInt(filetype), true);
  view.setBigUint64(at + 24, 1n, true);
  for (let field = 32; field < FILESTAT_BYTES; field += 8) view.setBigUint64(at + field, 0n, true);
}
