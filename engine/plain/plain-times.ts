// When a plain run put out what, in memory shared with who asked for it: a run that is cut short can't say so itself.
//
//   Float64 [0] marks   [1] end, ms (0: has not ended)   then for each mark: ms | bytes printed and operations asked for so far
//   times are those since `begin`

import type { SocketAddress } from '../../devices/connection/socket-address.js';
import type { DeviceSource } from '../../devices/device-kind.js';
import type { MachineOptions } from '../guest/machine-options.js';

/** What the thread of a plain run says: where it listens, and how its guest has ended. */
export type PlainThreadMessage =
  | { readonly type: 'listens'; readonly addresses: readonly SocketAddress[] }
  | { readonly type: 'ended'; readonly outcome: PlainEnd }
  | { readonly type: 'refused'; readonly code: string; readonly message: string; readonly hint: string };

/** How a plain guest ended. */
export interface PlainEnd {
  readonly kind: 'exit' | 'trap';
  /** Of an exit. */
  readonly status: number;
}

/** What the thread of a plain run is given. */
export interface PlainThreadData {
  /** Compiled already: all plain runs share its code. */
  readonly module: Uint8Array | WebAssembly.Module;
  /** The program's name and its arguments. */
  readonly arguments: readonly string[];
  /** Files that serve as disks. */
  readonly disks: readonly string[];
  /** What it reads from stdin before its end; nothing, if not said. */
  readonly input?: Uint8Array;
  /** Where it listens. */
  readonly listen?: readonly SocketAddress[];
  /** The world of a WASI program; without it the guest is a bare one. */
  readonly wasi?: MachineOptions['wasi'];
  /** Folders of a WASI program, in the order of its directories. The run changes what is in them. */
  readonly folders?: readonly DeviceSource[];
  readonly memory: SharedArrayBuffer;
}

/** Marks kept; past them only the last one moves. */
const MARKS_MAX = 100_000;
/** Marks that are nearer to the one before are left out, ms. */
const MARK_APART_MS = 0.25;
const FIRST_MARK = 2;

export class PlainTimes {
  readonly #words: Float64Array;
  #startMs = 0;
  #outputs = 0;

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(8 * (FIRST_MARK + 2 * MARKS_MAX));
  }

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Float64Array(memory);
  }

  begin(): void {
    this.#startMs = performance.now();
  }

  /** @param outputs bytes, or operations */
  putOut(outputs: number): void {
    this.#outputs += outputs;
    const ms = performance.now() - this.#startMs;
    const marks = this.#words[0]!;
    const before = marks < 2 ? -Infinity : this.#words[FIRST_MARK + 2 * (marks - 2)]!;
    const at = ms - before < MARK_APART_MS || marks === MARKS_MAX ? marks - 1 : marks;
    this.#words[FIRST_MARK + 2 * at] = ms;
    this.#words[FIRST_MARK + 2 * at + 1] = this.#outputs;
    this.#words[0] = at + 1;
  }

  end(): void {
    this.#words[1] = performance.now() - this.#startMs;
  }

  /** ms from the first instruction to the end; undefined where it has not ended. */
  get endMs(): number | undefined {
    return this.#words[1] === 0 ? undefined : this.#words[1];
  }

  *marks(): Generator<[ms: number, outputs: number]> {
    for (let mark = 0; mark < this.#words[0]!; mark += 1) {
      yield [this.#words[FIRST_MARK + 2 * mark]!, this.#words[FIRST_MARK + 2 * mark + 1]!];
    }
  }
}
