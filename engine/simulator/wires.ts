// What crosses a simulated wire: messages as they are, and in a share of runs their bytes, by the production encoders.

import type { FromBus, PeerMessage, ToBus } from '../protocol/messages.js';
import { interruptBytesMax } from '../wire/interrupts.js';
import { outputBytesMax } from '../wire/outputs.js';
import {
  decodeFromBus,
  decodePeer,
  decodeToBus,
  encodeFromBus,
  encodePeer,
  encodeSnapshotPiece,
  encodeToBus,
  snapshotPiece,
} from '../wire/packets.js';

/** What a message takes beside its bytes, about. */
const HEAD_BYTES = 16;

interface Written<M> {
  readonly packet: Uint8Array | M;
  readonly bytes: number;
}

function wire<M extends object>(
  encode: (message: M) => Uint8Array,
  decode: (bytes: Uint8Array) => M,
  size: (message: M) => number,
) {
  return {
    write(message: M, encodes: boolean): Written<M> {
      if (!encodes) return { packet: message, bytes: size(message) };
      const packet = encode(message);
      return { packet, bytes: packet.length };
    },
    read: (packet: unknown): M => (packet instanceof Uint8Array ? decode(packet) : (packet as M)),
  };
}

type Peer = PeerMessage<Uint8Array>;

const peers = wire<Peer>(encodePeer, decodePeer, message => HEAD_BYTES + ('part' in message ? message.part.length : 0));

/** Between replicas, with pieces of snapshots among the messages: an encoded one is told by its first byte, a plain one by a 0. */
export const peerWire = {
  write: peers.write,
  piece: (piece: Uint8Array, encodes: boolean): Uint8Array =>
    encodes ? encodeSnapshotPiece(piece) : Uint8Array.of(0, ...piece),
  read(packet: Uint8Array | Peer): Uint8Array | Peer {
    if (!(packet instanceof Uint8Array)) return packet;
    return packet[0] === 0 ? packet.subarray(1) : (snapshotPiece(packet) ?? decodePeer(packet));
  },
};

export const toBusWire = wire<ToBus>(encodeToBus, decodeToBus, message =>
  message.type === 'output' ? outputBytesMax(message.output) : HEAD_BYTES,
);

export const fromBusWire = wire<FromBus>(encodeFromBus, decodeFromBus, message =>
  message.type === 'interrupt' ? interruptBytesMax(message.interrupt) : HEAD_BYTES,
);
