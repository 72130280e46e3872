// A link that does something else in places: what is not changed goes to the one that it is around.

import type { PeerLink } from './ports.js';

export function linkAround(
  link: PeerLink,
  changes: Partial<Omit<PeerLink, 'bufferedBytes' | 'arrivedBytes'>>,
): PeerLink {
  return {
    get bufferedBytes() {
      return link.bufferedBytes;
    },
    get arrivedBytes() {
      return link.arrivedBytes;
    },
    whenTaken: act => link.whenTaken(act),
    listen: handlers => link.listen(handlers),
    send: message => link.send(message),
    sendPiece: piece => link.sendPiece(piece),
    close: () => link.close(),
    terminate: () => link.terminate(),
    flush: () => link.flush?.(),
    ...changes,
  };
}
