// A change of a folder, as the kernel asks a directory device for it (DIRECTORY_CHANGE): the data of one operation.
//
//    0  1  version, 1                                                  little-endian
//    1  1  kind, see KINDS
//    2  2  length of the first name, bytes
//    4  2  length of the second name or of the target, bytes
//    6  2  zero
//    8  4  inode
//   12  4  inode of the directory that the first name is in
//   16  4  inode of the directory that the second name is in
//   20  4  flags: bit 0 the first number is there, bit 1 the second
//   24  8  first number: offset, size, or time of access in ns since 1970 (signed)
//   32  8  second number: time of modification in ns
//   40     first name, second name or target, bytes to write
//
// Files are named by inode, so that a change finds its file whatever names it has by then. A name is one name in one
// directory: the kernel resolves paths and links, the device follows none.

import { CHUNK_BYTES_MAX } from '../../devices/directory/directory-commands.js';
import { EpochvisorError } from '../errors/errors.js';

export type Mutation =
  /** A new, empty file, directory or symbolic link, under a name that is free. */
  | { readonly kind: 'createFile'; readonly inode: number; readonly parent: number; readonly name: Uint8Array }
  | { readonly kind: 'createDirectory'; readonly inode: number; readonly parent: number; readonly name: Uint8Array }
  | {
      readonly kind: 'createSymlink';
      readonly inode: number;
      readonly parent: number;
      readonly name: Uint8Array;
      readonly target: Uint8Array;
    }
  /** One more name of a file. */
  | { readonly kind: 'link'; readonly inode: number; readonly parent: number; readonly name: Uint8Array }
  | { readonly kind: 'unlink'; readonly parent: number; readonly name: Uint8Array }
  | { readonly kind: 'removeDirectory'; readonly parent: number; readonly name: Uint8Array }
  /** Replaces what has the new name: a file a file, a directory an empty directory. */
  | {
      readonly kind: 'rename';
      readonly parent: number;
      readonly name: Uint8Array;
      readonly newParent: number;
      readonly newName: Uint8Array;
    }
  /** Bytes at an offset, at most CHUNK_BYTES_MAX; a gap before them reads as zeros. */
  | { readonly kind: 'write'; readonly inode: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'resize'; readonly inode: number; readonly sizeBytes: number }
  /** Undefined: as it is. Of a symbolic link: of the link itself. */
  | {
      readonly kind: 'setTimes';
      readonly inode: number;
      readonly accessedNs: bigint | undefined;
      readonly modifiedNs: bigint | undefined;
    }
  /** To stable storage: a file, with or without what is not needed to read its data, or a directory. */
  | { readonly kind: 'sync'; readonly inode: number; readonly dataOnly: boolean };

const VERSION = 1;
const HEAD_BYTES = 40;

const KINDS: readonly (Mutation['kind'] | undefined)[] = [
  undefined,
  'createFile',
  'createDirectory',
  'createSymlink',
  'link',
  'unlink',
  'removeDirectory',
  'rename',
  'write',
  'resize',
  'setTimes',
  'sync',
];

const FLAG_FIRST = 1;
const FLAG_SECOND = 2;

const NO_BYTES = new Uint8Array(0);

/** The fields of every kind in one shape: what a kind does not have is empty. */
interface Fields {
  inode: number;
  parent: number;
  newParent: number;
  name: Uint8Array;
  second: Uint8Array;
  bytes: Uint8Array;
  first: bigint | undefined;
  other: bigint | undefined;
}

function fieldsOf(mutation: Mutation): Fields {
  const fields: Fields = {
    inode: 0,
    parent: 0,
    newParent: 0,
    name: NO_BYTES,
    second: NO_BYTES,
    bytes: NO_BYTES,
    first: undefined,
    other: undefined,
  };
  if ('inode' in mutation) fields.inode = mutation.inode;
  if ('parent' in mutation) {
    fields.parent = mutation.parent;
    fields.name = mutation.name;
  }
  switch (mutation.kind) {
    case 'createSymlink':
      fields.second = mutation.target;
      break;
    case 'rename':
      fields.newParent = mutation.newParent;
      fields.second = mutation.newName;
      break;
    case 'write':
      fields.first = BigInt(mutation.offset);
      fields.bytes = mutation.bytes;
      break;
    case 'resize':
      fields.first = BigInt(mutation.sizeBytes);
      break;
    case 'setTimes':
      fields.first = mutation.accessedNs;
      fields.other = mutation.modifiedNs;
      break;
    case 'sync':
      fields.first = mutation.dataOnly ? 1n : 0n;
      break;
  }
  return fields;
}

export function encodeMutation(mutation: Mutation): Uint8Array {
  const { inode, parent, newParent, name, second, bytes, first, other } = fieldsOf(mutation);
  const data = new Uint8Array(HEAD_BYTES + name.length + second.length + bytes.length);
  const view = new DataView(data.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, KINDS.indexOf(mutation.kind));
  view.setUint16(2, name.length, true);
  view.setUint16(4, second.length, true);
  view.setUint32(8, inode, true);
  view.setUint32(12, parent, true);
  view.setUint32(16, newParent, true);
  view.setUint32(20, (first === undefined ? 0 : FLAG_FIRST) | (other === undefined ? 0 : FLAG_SECOND), true);
  view.setBigInt64(24, first ?? 0n, true);
  view.setBigInt64(32, other ?? 0n, true);
  data.set(name, HEAD_BYTES);
  data.set(second, HEAD_BYTES + name.length);
  data.set(bytes, HEAD_BYTES + name.length + second.length);
  return data;
}

function malformed(what: string): EpochvisorError {
  return new EpochvisorError('MUTATION_MALFORMED', `malformed change of a directory: ${what}`);
}

/** A number that has to be there, and to be an offset or a size. */
function natural(value: bigint | undefined): number {
  if (value === undefined || value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw malformed(`offset or size ${value}`);
  }
  return Number(value);
}

/**
 * The bytes of the result are views of `data`.
 * @throws EpochvisorError MUTATION_MALFORMED
 */
export function decodeMutation(data: Uint8Array): Mutation {
  if (data.length < HEAD_BYTES) throw malformed(`${data.length} bytes`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (view.getUint8(0) !== VERSION) throw malformed(`version ${view.getUint8(0)}`);
  const secondAt = HEAD_BYTES + view.getUint16(2, true);
  const bytesAt = secondAt + view.getUint16(4, true);
  if (bytesAt > data.length) throw malformed('names beyond its end');
  const flags = view.getUint32(20, true);
  return mutationOf(KINDS[view.getUint8(1)], {
    inode: view.getUint32(8, true),
    parent: view.getUint32(12, true),
    newParent: view.getUint32(16, true),
    name: data.subarray(HEAD_BYTES, secondAt),
    second: data.subarray(secondAt, bytesAt),
    bytes: data.subarray(bytesAt),
    first: (flags & FLAG_FIRST) === 0 ? undefined : view.getBigInt64(24, true),
    other: (flags & FLAG_SECOND) === 0 ? undefined : view.getBigInt64(32, true),
  });
}

function mutationOf(kind: Mutation['kind'] | undefined, fields: Fields): Mutation {
  const { inode, parent, newParent, name, second, bytes, first, other } = fields;
  switch (kind) {
    case 'createFile':
    case 'createDirectory':
    case 'link':
      return { kind, inode, parent, name };
    case 'createSymlink':
      return { kind, inode, parent, name, target: second };
    case 'unlink':
    case 'removeDirectory':
      return { kind, parent, name };
    case 'rename':
      return { kind, parent, name, newParent, newName: second };
    case 'write':
      if (bytes.length > CHUNK_BYTES_MAX) throw malformed(`${bytes.length} bytes to write`);
      return { kind, inode, offset: natural(first), bytes };
    case 'resize':
      return { kind, inode, sizeBytes: natural(first) };
    case 'setTimes':
      return { kind, inode, accessedNs: first, modifiedNs: other };
    case 'sync':
      return { kind, inode, dataOnly: natural(first) !== 0 };
    default:
      throw malformed('a kind that is not known');
  }
}
