// A replica that goes on from a log when all others are dead: the log is its primary, as far as it goes, and then a dead one.
//
//   log     parts, one after another ->        P4, P6: executed as any backup executes them, from a checkpoint on
//           its end, once all is synced ->     suspicion, claim (VW), fence, promotion (P7), uncertain interrupts (P8)
//             and accounts for what has left   else RECOVER_BEHIND: nothing was claimed
//
// So nothing of the protocol knows of it, and a log that was overtaken loses its claim as any survivor would (LS). The claim is made
// when the log that this replica writes itself has all of it: from then on it is the one to go on from.
//
// What the guest puts out again the bus has, or nobody waits for it any more; it is held back here, for an outbox would hold all
// of it until the claim:
//
//   bytes       of streams that are there from the start: below what is known to be outside
//   connections none has outlived the bus; what is closed is told
//   operations  those that had ended have; those in flight end uncertain, and are repeated by who wants them
//
// A release that was lost with the checkpoint's outbox is made again: the state has what was delivered. So is a close: the bus has a
// stream that the state does not know any more.

import type { PeerHandlers, PeerLink, ReplicaPorts } from '../driver/ports.js';
import type { StreamOffset } from '../protocol/messages.js';
import { FIRST_OPENED_STREAM, type Output, type View } from '../protocol/vocabulary.js';
import type { Timers } from '../threads/thread-ports.js';
import type { LogDisk } from './disk.js';
import { behind, chainOfRecovery, type PositionedPart, partsFrom } from './recovery.js';
import type { LoggedState, Records, SavedIn } from './stored-checkpoints.js';

/** Parts of the log between two turns of the event loop, and the pause where the guest has enough of them, ms. */
const PARTS_A_TURN = 64;
const PAUSE_MS = 1;

/** From where in which log a replica goes on (recovery.ts). */
export interface RecoverPlace {
  /** Absolute, of logs. */
  readonly folders: readonly string[];
  /** The one of the log. */
  readonly log: string;
  readonly from: number;
  readonly end: number;
  /** Its number; undefined: the guest begins. */
  readonly checkpoint: number | undefined;
  /** How much of each stream's output is known to be outside. */
  readonly outside: readonly StreamOffset[];
  /** Streams that the guest had closed before, of which the bus was never told; `offset`: what that has of their output. */
  readonly closed: readonly StreamOffset[];
}

/** A log that is gone on from. */
export interface Recovered<Saved> {
  readonly place: RecoverPlace;
  readonly log: Records;
  /** What the guest goes on from; undefined: it begins. */
  readonly saved: Saved | undefined;
}

/** The view that who goes on from a log begins in: the log is its primary, as far as it goes. @param view the latest */
export function recoveredView(view: View, of: string, incarnation: string): View {
  return { ...view, primary: of, backups: [incarnation] };
}

/** @throws EpochvisorError as `planRecovery` */
export function openRecovered<Saved>(disk: LogDisk, place: RecoverPlace, savedAt: SavedIn<Saved>): Recovered<Saved> {
  const { folders, log: path, checkpoint } = place;
  const log = chainOfRecovery(disk, folders, path);
  return { place, log, saved: checkpoint === undefined ? undefined : savedAt(log, checkpoint) };
}

/** What has left, against what the guest puts out again as far as the log goes. */
export class OutsideAccount {
  readonly #outside: readonly StreamOffset[];
  readonly #failed: (error: unknown) => void;
  /** How much of each stream. */
  readonly #produced: Map<number, number>;
  /** The guest has come to its end. */
  hasEnded = false;

  /** @param failed with RECOVER_BEHIND where more has left than the log accounts for */
  constructor(
    { outside }: Pick<RecoverPlace, 'outside'>,
    saved: Pick<LoggedState, 'execution'> | undefined,
    failed: (error: unknown) => void,
  ) {
    this.#outside = outside;
    this.#failed = failed;
    this.#produced = new Map((saved?.execution.written ?? []).map(({ stream, offset }) => [stream, offset]));
  }

  produced(stream: number, offset: number): void {
    this.#produced.set(stream, offset);
  }

  get #more(): StreamOffset | undefined {
    return this.#outside.find(
      ({ stream, offset }) => stream < FIRST_OPENED_STREAM && offset > (this.#produced.get(stream) ?? 0),
    );
  }

  get isSettled(): boolean {
    return this.#more === undefined;
  }

  /** Past the log nothing is executed as it was: where more has left than the guest has put out by then, it would contradict it. */
  refuseMore(): boolean {
    const more = this.#more;
    if (more === undefined) return false;
    this.#failed(behind(`output of stream ${more.stream}`, more.offset, this.#produced.get(more.stream) ?? 0));
    return true;
  }
}

/** Lies around the ports of the driver: what has left is not put out again. */
export function portsOfRecovered<State extends LoggedState>(
  plain: ReplicaPorts<State>,
  { from, end, outside, closed }: RecoverPlace,
  saved: Pick<State, 'execution'> | undefined,
  account: OutsideAccount,
): ReplicaPorts<State> {
  const known = (stream: number) => outside.find(one => one.stream === stream)?.offset ?? 0;
  /** What a guest puts out that ends in its failover epoch comes after that, and at no later position: nobody has it. */
  let isLive = false;
  const isOutside = (position: number, output: Output): boolean => {
    if (isLive || position > end) return false;
    if (output.type === 'operation') return true;
    if (output.type !== 'stream' && output.type !== 'end') return false;
    if (output.stream >= FIRST_OPENED_STREAM) return true;
    return output.type === 'stream' && output.offset + output.bytes.length <= known(output.stream);
  };
  const listen = plain.guest.listen.bind(plain.guest);
  plain.guest.listen = listener =>
    listen({
      ...listener,
      running: () => {
        for (const { stream, offset } of saved?.execution.input ?? []) {
          listener.output(from, { type: 'releaseInput', stream, offset });
        }
        for (const { stream, offset } of closed) listener.output(from, { type: 'close', stream, offset });
        listener.running();
      },
      output: (position, output) => {
        if (!isLive && position > end && account.refuseMore()) return;
        if (position <= end && output.type === 'stream')
          account.produced(output.stream, output.offset + output.bytes.length);
        if (!isOutside(position, output)) listener.output(position, output);
      },
      ended: () => {
        account.hasEnded = true;
        listener.ended?.();
      },
      // Before anybody joins: who has joined could not tell.
      live: (epoch, uncertain) => {
        if (account.refuseMore()) return;
        isLive = true;
        listener.live(epoch, uncertain);
      },
    });
  return plain;
}

export interface LogPeerOptions {
  readonly log: Records;
  readonly place: Pick<RecoverPlace, 'from'>;
  /** Number of the view in which it is the primary. */
  readonly view: number;
  readonly timers: Timers;
  /** Whether the guest has enough of it for now. */
  readonly isBusy: () => boolean;
  /** Of what has left. */
  readonly account: OutsideAccount;
  /** Whether the guest has executed all that it was given, has put out what it does by it, and awaits more. */
  readonly awaitsMore: () => boolean;
  /** Whether it stands still until some of what it has put out leaves, for which there must be a primary. */
  readonly isCongested: () => boolean;
  /** Once this replica's own log has all below a position, synced. */
  readonly whenSynced: (position: number, then: () => void) => void;
  /** It can't be read. */
  readonly failed: (error: unknown) => void;
}

/** The log as a link to a primary that ships it, and then is gone. */
export class LogPeer implements PeerLink {
  readonly #options: LogPeerOptions;
  readonly #parts: Iterator<PositionedPart>;
  #handlers: PeerHandlers | undefined;
  #position: number;
  #arrived = 0;
  readonly bufferedBytes = 0;

  constructor(options: LogPeerOptions) {
    this.#options = options;
    this.#position = options.place.from;
    this.#parts = partsFrom(options.log, options.place.from);
  }

  /** A log that is being read is not silent. */
  get arrivedBytes(): number {
    this.#arrived += 1;
    return this.#arrived;
  }

  whenTaken(act: () => void): void {
    this.#options.timers.soon(act);
  }

  listen(handlers: PeerHandlers): void {
    this.#handlers = handlers;
    this.#options.timers.soon(() => this.#ship());
  }

  // It hears nothing.
  send(): void {}
  sendPiece(): void {}

  close(): void {
    this.terminate();
  }

  terminate(): void {
    this.#handlers = undefined;
  }

  #ship(): void {
    const { timers, isBusy, failed } = this.#options;
    try {
      for (let shipped = 0; shipped < PARTS_A_TURN; shipped++) {
        if (this.#handlers === undefined) return;
        if (isBusy()) {
          timers.after(PAUSE_MS, () => this.#ship());
          return;
        }
        const next = this.#parts.next();
        if (next.done === true) {
          this.#end();
          return;
        }
        this.#shipOne(next.value);
      }
    } catch (error) {
      failed(error);
      return;
    }
    timers.soon(() => this.#ship());
  }

  #shipOne({ position, length, bytes: part }: PositionedPart): void {
    const { view } = this.#options;
    const settled = position + length;
    this.#position = settled;
    this.#handlers?.message({ type: 'log', view, position, length, settled, part });
  }

  #end(): void {
    this.#options.whenSynced(this.#position, () => this.#endWhenSettled());
  }

  /**
   * Who is behind finds it before there is a claim: another log may be found that is not. A guest that has put out more than can be held
   * comes no further without one; it is found after that, then, and before anybody joins.
   */
  #endWhenSettled(): void {
    const { account, awaitsMore, isCongested, timers } = this.#options;
    if (this.#handlers === undefined) return;
    if (account.isSettled || isCongested()) this.#handlers.closed('it is a log, which ends there');
    else if (account.hasEnded || awaitsMore()) account.refuseMore();
    else timers.after(PAUSE_MS, () => this.#endWhenSettled());
  }
}
