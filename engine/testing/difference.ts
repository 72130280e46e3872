// Where two sequences of bytes begin to differ, and what stands there, in one line.

import { closeSync, openSync, readSync } from 'node:fs';

/** Bytes shown before and after the place. */
const BEFORE_BYTES = 12;
const AFTER_BYTES = 12;
/** Read at once when files are compared. */
const CHUNK_BYTES = 1 << 20;

export interface Difference {
  /** Offset of the first byte that differs, or the length of the shorter one. */
  readonly offset: number;
  /** The line of a text it lies in, from 1. */
  readonly line?: number;
  /** What was expected there and what was found, quoted; `end` past the last byte. */
  readonly expected: string;
  readonly found: string;
}

export function firstDifference(expected: Uint8Array, found: Uint8Array): Difference | undefined {
  const offset = differsAt(expected, found);
  if (offset === undefined) return undefined;
  let line = 1;
  for (let at = 0; at < offset; at++) if (expected[at] === 0x0a) line += 1;
  return { offset, line, expected: quote(expected, offset), found: quote(found, offset) };
}

/** As `firstDifference`, without holding more than a piece of each file. */
export function firstFileDifference(expectedPath: string, foundPath: string): Difference | undefined {
  const expectedFile = openSync(expectedPath, 'r');
  try {
    const foundFile = openSync(foundPath, 'r');
    try {
      return differenceOfOpened(expectedFile, foundFile);
    } finally {
      closeSync(foundFile);
    }
  } finally {
    closeSync(expectedFile);
  }
}

function differenceOfOpened(expectedFile: number, foundFile: number): Difference | undefined {
  for (let start = 0; ; start += CHUNK_BYTES) {
    const expected = readPiece(expectedFile, start);
    const found = readPiece(foundFile, start);
    const at = differsAt(expected, found);
    if (at !== undefined) return { offset: start + at, expected: quote(expected, at), found: quote(found, at) };
    if (expected.length < CHUNK_BYTES) return undefined;
  }
}

function readPiece(file: number, start: number): Uint8Array {
  const bytes = Buffer.alloc(CHUNK_BYTES);
  let length = 0;
  for (;;) {
    const read = readSync(file, bytes, length, CHUNK_BYTES - length, start + length);
    if (read === 0) return bytes.subarray(0, length);
    length += read;
  }
}

function differsAt(expected: Uint8Array, found: Uint8Array): number | undefined {
  const shorter = Math.min(expected.length, found.length);
  // Whole pieces first: a native comparison is a hundred times as fast as a loop.
  if (expected.length === found.length && Buffer.compare(expected, found) === 0) return undefined;
  for (let at = 0; at < shorter; at++) if (expected[at] !== found[at]) return at;
  return expected.length === found.length ? undefined : shorter;
}

function quote(bytes: Uint8Array, offset: number): string {
  if (offset >= bytes.length) return 'end';
  const piece = bytes.subarray(Math.max(0, offset - BEFORE_BYTES), offset + AFTER_BYTES);
  // Latin-1 names every byte; JSON shows what can't be printed.
  return JSON.stringify(Buffer.from(piece).toString('latin1'));
}

/** `byte 120 (line 3): expected "…", found "…"`. */
export function describeDifference({ offset, line, expected, found }: Difference): string {
  const where = line === undefined ? `byte ${offset}` : `byte ${offset} (line ${line})`;
  return `${where}: expected ${expected}, found ${found}`;
}
