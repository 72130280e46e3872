// What came out of a machine on one of its streams, byte for byte, and waiting for what is to come.

import { Writable } from 'node:stream';
import type { Changes } from './awaited-change.js';

/** Of what was seen, so much is shown where something was waited for in vain. */
const SHOWN_MAX = 200;

export type Wanted = string | RegExp | Uint8Array;

export class Transcript {
  readonly name: string;
  readonly #changes: Changes;
  readonly #pieces: Buffer[] = [];
  #whole: Buffer = Buffer.alloc(0);

  constructor(name: string, changes: Changes) {
    this.name = name;
    this.#changes = changes;
  }

  /** All of it, so far. */
  get bytes(): Buffer {
    if (this.#pieces.length > 0) this.#whole = Buffer.concat([this.#whole, ...this.#pieces.splice(0)]);
    return this.#whole;
  }

  /** The same as UTF-8. */
  get text(): string {
    return this.bytes.toString();
  }

  /** Where a device writes. */
  writable(): Writable {
    return new Writable({
      write: (piece: Buffer, _encoding, done) => {
        // A copy: the bytes may lie in a buffer that the socket uses again.
        this.add(Buffer.from(piece));
        done();
      },
    });
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#changes.notify();
  }

  /**
   * Waits until it holds this text, matches, or has so many bytes; answers all of it.
   * @throws EpochvisorError WAITED_TOO_LONG, MACHINE_OVER
   */
  until(wanted: Wanted | number): Promise<string> {
    const holds = () => (isIn(this.bytes, wanted) ? this.text : undefined);
    return this.#changes.until(
      holds,
      () => `${describeWanted(wanted)} on ${this.name}, which has ${shown(this.bytes)}`,
    );
  }
}

function isIn(bytes: Buffer, wanted: Wanted | number): boolean {
  if (typeof wanted === 'number') return bytes.length >= wanted;
  return wanted instanceof RegExp ? wanted.test(bytes.toString()) : bytes.includes(Buffer.from(wanted));
}

function describeWanted(wanted: Wanted | number): string {
  if (typeof wanted === 'number') return `${wanted} bytes`;
  return wanted instanceof RegExp ? String(wanted) : shown(Buffer.from(wanted));
}

/** The end of it, quoted. */
export function shown(bytes: Buffer): string {
  const text = JSON.stringify(bytes.subarray(-SHOWN_MAX).toString());
  return bytes.length > SHOWN_MAX ? `${bytes.length} bytes, the last of them ${text}` : text;
}
