// The file, and what each client appended last: an append that is asked for again is answered, not made.

/** Bytes of the file at most: each replica holds it, and each read copies it. */
const FILE_BYTES_MAX: i32 = 64 << 20;
/** Clients at most: what is kept of one stays for ever, or it could append twice. */
const CLIENTS_MAX: i32 = 10_000;

/** Answers of `append` that are no offset. */
export const OLD: i32 = -1;
export const FULL: i32 = -2;
export const CROWDED: i32 = -3;

class Latest {
  constructor(
    public sequence: i64,
    public offset: i32,
  ) {}
}

let bytes = new Uint8Array(64 * 1024);
export let fileLength: i32 = 0;
const latestOf = new Map<string, Latest>();

/** Where the appended bytes begin; OLD, FULL or CROWDED. */
export function append(client: string, sequence: i64, from: usize, length: i32): i32 {
  const latest: Latest | null = latestOf.has(client) ? latestOf.get(client) : null;
  if (latest != null && sequence <= latest.sequence) return sequence == latest.sequence ? latest.offset : OLD;
  if (length > FILE_BYTES_MAX - fileLength) return FULL;
  if (latest == null && latestOf.size == CLIENTS_MAX) return CROWDED;
  if (fileLength + length > bytes.length) {
    const greater = new Uint8Array(min(max(2 * bytes.length, fileLength + length), FILE_BYTES_MAX));
    memory.copy(greater.dataStart, bytes.dataStart, fileLength);
    bytes = greater;
  }
  const offset = fileLength;
  memory.copy(bytes.dataStart + <usize>offset, from, length);
  fileLength += length;
  if (latest == null) {
    latestOf.set(client, new Latest(sequence, offset));
  } else {
    latest.sequence = sequence;
    latest.offset = offset;
  }
  return offset;
}

/** The file's bytes from an offset on: valid until the next append. */
export function fileAt(offset: i32): usize {
  return bytes.dataStart + <usize>offset;
}
