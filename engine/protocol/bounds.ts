// The bounds of a machine: what may pile up where, why not more, and who is known to empty it. The simulator runs the same
// code with smaller ones, so that each is reached all the time; it judges that whatever is full empties once faults stop.
//
//   bound                 what counts against it                     who empties it
//   sentBytes             sent to the bus, not answered, of each     the bus: `confirmed` for every byte of a stream, also one
//                         stream, and of all that is none            that it had; `taken` of its heartbeats for releases and
//                                                                    operations. Nothing of it waits for the guest
//   unwrittenBytes        accepted by the bus, not yet outside, of   the outside; owners send no more than `sentBytes` of it
//                         each stream
//   openedOutputBytes     put out by the guest, not known to it to   the outside: the guest is told in steps of half of it, and
//                         be taken, of each opened stream            writes no more until then; past `openedOutputTotalBytes` of
//                                                                    them all each has `openedOutputShareBytes` only
//   inputWindowBytes      told by the bus, not released              the guest, which consumes: releases
//   openedInputBytes      the same of each opened stream             the same; past `openedInputTotalBytes` of them all, those
//                                                                    with more than `openedInputShareBytes` wait
//   unreleasedStreams     opened by a source, not released           the guest, which accepts; what it does not waits outside
//   operations, operationBytes   asked for, not released             the devices, then the guest: every delivered completion
//                                                                    is released
//   completionBytes       told by the bus, not released              the same; what is untold is told as releases come
//   deliveryBytes         delivered at one boundary                  the boundary; the rest comes at the next
//   heldBytes             output held on the I/O thread              acknowledgements, then the bus; at a backup what its
//                                                                    primary says has left. The ring is left alone meanwhile
//   unsentBytes           a socket's buffer                          the peer that reads; one that does not is suspected
//   lagMs, lagBytes, joiningBacklogBytes   log not executed          the backup, which executes; the primary waits for it
//   ringBytes             records between the two threads            the other thread: the I/O thread looks again each
//                                                                    millisecond for as long as it has left something there
//
// A bound that is passed makes somebody wait, and never loses anything.

export interface Bounds {
  readonly sentBytes: number;
  readonly joinedBytes: number;
  readonly unwrittenBytes: number;
  readonly inputWindowBytes: number;
  readonly openedOutputBytes: number;
  readonly openedOutputShareBytes: number;
  readonly openedOutputTotalBytes: number;
  readonly openedInputBytes: number;
  readonly openedInputShareBytes: number;
  readonly openedInputTotalBytes: number;
  readonly unreleasedStreams: number;
  readonly operations: number;
  readonly operationBytes: number;
  readonly completionBytes: number;
  readonly deliveryBytes: number;
  readonly heldBytes: number;
  readonly unsentBytes: number;
  readonly snapshotUnsentBytes: number;
  readonly lagMs: number;
  readonly lagResumeMs: number;
  readonly lagBytes: number;
  readonly joiningBacklogBytes: number;
  readonly ringBytes: number;
  readonly streamPieceBytes: number;
  readonly gatheredBytes: number;
  readonly partBytes: number;
  readonly drainRecords: number;
}

export const BOUNDS: Bounds = {
  /** A slow terminal must not fill the bus's memory. */
  sentBytes: 1 << 20,
  /** Pieces of a stream that leave together are joined up to this size: a packet each would cost more than they do. */
  joinedBytes: 64 * 1024,
  /** A replica that goes past it ignores `sentBytes`: a defect, and it is cut off. Room for some owners, one after another. */
  unwrittenBytes: 4 << 20,
  /** Several times a pipe's 64 KiB. */
  inputWindowBytes: 256 * 1024,
  /** What a kernel has for a connection: an answer leaves at once, and thousands of them fit a host. */
  openedOutputBytes: 64 * 1024,
  /** Thousands of clients that read nothing hold no more than this of each replica and of the bus. */
  openedOutputShareBytes: 8 * 1024,
  openedOutputTotalBytes: 64 << 20,
  openedInputBytes: 64 * 1024,
  /** A guest that leaves thousands of streams unread holds no more than this of the bus. */
  openedInputShareBytes: 4 * 1024,
  openedInputTotalBytes: 64 << 20,
  /** A listener's backlog, as the guest has it: each takes memory on every replica. Further ones wait at the device. */
  unreleasedStreams: 128,
  /** They bound the memory that a guest can take from the bus; past either a new operation is refused. */
  operations: 1024,
  operationBytes: 256 << 20,
  /** A quarter of what a link's buffer may hold: results that nobody reads must not end it. */
  completionBytes: 16 << 20,
  /** An entry has to fit half a ring. */
  deliveryBytes: 1 << 20,
  /** Some milliseconds of a fast guest's output. */
  heldBytes: 4 << 20,
  unsentBytes: 8 << 20,
  /** Log and heartbeats wait behind it: some milliseconds of a local network. */
  snapshotUnsentBytes: 1 << 20,
  /** VMware FT keeps lag under 100 ms typically and slows the primary above 1 s. */
  lagMs: 250,
  /** Once it waits it goes on below this: a band, so that it does not flutter. */
  lagResumeMs: 100,
  /** It stands in the backup's memory. */
  lagBytes: 16 << 20,
  /** Some seconds of log while a snapshot travels and is restored; what needs more had better begin anew. */
  joiningBacklogBytes: 64 << 20,
  /** Each way. Half of it is room for the largest entry: `deliveryBytes` and one interrupt of as much. */
  ringBytes: 8 << 20,
  /** A stream write is cut into pieces of this size: small enough to flow through ring, packets and bus. */
  streamPieceBytes: 64 * 1024,
  /** Log gathered before it goes into the ring: hundreds of clock values, a fraction of a millisecond of a tight loop. */
  gatheredBytes: 1024,
  /** A part of the log is closed at this size: one packet must not hold up the heartbeats behind it. */
  partBytes: 256 * 1024,
  /** Records handed over in one turn of the event loop: some milliseconds of work at the most. */
  drainRecords: 1024,
};

/**
 * What a guest may put out to an opened stream now, bytes: the same on every replica, for it follows from what it has put out and
 * was told to be taken.
 *
 * @param untakenBytes of this stream
 * @param untakenInAllBytes of all opened streams
 */
export function outputRoomBytes(
  bounds: Pick<Bounds, 'openedOutputBytes' | 'openedOutputShareBytes' | 'openedOutputTotalBytes'>,
  untakenBytes: number,
  untakenInAllBytes: number,
): number {
  const scarce = untakenInAllBytes >= bounds.openedOutputTotalBytes;
  return Math.max(0, (scarce ? bounds.openedOutputShareBytes : bounds.openedOutputBytes) - untakenBytes);
}

/**
 * Input is released when so much was consumed at once, or across a multiple of it: an eighth of what the bus waits for when
 * its window is full. A program that reads a kilobyte at a time would else release a kilobyte at a time, and each release
 * takes the way of an output: through the ring, past output commit, to the bus.
 */
export const RELEASE_BYTES = 16 * 1024;

/**
 * Whether a guest that has just read `readBytes` of a stream, to the offset `consumed`, says so now (RL): the same on every
 * replica, for it follows from what was delivered and read. It always does when nothing is left to read (`readableBytes` is
 * 0): a guest that waits for input has released all there was.
 */
export function isReleaseDue(consumed: number, readBytes: number, readableBytes: number): boolean {
  if (readBytes === 0) return false;
  return readableBytes === 0 || consumed % RELEASE_BYTES < readBytes;
}
