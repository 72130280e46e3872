// fd_readdir: the entries of a directory, as many as fit, the last one cut off where the buffer ends.
//
//    0  8  cookie to go on from after this entry
//    8  8  inode
//   16  4  length of the name, bytes
//   20  1  filetype
//   21  3  zero
//   24     name
//
// A full buffer says that there may be more; the program drops the entry that was cut and asks again from the cookie
// of the one before.

import { FILETYPE_DIRECTORY, RIGHT_FD_READDIR } from '../abi.js';
import type { Core } from '../core.js';
import { COOKIE_PARENT, COOKIE_SELF } from '../directory-entries.js';
import { EBADF, ENOTCAPABLE, ENOTDIR, fail } from '../errno.js';
import { bytesOfText } from '../memory.js';
import { type DirectoryInode, filetypeOf, type Tree } from '../tree.js';
import { type Call, guard, u32 } from './guard.js';

const HEAD_BYTES = 24;

interface Item {
  readonly cookie: number;
  readonly inode: number;
  readonly filetype: number;
  readonly name: string;
}

function* items(tree: Tree, directory: DirectoryInode, cookie: number): Iterable<Item> {
  const filetype = FILETYPE_DIRECTORY;
  if (cookie < COOKIE_SELF) yield { cookie: COOKIE_SELF, inode: directory.number, filetype, name: '.' };
  if (cookie < COOKIE_PARENT) yield { cookie: COOKIE_PARENT, inode: directory.parent, filetype, name: '..' };
  for (const entry of directory.entries.after(cookie)) {
    yield { ...entry, filetype: filetypeOf(tree.at(entry.inode)) };
  }
}

function encode({ cookie, inode, filetype, name }: Item): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + name.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(cookie), true);
  view.setBigUint64(8, BigInt(inode), true);
  view.setUint32(16, name.length, true);
  view.setUint8(20, filetype);
  bytes.set(bytesOfText(name), HEAD_BYTES);
  return bytes;
}

function readDirectory(core: Core, fd: number, buffer: Uint8Array, cookie: bigint): number {
  const descriptor = core.descriptors.get(fd);
  if (descriptor.kind !== 'directory') fail(descriptor.kind === 'file' ? ENOTDIR : EBADF);
  if ((descriptor.rights & RIGHT_FD_READDIR) === 0) fail(ENOTCAPABLE);
  const { volume, inode } = core.directory(fd, 0);
  // A cookie is what we gave; one that nobody gave lies after everything.
  const from = cookie < 0n || cookie > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(cookie);
  let used = 0;
  for (const item of items(volume.tree, inode, from)) {
    if (used === buffer.length) break;
    const piece = encode(item).subarray(0, buffer.length - used);
    buffer.set(piece, used);
    used += piece.length;
  }
  return used;
}

export function readdirCalls(core: Core): Record<string, Call> {
  const { memory } = core;
  return {
    fd_readdir: guard((fd: number, buffer: number, length: number, cookie: bigint, result: number) => {
      const target = memory.range(u32(buffer), u32(length));
      const view = memory.view(u32(result), 4);
      view.setUint32(u32(result), readDirectory(core, u32(fd), target, cookie), true);
    }),
  };
}
