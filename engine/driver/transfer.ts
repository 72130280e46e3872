// A snapshot on its way to a joining replica, in the packets of the connection that the log takes too.
//
// Log and heartbeats must not wait behind it, and the connection must not pile it up: it goes in pieces, as many at a
// time as the socket takes. Where that is full, the next one goes when it has taken something.

import type { Timers } from '../threads/thread-ports.js';
import type { PeerLink } from './ports.js';

/** @param stands whether the connection still does; the transfer ends with it */
export function transfer(
  pieces: Iterator<Uint8Array>,
  link: PeerLink,
  unsentBytesMax: number,
  timers: Timers,
  stands: () => boolean,
): void {
  const next = (): void => {
    if (!stands()) return;
    if (link.bufferedBytes > unsentBytesMax) {
      link.whenTaken(next);
      return;
    }
    const piece = pieces.next();
    if (piece.done === true) return;
    link.sendPiece(piece.value);
    // Encoding is work: heartbeats and acknowledgements get their turn between two pieces.
    timers.soon(next);
  };
  next();
}
