// Where the bytes of a segment (segments.ts) are read from: a file, or memory.

/** A segment's bytes, wherever they are. */
export interface SegmentSource {
  /** In messages. */
  readonly path: string;
  readonly size: number;
  /** Bytes of it that lie there; to be looked at before the next ones are taken. */
  take(at: number, length: number): Uint8Array;
}
