// The connections of one replica to the others: what the channels say, and snapshots, in pieces that take their time.

import type { PeerMessage } from '../protocol/messages.js';
import type { Actor } from './actor.js';
import type { SavedGuest } from './guest-thread.js';
import type { Connection, Listener } from './network.js';
import type { Part } from './parts.js';
import type { Random } from './random.js';

/** A piece of a snapshot: the last one holds it all, the others are only on the way. */
interface SnapshotPiece {
  readonly type: 'snapshot';
  readonly piece: number;
  readonly of: number;
  readonly saved: SavedGuest | undefined;
}

export type PeerPacket = PeerMessage<Part> | SnapshotPiece;
export type PeerConnection = Connection<PeerPacket, PeerPacket>;

interface PeerEnd {
  readonly connection: PeerConnection;
  readonly end: 0 | 1;
}

export interface PeerConnectionsOptions {
  readonly actor: Actor;
  readonly random: Random;
  /** Least and greatest time between two pieces of a snapshot. */
  readonly transferNs: readonly [number, number];
  readonly closed: (peer: string, reason: string) => void;
  readonly received: (saved: SavedGuest) => void;
}

/** Pieces of a snapshot: enough for faults to strike between them. */
const PIECES_MAX = 12;

export class PeerConnections {
  readonly #options: PeerConnectionsOptions;
  readonly #ends = new Map<string, PeerEnd>();
  readonly #gone = new Set<string>();
  /** The log of a primary that runs before its backups have come. */
  readonly #unsent = new Map<string, PeerMessage<Part>[]>();
  /** Who sends a snapshot, and how many pieces have come. */
  #expected: { readonly peer: string; pieces: number } | undefined;

  constructor(options: PeerConnectionsOptions) {
    this.#options = options;
  }

  get names(): string[] {
    return [...this.#ends.keys()];
  }

  listener(peer: string, channel: (message: PeerMessage<Part>) => void): Listener<PeerPacket> {
    const { actor, closed } = this.#options;
    return {
      received: packet =>
        actor.do(() => {
          if (packet.type === 'snapshot') this.#piece(peer, packet);
          else channel(packet);
        }),
      closed: reason =>
        actor.do(() => {
          this.#ends.delete(peer);
          this.#gone.add(peer);
          closed(peer, reason);
        }),
    };
  }

  add(peer: string, connection: PeerConnection, end: 0 | 1): void {
    this.#ends.set(peer, { connection, end });
    for (const message of this.#unsent.get(peer) ?? []) this.send(peer, message);
    this.#unsent.delete(peer);
  }

  send(peer: string, packet: PeerPacket): void {
    const to = this.#ends.get(peer);
    if (to !== undefined) {
      if (to.end === 0) to.connection.sendFromFirst(packet);
      else to.connection.sendFromSecond(packet);
    } else if (packet.type !== 'snapshot' && !this.#gone.has(peer)) {
      const unsent = this.#unsent.get(peer) ?? [];
      this.#unsent.set(peer, unsent);
      unsent.push(packet);
    }
  }

  /** This end closes: the other hears of it, and so does the channel here. */
  end(peer: string, reason: string): void {
    const to = this.#ends.get(peer);
    if (to === undefined) return;
    this.#ends.delete(peer);
    this.#gone.add(peer);
    to.connection.end(to.end, false, reason);
    this.#options.actor.after(0, () => this.#options.closed(peer, reason));
  }

  endAll(lossy: boolean, reason: string): void {
    for (const { connection, end } of this.#ends.values()) connection.end(end, lossy, reason);
  }

  // ---- snapshots

  transfer(peer: string, saved: SavedGuest): void {
    const { random } = this.#options;
    const of = random.between(1, PIECES_MAX);
    const to = this.#ends.get(peer);
    const next = (piece: number): void => {
      if (this.#ends.get(peer) !== to) return;
      this.send(peer, { type: 'snapshot', piece, of, saved: piece === of ? saved : undefined });
      if (piece < of) this.#after(() => next(piece + 1));
    };
    this.#after(() => next(1));
  }

  /** The channel was welcomed: what comes now is of this snapshot. */
  expect(peer: string): void {
    this.#expected = { peer, pieces: 0 };
  }

  #piece(peer: string, { piece, of, saved }: SnapshotPiece): void {
    const expected = this.#expected;
    if (expected?.peer !== peer || piece !== expected.pieces + 1) return;
    expected.pieces = piece;
    if (piece < of || saved === undefined) return;
    this.#expected = undefined;
    // To restore takes time, too.
    this.#after(() => this.#options.received(saved));
  }

  #after(act: () => void): void {
    const { actor, random, transferNs } = this.#options;
    actor.after(random.between(transferNs[0], transferNs[1]), act);
  }
}
