// The full digest of a guest's state (rule SD): hashes of some pages of its memory, of what hardware or kernel hold, and of
// its globals. The primary says at which boundary, and of which pages; a backup computes the same there, and compares.
//
// The pages rotate: every page is looked at in its turn, so many at a time that the guest does not feel the pause, however large
// its memory is. What a digest took is measured, and the next one comes not before so long has passed that all of them take the
// share of time that is theirs: a hundred times as long for 1 %. On a host that has other things to do some take far longer than
// they work; so does all else that the guest does there, and the share is one of the time that it is given.

import type { StateDigest } from '../protocol/vocabulary.js';
import { captureGlobals, firstMemory } from '../suspend/machine-image.js';
import type { SuspendedStack } from '../suspend/suspended-stack.js';
import type { GuestDevices } from './guest-devices.js';
import type { InterruptController } from './interrupt-controller.js';
import { VERIFY_SHARE } from './machine-options.js';
import { hashPlain, hashWords } from './plain-hash.js';
import { VerificationAccount } from './verification-account.js';

/**
 * A digest is a log entry and, at most, a part of its own, which costs more than the digest of a small guest: not more often
 * than this at the usual share, at another one in proportion.
 */
const USUAL_SPACING_MIN_NS = 20_000_000;
/** What one can take on a busy host; where it took longer the host, or this process, stood still. */
const COST_MAX_NS = 250_000_000;
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
  readonly account = new VerificationAccount();
  /** Time between digests over the time that one takes. */
  readonly #spacing: number;
  readonly #spacingMinNs: number;
  #nextPage = 0;
  /** The monotonic clock of the machine at which the next one is due, ns. */
  dueNs: number;

  /** @param share of this replica's time */
  constructor(state: DigestedState, share: number = VERIFY_SHARE.usual) {
    this.#state = state;
    this.#spacing = 1 / share;
    this.#spacingMinNs = (USUAL_SPACING_MIN_NS * VERIFY_SHARE.usual) / share;
    this.dueNs = this.#spacingMinNs;
  }

  /** At the primary. @param epoch the present epoch; @param nowNs the machine's monotonic clock */
  take(epoch: number, nowNs: number): StateDigest {
    const begunMs = performance.now();
    const pages = this.#memory().length / PAGE_BYTES;
    const firstPage = this.#nextPage < pages ? this.#nextPage : 0;
    const count = Math.min(PAGES_MAX, pages - firstPage);
    this.#nextPage = firstPage + count;
    const digest = this.#compute(epoch, firstPage, count);
    const endMs = performance.now();
    this.account.took(begunMs, endMs);
    const costNs = Math.min(COST_MAX_NS, 1e6 * (endMs - begunMs));
    this.dueNs = nowNs + Math.max(this.#spacingMinNs, this.#spacing * costNs);
    return digest;
  }

  /** Nobody is there to compare; who comes is to be compared from the beginning. */
  skip(nowNs: number): void {
    this.#nextPage = 0;
    this.account.pause();
    this.dueNs = nowNs + this.#spacingMinNs;
  }

  /** At a backup: what differs, in words; undefined: nothing. */
  difference(epoch: number, theirs: StateDigest): string | undefined {
    const begunMs = performance.now();
    const difference = this.#difference(epoch, theirs);
    this.account.took(begunMs, performance.now());
    if (difference === undefined) {
      const have = this.#memory().length / PAGE_BYTES;
      this.account.compared(theirs.firstPage, theirs.pages, have, Date.now());
    }
    return difference;
  }

  #difference(epoch: number, theirs: StateDigest): string | undefined {
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
