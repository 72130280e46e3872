// A snapshot on its way to a joining replica, in the packets of the connection that the log takes too.
//
// Log and heartbeats must not wait behind it, and the connection must not pile it up: it goes in chunks, as many at a
// time as the socket takes.

import type { Link } from '../channel/link.js';
import { encodeSnapshotPiece } from '../channel/packets.js';
import type { MachineSnapshot } from '../machine/guest-state.js';
import { encodeSnapshot } from '../snapshot/encode.js';

/** Bytes that wait for the socket at which no more of the snapshot is added: some milliseconds of a local network. */
const UNSENT_BYTES_MAX = 1 << 20;
/** How often a full socket is looked at, ms. */
const LOOK_MS = 1;

/** @param stands whether the connection still does; the transfer ends with it */
export async function sendSnapshot(snapshot: MachineSnapshot, link: Link, stands: () => boolean): Promise<void> {
  for (const chunk of encodeSnapshot(snapshot)) {
    if (!stands()) return;
    link.send(encodeSnapshotPiece(chunk));
    // Encoding is work: heartbeats and acknowledgements get their turn between two chunks.
    await new Promise(resolve => setImmediate(resolve));
    while (stands() && link.bufferedBytes > UNSENT_BYTES_MAX)
      await new Promise(resolve => setTimeout(resolve, LOOK_MS));
  }
}
