// A machine's snapshot from a stream of chunks (chunks.ts), which may be hostile: it becomes a snapshot, or an error.

import type { MachineSnapshot } from '../guest/guest-state.js';
import {
  CHUNK_RUN,
  CHUNK_STATE,
  CHUNK_TRAILER,
  ChunkReader,
  HEADER_BYTES,
  invalid,
  RUN_HEADER_BYTES,
  TRAILER_BYTES,
} from './chunks.js';
import { BLOB_BYTES_MIN, decodePlain } from './plain-data.js';
import { assertShape } from './snapshot-shape.js';

/** A guest's memory has at most 4 GiB, and its files as much: more is a lie. */
const BLOBS_BYTES_MAX = 16 * 2 ** 30;

export class SnapshotDecoder {
  readonly #reader = new ChunkReader((kind, payload, offset) => this.#chunk(kind, payload, offset));
  #pieces: Buffer[] = [];
  #stateBytes = 0;
  #snapshot: MachineSnapshot | undefined;
  readonly #blobs: Uint8Array[] = [];
  #blobBytes = 0;
  #runBytes = 0;
  #complete = false;

  /** Takes bytes of the snapshot, in pieces of any size. @throws EpochvisorError SNAPSHOT_INVALID */
  push(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    const { bytes: position, whole } = this.#reader.position;
    if (this.#complete && !whole) throw invalid('something behind its end', position);
  }

  /** Whether the end was reached. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * The snapshot, all of it. Its long byte arrays lie in shared memory: they pass to another thread without being copied.
   *
   * @throws EpochvisorError SNAPSHOT_INVALID
   */
  finish(): MachineSnapshot {
    if (!this.#complete || this.#snapshot === undefined) {
      throw invalid('the end is missing', this.#reader.position.bytes);
    }
    return this.#snapshot;
  }

  #chunk(kind: number, payload: Buffer, offset: number): void {
    if (this.#complete) throw invalid('something behind its end', offset);
    if (kind === CHUNK_STATE) {
      if (this.#snapshot !== undefined) throw invalid('state behind its end', offset);
      this.#pieces.push(Buffer.from(payload));
      this.#stateBytes += payload.length;
      return;
    }
    this.#decodeState();
    if (kind === CHUNK_RUN) this.#run(payload, offset);
    else if (kind === CHUNK_TRAILER) this.#trailer(payload, offset);
    else throw invalid(`a chunk of kind ${kind}`, offset);
  }

  /** All of the state is there. */
  #decodeState(): void {
    if (this.#snapshot !== undefined) return;
    const value = decodePlain(Buffer.concat(this.#pieces), (number, length) => this.#blob(number, length));
    assertShape(value, HEADER_BYTES);
    this.#pieces = [];
    this.#snapshot = value;
  }

  #blob(number: number, length: number): Uint8Array {
    const fits =
      Number.isSafeInteger(length) && length >= BLOB_BYTES_MIN && length <= BLOBS_BYTES_MAX - this.#blobBytes;
    if (number !== this.#blobs.length || !fits) throw invalid(`byte array ${number} of ${length} bytes`, HEADER_BYTES);
    let blob: Uint8Array;
    try {
      blob = new Uint8Array(new SharedArrayBuffer(length));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw invalid(`a byte array of ${length} bytes, for which this host has no memory`, HEADER_BYTES);
    }
    this.#blobs.push(blob);
    this.#blobBytes += length;
    return blob;
  }

  #run(payload: Buffer, offset: number): void {
    if (payload.length < RUN_HEADER_BYTES) throw invalid('a run that is too short', offset);
    const blob = this.#blobs[payload.readUInt32LE(0)];
    const at = payload.readDoubleLE(4);
    const bytes = payload.subarray(RUN_HEADER_BYTES);
    const fits = blob !== undefined && Number.isSafeInteger(at) && at >= 0 && at + bytes.length <= blob.length;
    if (!fits) throw invalid('a run that lies nowhere', offset);
    blob.set(bytes, at);
    this.#runBytes += bytes.length;
  }

  #trailer(payload: Buffer, offset: number): void {
    const agrees =
      payload.length === TRAILER_BYTES &&
      payload.readDoubleLE(0) === this.#stateBytes &&
      payload.readDoubleLE(8) === this.#blobBytes &&
      payload.readDoubleLE(16) === this.#runBytes;
    if (!agrees) throw invalid('a trailer that tells of something else', offset);
    this.#complete = true;
  }
}
