// The console: text and bytes out, lines in. One call is one output, so a line is never seen in parts.
import { interruptEnable, Status, Stream, streamRead, streamWrite, wait } from './hardware';
import { decode, encode, encodedLength } from './text';

const OUTPUT_BYTES: i32 = 4096;
const output: usize = memory.data(4096);
const INPUT_BYTES: i32 = 4096;
const input: usize = memory.data(4096);

const NEWLINE: u8 = 10;

/** Writes text to stdout. */
export function print(text: string): void {
  put(Stream.OUTPUT, text, false);
}

/** Writes text and a newline to stdout. */
export function println(text: string = ''): void {
  put(Stream.OUTPUT, text, true);
}

/** Writes text to stderr. */
export function printError(text: string): void {
  put(Stream.ERROR, text, false);
}

/** Writes text and a newline to stderr. */
export function printlnError(text: string = ''): void {
  put(Stream.ERROR, text, true);
}

/** Writes bytes to stdout as they are. */
export function printBytes(bytes: Uint8Array): void {
  streamWrite(Stream.OUTPUT, bytes.dataStart, bytes.length);
}

function put(stream: Stream, text: string, newline: bool): void {
  const room = encodedLength(text) + 1;
  if (room <= OUTPUT_BYTES) {
    putAt(stream, text, newline, output);
  } else {
    const buffer = new ArrayBuffer(room);
    putAt(stream, text, newline, changetype<usize>(buffer));
  }
}

function putAt(stream: Stream, text: string, newline: bool, buffer: usize): void {
  let length = encode(text, buffer);
  if (newline) {
    store<u8>(buffer + <usize>length, NEWLINE);
    length++;
  }
  if (length > 0) streamWrite(stream, buffer, length);
}

/** Lines of one input stream. A line may be as long as memory allows. */
export class LineReader {
  /** What was read and not yet handed out: `held` from `first` to `last`. */
  private held: Uint8Array = new Uint8Array(INPUT_BYTES);
  private first: i32 = 0;
  private last: i32 = 0;
  private ended: bool = false;

  constructor(private stream: i32) {}

  /** The next line's bytes without their newline, or null at the end. A last line without a newline counts. */
  nextBytes(): Uint8Array | null {
    let searched = this.first;
    while (true) {
      for (let at = searched; at < this.last; at++) {
        if (unchecked(this.held[at]) == NEWLINE) return this.handOut(at, at + 1);
      }
      searched = this.last - this.first;
      if (this.ended || !this.fill()) {
        return this.last > this.first ? this.handOut(this.last, this.last) : null;
      }
      searched += this.first;
    }
  }

  /** The next line as text, or null at the end. */
  next(): string | null {
    const bytes = this.nextBytes();
    return bytes == null ? null : decode(bytes.dataStart, bytes.length);
  }

  private handOut(end: i32, following: i32): Uint8Array {
    const bytes = this.held.slice(this.first, end);
    this.first = following;
    return bytes;
  }

  /** Waits for more bytes; false at the end of the stream. */
  private fill(): bool {
    const count = waitAndRead(this.stream);
    if (count < 0) {
      this.ended = true;
      return false;
    }
    this.makeRoom(count);
    memory.copy(this.held.dataStart + <usize>this.last, input, count);
    this.last += count;
    return true;
  }

  /** Moves what is held to the front, into a greater array where it would not fit. */
  private makeRoom(count: i32): void {
    const length = this.last - this.first;
    if (this.last + count <= this.held.length) return;
    const target = length + count <= this.held.length ? this.held : new Uint8Array((length + count) * 2);
    memory.copy(target.dataStart, this.held.dataStart + <usize>this.first, length);
    this.held = target;
    this.first = 0;
    this.last = length;
  }
}

/** Reads what was delivered into `input`, waiting for the first byte: their number, or a negative status. */
function waitAndRead(stream: i32): i32 {
  const enabled = interruptEnable(false);
  let count = streamRead(stream, input, INPUT_BYTES);
  while (count == 0) {
    wait();
    count = streamRead(stream, input, INPUT_BYTES);
  }
  interruptEnable(enabled);
  return count;
}

const standardInput = new LineReader(Stream.INPUT);

/** The next line of stdin without its newline, waiting for it; null at the end. */
export function readLine(): string | null {
  return standardInput.next();
}

/** The next line of stdin as bytes. */
export function readLineBytes(): Uint8Array | null {
  return standardInput.nextBytes();
}
