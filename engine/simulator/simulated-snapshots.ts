// Snapshots on their way, or on a disk: a piece names the state that it is of, its own number, and how many there are.

import type { StateReader } from '../driver/ports.js';
import { assert, EpochvisorError } from '../errors/errors.js';
import type { SavedGuest } from './simulated-guest-thread.js';

/** All that were taken in a run, by their numbers. */
export class SimulatedSnapshots {
  readonly #taken: SavedGuest[] = [];

  /** @returns its pieces, so many */
  pieces(state: SavedGuest, of: number): Uint8Array[] {
    const number = this.#taken.push(state) - 1;
    return Array.from({ length: of }, (_, at) => Uint8Array.of(number & 0xff, number >> 8, at, of));
  }

  /** What these are of; undefined: they are not all. */
  whole(pieces: readonly Uint8Array[]): SavedGuest | undefined {
    const [first] = pieces;
    const isWhole = first !== undefined && pieces.length === first[3] && pieces.every((piece, at) => piece[2] === at);
    return isWhole ? this.#taken[first[0]! + 256 * first[1]!] : undefined;
  }

  reader(): StateReader<SavedGuest> {
    const pieces: Uint8Array[] = [];
    return {
      push: piece => {
        if (piece[2] !== pieces.length) throw new EpochvisorError('SNAPSHOT_CORRUPT', 'a piece is missing');
        pieces.push(piece);
      },
      get complete() {
        return pieces.length === pieces[0]?.[3];
      },
      finish: () => {
        const saved = this.whole(pieces);
        assert(saved !== undefined, 'a snapshot that was sent is known');
        return saved;
      },
    };
  }
}
