// The full digest of a guest's state (rule SD): hashes of some pages of its memory, of what hardware or kernel hold, and of
// its globals. The primary says at which boundary, and of which pages; a backup computes the same there, and compares.
//
// The pages rotate: every page is looked at in its turn. What a digest costs is measured, and the next one comes not before
// a hundred times as long has passed, so that all of them take 1 % of the guest's time. The least of the last few counts:
// they do about the same work, and where one took longer, the host had something else to do.

import type { StateDigest } from '../protocol/vocabulary.js';
import { captureGlobals, firstMemory } from '../suspend/machine-image.js';
import type { SuspendedStack } from '../suspend/suspended-stack.js';
import type { GuestDevices } from './guest-devices.js';
import type { InterruptController } from './interrupt-controller.js';
import { hashPlain, hashWords } from './plain-hash.js';

/** Time between digests over the time that one takes. */
const SPACING = 100;
/** A digest is a log entry and, at most, a part of its own: not more often than this. */
const SPACING_MIN_NS = 20_000_000;
/** Digests of which the least cost counts. */
const COSTS = 4;
/** Pages in one digest: a pause of a third of a millisecond. */
const PAGES_MAX = 16;
const PAGE_BYTES = 65_536;
const SEED = 0x45505647;

export interface DigestedState {
  readonly stack: SuspendedStack;
  readonly devices: GuestDevices;
  readonly interrupts: InterruptController;
}

export class StateDigests {
  readonly #state: DigestedState;
  #nextPage = 0;
  /** What the last digests took, ns. */
  #costsNs: number[] = [];
  /** The monotonic clock of the machine at which the next one is due, ns. */
  dueNs = SPACING_MIN_NS;

  constructor(state: DigestedState) {
    this.#state = state;
  }

  /** At the primary. @param epoch the present epoch; @param nowNs the machine's monotonic clock */
  take(epoch: number, nowNs: number): StateDigest {
    const begun = process.hrtime.bigint();
    const pages = this.#memory().length / PAGE_BYTES;
    const firstPage = this.#nextPage < pages ? this.#nextPage : 0;
    const count = Math.min(PAGES_MAX, pages - firstPage);
    this.#nextPage = firstPage + count;
    const digest = this.#compute(epoch, firstPage, count);
    this.#costsNs = [Number(process.hrtime.bigint() - begun), ...this.#costsNs.slice(0, COSTS - 1)];
    this.dueNs = nowNs + Math.max(SPACING_MIN_NS, SPACING * Math.min(...this.#costsNs));
    return digest;
  }

  /** Nobody is there to compare. */
  skip(nowNs: number): void {
    this.dueNs = nowNs + SPACING_MIN_NS;
  }

  /** At a backup: what differs, in words; undefined: nothing. */
  difference(epoch: number, theirs: StateDigest): string | undefined {
    const { firstPage, pages } = theirs;
    const have = this.#memory().length / PAGE_BYTES;
    if (firstPage + pages > have) {
      return `the memory has ${have} pages, where the primary's has at least ${firstPage + pages}`;
    }
    const ours = this.#compute(epoch, firstPage, pages);
    if (ours.memory !== theirs.memory) {
      const [from, to] = [firstPage * PAGE_BYTES, (firstPage + pages) * PAGE_BYTES];
      return `memory differs, in pages ${firstPage} to ${firstPage + pages - 1} (addresses ${from} to ${to - 1})`;
    }
    if (ours.kernel !== theirs.kernel) return 'kernel state differs';
    return ours.globals === theirs.globals ? undefined : 'a global differs';
  }

  #compute(epoch: number, firstPage: number, pages: number): StateDigest {
    const { devices, interrupts, stack } = this.#state;
    const memory = this.#memory();
    const words = new Uint32Array(memory.buffer, firstPage * PAGE_BYTES, (pages * PAGE_BYTES) / 4);
    return {
      firstPage,
      pages,
      memory: hashWords(words, SEED ^ memory.length),
      kernel: hashPlain(interrupts.save(), hashPlain(devices.sample(epoch), SEED)),
      globals: hashPlain(
        stack.instances.map(instance => captureGlobals(stack, instance)),
        SEED,
      ),
    };
  }

  #memory(): Uint8Array {
    return firstMemory(this.#state.stack);
  }
}
