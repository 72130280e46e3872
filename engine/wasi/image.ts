// The image of a folder: the tree of files that a directory device sends at boot, and every replica's kernel reads.
//
// One sequence of bytes, cut into chunks anywhere. All numbers are little-endian.
//
//   header                                    entry
//    0  7  magic "EVIMAGE"                     0  1  kind: 1 directory, 2 file, 3 symbolic link,
//    7  1  version, 1                                4 one more name of a file that came before, 255 end
//    8     entries, the last of kind 255       1  1  bit 0: the host lets nobody write to it
//                                              2  2  length of the name, bytes
//                                              4  4  inode
//                                              8  4  inode of the directory it is in
//                                             12  4  zero
//                                             16  8  length of what follows the name: a file's content,
//                                                    a link's target; 0 for the other kinds
//                                             24  8  time of the last access, ns since 1970, signed
//                                             32  8  time of the last change of the content
//                                             40  8  time of the last change of the inode
//                                             48     name, then content or target
//
// The first entry is the root: inode ROOT_INODE, in itself, without a name. A directory comes before what is in it.
// Inode numbers are the device's, below FIRST_NEW_INODE; files made later get theirs from the kernel, from there on.
// The order of entries is the device's, and the same for equal trees (directories by bytes of the name).

import { EpochvisorError } from '../errors/errors.js';

export const ROOT_INODE = 1;
/** Inode numbers of the image lie below, those of files made by the program from here up. */
export const FIRST_NEW_INODE = 0x4000_0000;

const MAGIC = [0x45, 0x56, 0x49, 0x4d, 0x41, 0x47, 0x45];
const VERSION = 1;
const HEADER_BYTES = 8;
const HEAD_BYTES = 48;

const KIND_DIRECTORY = 1;
const KIND_FILE = 2;
const KIND_SYMLINK = 3;
const KIND_NAME = 4;
const KIND_END = 255;

const FLAG_READ_ONLY = 1;

/** A name is at most this long, as on Linux; a link's target likewise. */
export const NAME_BYTES_MAX = 255;
export const TARGET_BYTES_MAX = 4096;

export type ImageEntryKind = 'directory' | 'file' | 'symlink' | 'name';

export interface ImageEntry {
  readonly kind: ImageEntryKind;
  readonly readOnly: boolean;
  readonly name: Uint8Array;
  readonly inode: number;
  readonly parent: number;
  /** Bytes of the content or target that follow; 0 for directories and further names. */
  readonly sizeBytes: number;
  /** Nanoseconds since 1970. */
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

const KINDS: Readonly<Record<ImageEntryKind, number>> = {
  directory: KIND_DIRECTORY,
  file: KIND_FILE,
  symlink: KIND_SYMLINK,
  name: KIND_NAME,
};
const KIND_NAMES: readonly (ImageEntryKind | undefined)[] = [undefined, 'directory', 'file', 'symlink', 'name'];

/** The first bytes of an image. */
export function encodeImageHeader(): Uint8Array {
  return Uint8Array.from([...MAGIC, VERSION]);
}

/** Head and name of an entry; `sizeBytes` bytes of content have to follow. */
export function encodeImageEntry(entry: ImageEntry): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + entry.name.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, KINDS[entry.kind]);
  view.setUint8(1, entry.readOnly ? FLAG_READ_ONLY : 0);
  view.setUint16(2, entry.name.length, true);
  view.setUint32(4, entry.inode, true);
  view.setUint32(8, entry.parent, true);
  view.setBigUint64(16, BigInt(entry.sizeBytes), true);
  view.setBigInt64(24, entry.accessedNs, true);
  view.setBigInt64(32, entry.modifiedNs, true);
  view.setBigInt64(40, entry.changedNs, true);
  bytes.set(entry.name, HEAD_BYTES);
  return bytes;
}

/** The last entry: without it an image is cut off. */
export function encodeImageEnd(): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  bytes[0] = KIND_END;
  return bytes;
}

/** What a decoder finds, in order. */
export interface ImageSink {
  entry(entry: ImageEntry): void;
  /** A piece of the content or target of the last entry; pieces come in order. The bytes are the caller's. */
  content(bytes: Uint8Array): void;
}

function malformed(what: string): EpochvisorError {
  return new EpochvisorError('IMAGE_MALFORMED', `malformed image of a directory: ${what}`);
}

/** A decoder between two chunks, as plain data. */
export interface ImageDecoderState {
  readonly partial: Uint8Array;
  readonly wantedBytes: number;
  readonly contentBytes: number;
  readonly at: 'header' | 'entry' | 'end';
}

/** Reads an image chunk by chunk. Holds at most one head and name beyond what it is given. */
export class ImageDecoder {
  readonly #sink: ImageSink;
  /** Bytes of a header, or of a head with its name, that is not complete. */
  readonly #partial: Uint8Array = new Uint8Array(HEAD_BYTES + NAME_BYTES_MAX);
  #partialBytes = 0;
  #wantedBytes = HEADER_BYTES;
  /** Content that is still to come. */
  #contentBytes = 0;
  #at: ImageDecoderState['at'] = 'header';

  constructor(sink: ImageSink, state?: ImageDecoderState) {
    this.#sink = sink;
    if (state === undefined) return;
    this.#partial.set(state.partial);
    this.#partialBytes = state.partial.length;
    this.#wantedBytes = state.wantedBytes;
    this.#contentBytes = state.contentBytes;
    this.#at = state.at;
  }

  save(): ImageDecoderState {
    const partial = this.#partial.slice(0, this.#partialBytes);
    return { partial, wantedBytes: this.#wantedBytes, contentBytes: this.#contentBytes, at: this.#at };
  }

  /** Whether the whole image was read. */
  get complete(): boolean {
    return this.#at === 'end';
  }

  /** @throws EpochvisorError IMAGE_MALFORMED */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#at === 'end') throw malformed('bytes after its end');
      if (this.#contentBytes > 0) {
        const piece = chunk.subarray(at, at + this.#contentBytes);
        this.#contentBytes -= piece.length;
        at += piece.length;
        this.#sink.content(piece);
        continue;
      }
      const piece = chunk.subarray(at, at + this.#wantedBytes - this.#partialBytes);
      this.#partial.set(piece, this.#partialBytes);
      this.#partialBytes += piece.length;
      at += piece.length;
      if (this.#partialBytes === this.#wantedBytes) this.#complete();
    }
  }

  #complete(): void {
    if (this.#at === 'header') {
      if (!MAGIC.every((byte, index) => this.#partial[index] === byte)) throw malformed('it begins with other bytes');
      if (this.#partial[MAGIC.length] !== VERSION) throw malformed(`version ${this.#partial[MAGIC.length]}`);
      this.#at = 'entry';
      this.#expect(HEAD_BYTES);
      return;
    }
    const view = new DataView(this.#partial.buffer);
    const nameBytes = view.getUint16(2, true);
    if (nameBytes > NAME_BYTES_MAX) throw malformed(`a name of ${nameBytes} bytes`);
    if (this.#wantedBytes < HEAD_BYTES + nameBytes) {
      this.#wantedBytes = HEAD_BYTES + nameBytes;
      return;
    }
    if (view.getUint8(0) === KIND_END) {
      this.#at = 'end';
      return;
    }
    const entry = this.#entry(view, nameBytes);
    this.#expect(HEAD_BYTES);
    this.#contentBytes = entry.sizeBytes;
    this.#sink.entry(entry);
  }

  #expect(bytes: number): void {
    this.#partialBytes = 0;
    this.#wantedBytes = bytes;
  }

  #entry(view: DataView, nameBytes: number): ImageEntry {
    const kind = KIND_NAMES[view.getUint8(0)];
    if (kind === undefined) throw malformed(`an entry of kind ${view.getUint8(0)}`);
    const size = view.getBigUint64(16, true);
    const sizeMax = kind === 'file' ? Number.MAX_SAFE_INTEGER : kind === 'symlink' ? TARGET_BYTES_MAX : 0;
    if (size > BigInt(sizeMax)) throw malformed(`a ${kind} of ${size} bytes`);
    return {
      kind,
      readOnly: (view.getUint8(1) & FLAG_READ_ONLY) !== 0,
      name: this.#partial.slice(HEAD_BYTES, HEAD_BYTES + nameBytes),
      inode: view.getUint32(4, true),
      parent: view.getUint32(8, true),
      sizeBytes: Number(size),
      accessedNs: view.getBigInt64(24, true),
      modifiedNs: view.getBigInt64(32, true),
      changedNs: view.getBigInt64(40, true),
    };
  }
}
