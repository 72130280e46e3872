// Outbox: outputs from the I/O instruction until the bus has answered.

import { describe, expect, it } from 'vitest';
import { BOUNDS, outputRoomBytes } from '../../engine/protocol/bounds.js';
import { Outbox } from '../../engine/protocol/outbox.js';
import { FIRST_OPENED_STREAM, type Output } from '../../engine/protocol/vocabulary.js';

function text(offset: number, length = 3, stream = 1): Output {
  return { type: 'stream', stream, offset, bytes: new Uint8Array(length).fill(offset) };
}

function bytesOf(outputs: readonly Output[]): number {
  return outputs.reduce((sum, output) => sum + (output.type === 'stream' ? output.bytes.length : 0), 0);
}

/** What pieces of one stream that leave together become. */
function joined(...pieces: readonly Output[]): Output {
  const bytes = pieces.flatMap(piece => (piece.type === 'stream' ? [...piece.bytes] : []));
  return { ...pieces[0], bytes: Uint8Array.from(bytes) } as Output;
}

function start(id: bigint): Output {
  const data = new Uint8Array(0);
  return { type: 'operation', operation: { id, device: 0, command: 1, argument: 0n, length: 0, data } };
}

const releaseInput = (offset: number): Output => ({ type: 'releaseInput', stream: 0, offset });
const releaseOperation = (operation: bigint): Output => ({ type: 'releaseOperation', operation });

/** An outbox that has sent these, each at the position of its index. */
function sent(...outputs: Output[]): Outbox {
  const outbox = new Outbox();
  for (const [position, output] of outputs.entries()) outbox.hold(position, output);
  outbox.release(Infinity);
  return outbox;
}

/** What the bus had of stream 1 when it was fenced. */
const had = (received: number, written = 0) => [{ stream: 1, received, written }];
const NEXT = FIRST_OPENED_STREAM;

describe('holding and releasing (OR)', () => {
  it('lets go in program order, up to the position that is acknowledged', () => {
    const outbox = new Outbox();
    for (const [position, offset] of [
      [2, 0],
      [2, 3],
      [5, 6],
    ] as const)
      outbox.hold(position, text(offset));
    expect(outbox.release(1)).toEqual([]);
    expect(outbox.release(4)).toEqual([joined(text(0), text(3))]);
    expect(outbox.release(Infinity)).toEqual([text(6)]);
    expect(outbox.heldBytes).toBe(0);
  });

  it('joins neither pieces of two streams, nor across an operation', () => {
    const outbox = new Outbox();
    const outputs = [text(0), text(0, 3, 2), text(3), start(1n), text(6)];
    for (const output of outputs) outbox.hold(0, output);
    expect(outbox.release(0)).toEqual(outputs);
  });

  it('joins up to a bound', () => {
    const outbox = new Outbox();
    for (let at = 0; at < 3; at++) outbox.hold(0, text(at * 40_000, 40_000));
    expect(outbox.release(0).map(output => output.type === 'stream' && output.bytes.length)).toEqual([
      40_000, 40_000, 40_000,
    ]);
  });

  it('counts what it holds', () => {
    const outbox = new Outbox();
    outbox.hold(0, text(0, 1_000));
    expect(outbox.heldBytes).toBeGreaterThanOrEqual(1_000);
    outbox.release(0);
    expect(outbox.heldBytes).toBe(0);
  });

  it('sends no more than a window ahead of the bus, and goes on when that confirms', () => {
    const outbox = new Outbox();
    const piece = BOUNDS.sentBytes / 4;
    for (let at = 0; at < 10; at++) outbox.hold(0, text(at * piece, piece));
    const first = outbox.release(0).length;
    expect(first).toBeLessThan(6);
    expect(outbox.release(0)).toEqual([]);
    outbox.confirm(1, 2 * piece);
    expect(outbox.release(0)).toHaveLength(2);
  });

  it('survives thousands of outputs without keeping what has gone', () => {
    const outbox = new Outbox();
    let released = 0;
    for (let at = 0; at < 5_000; at++) {
      outbox.hold(at, text(3 * at));
      if (at % 7 === 0) released += bytesOf(outbox.release(at - 3));
      outbox.confirm(1, released);
    }
    released += bytesOf(outbox.release(Infinity));
    expect(released).toBe(15_000);
    outbox.confirm(1, 15_000);
    expect(outbox.sentCount).toBe(0);
  });
});

describe('answers of the bus', () => {
  it('confirm a stream up to an offset, and no other stream', () => {
    const outbox = sent(text(0), text(3), text(0, 3, 2));
    outbox.confirm(1, 3);
    expect(outbox.sentCount).toBe(2);
    outbox.confirm(1, 5);
    expect(outbox.sentCount).toBe(2);
    outbox.confirm(1, 6);
    expect(outbox.sentCount).toBe(1);
    expect(outbox.confirmed).toEqual([{ stream: 1, offset: 6 }]);
  });

  it('are waited for by everything that was sent, each by its own', () => {
    const outcome: Output = { type: 'outcome', outcome: { kind: 'exit', status: 0 } };
    const outbox = sent(text(0), start(1n), releaseOperation(3n), releaseInput(5));
    expect(outbox.sentCount).toBe(4);
    outbox.hold(9, outcome);
    outbox.release(9);
    expect(outbox.sentCount).toBe(5);
    outbox.arrived(4);
    expect(outbox.sentCount).toBe(3);
    outbox.complete(1n);
    outbox.confirm(1, 3);
    expect(outbox.sentCount).toBe(1);
  });

  it('do not go back', () => {
    const outbox = sent(text(0));
    outbox.confirm(1, 3);
    outbox.confirm(1, 1);
    expect(outbox.confirmed).toEqual([{ stream: 1, offset: 3 }]);
  });

  it('leave nothing to be sent of what was known to be there before: a promoted replica whose guest comes late', () => {
    const outbox = new Outbox();
    outbox.dropLeft(0, [{ stream: 1, offset: 5 }]);
    outbox.hold(4, text(0));
    outbox.hold(5, text(3));
    expect(outbox.release(Infinity)).toEqual([{ type: 'stream', stream: 1, offset: 5, bytes: Uint8Array.of(3) }]);
    expect(outbox.performed).toBe(5);
    outbox.confirm(1, 6);
    expect([outbox.performed, outbox.sentCount]).toEqual([Infinity, 0]);
  });

  it('of an opened stream of which nothing is known any more are for nobody', () => {
    for (const stream of [NEXT, NEXT + 1]) {
      const outbox = new Outbox();
      outbox.confirm(stream, 3);
      expect([outbox.untoldBytes, outbox.takeUntold()]).toEqual([0, []]);
    }
  });

  it('complete an operation once', () => {
    const outbox = sent(start(1n));
    expect(outbox.complete(2n)).toBe(false);
    expect(outbox.complete(1n)).toBe(true);
    expect(outbox.complete(1n)).toBe(false);
  });
});

describe('what has left', () => {
  it('is everything before the first that is held', () => {
    const outbox = new Outbox();
    expect(outbox.left).toBe(Infinity);
    outbox.hold(4, text(0));
    outbox.hold(9, text(3));
    expect(outbox.left).toBe(4);
    outbox.release(5);
    expect(outbox.left).toBe(9);
  });

  it('does not reach past a release that may still be lost', () => {
    const outbox = sent(text(0), releaseInput(5), text(3), releaseOperation(1n), start(2n));
    expect(outbox.left).toBe(1);
    // Answers to what was sent after it prove nothing: the bus may have had it from another.
    outbox.confirm(1, 6);
    outbox.complete(2n);
    expect(outbox.left).toBe(1);
    outbox.arrived(1);
    expect(outbox.left).toBe(1);
    outbox.arrived(2);
    expect(outbox.left).toBe(3);
    outbox.arrived(3);
    expect(outbox.left).toBe(3);
    outbox.arrived(5);
    expect(outbox.left).toBe(Infinity);
  });

  it('counts pieces that were joined as the one message that they were', () => {
    const outbox = new Outbox();
    const outputs = [text(0), text(3), text(6), releaseInput(5), text(9), text(0, 3, 2), releaseOperation(1n)];
    for (const [position, output] of outputs.entries()) outbox.hold(position, output);
    expect(outbox.release(Infinity)).toHaveLength(5);
    outbox.arrived(1);
    expect(outbox.left).toBe(3);
    outbox.arrived(2);
    expect(outbox.left).toBe(6);
    outbox.arrived(5);
    expect(outbox.left).toBe(Infinity);
  });

  it('is performed when streams are confirmed as well; operations are repeated by whoever goes on', () => {
    const outbox = sent(text(0), releaseInput(5), start(2n), text(3));
    expect([outbox.left, outbox.performed]).toEqual([1, 0]);
    outbox.confirm(1, 3);
    expect([outbox.left, outbox.performed]).toEqual([1, 1]);
    outbox.arrived(4);
    expect([outbox.left, outbox.performed]).toEqual([Infinity, 3]);
    outbox.confirm(1, 6);
    expect([outbox.left, outbox.performed]).toEqual([Infinity, Infinity]);
    outbox.hold(9, text(6));
    expect([outbox.left, outbox.performed]).toEqual([9, 9]);
  });

  it('is not performed while one output is passed over, for its window is full', () => {
    const outbox = new Outbox({ ...BOUNDS, sentBytes: 200 });
    outbox.hold(1, text(0, 200));
    outbox.hold(2, text(200));
    outbox.release(2);
    outbox.confirm(1, 200);
    expect(outbox.performed).toBe(2);
  });

  it('of the releases of one stream, the last counts', () => {
    const outbox = sent(releaseInput(5), releaseInput(6), releaseInput(7));
    expect(outbox.left).toBe(2);
    expect(outbox.sentCount).toBe(1);
  });

  it('is dropped by a backup; streams only as far as they are confirmed', () => {
    const outbox = new Outbox();
    outbox.hold(1, releaseInput(5));
    outbox.hold(2, text(0));
    outbox.hold(3, text(3));
    outbox.hold(4, releaseInput(9));
    outbox.dropLeft(1, []);
    expect(outbox.left).toBe(1);
    outbox.dropLeft(5, [{ stream: 1, offset: 4 }]);
    expect(outbox.release(Infinity)).toEqual([text(3)]);
  });
});

describe('re-attachment (RS)', () => {
  it('sends again what the bus does not have, and cuts what it has in part', () => {
    const outbox = sent(text(0), text(3), start(1n));
    outbox.hold(9, text(6));
    const { again, uncertain } = outbox.reattach(had(4), NEXT, true);
    const rest = { type: 'stream', stream: 1, offset: 4, bytes: new Uint8Array(2).fill(3) };
    expect(again).toEqual([rest, start(1n)]);
    expect(uncertain).toEqual([]);
    expect(outbox.release(Infinity)).toEqual([text(6)]);
  });

  it('cuts what is held as well: the dead primary may have sent it', () => {
    const outbox = new Outbox();
    outbox.hold(1, text(0));
    outbox.hold(2, text(3));
    expect(outbox.reattach(had(3), NEXT, true).again).toEqual([]);
    expect(outbox.release(Infinity)).toEqual([text(3)]);
  });

  it('never sends what is produced only now and is there already', () => {
    const outbox = new Outbox();
    outbox.reattach(had(7, 7), NEXT, true);
    for (const output of [text(0), text(3), text(6), text(9), text(0, 3, 2)]) outbox.hold(0, output);
    const rest = { type: 'stream', stream: 1, offset: 7, bytes: new Uint8Array(2).fill(6) } as const;
    expect(outbox.release(0)).toEqual([joined(rest, text(9)), text(0, 3, 2)]);
    expect(outbox.left).toBe(Infinity);
  });

  it('counts what the bus has and the outside has not against the window, until that is confirmed', () => {
    const outbox = new Outbox({ ...BOUNDS, sentBytes: 1_000 });
    outbox.reattach(had(1_500, 500), NEXT, true);
    outbox.hold(0, text(1_500));
    outbox.hold(0, text(1_503, 930));
    outbox.hold(0, text(2_433));
    expect(outbox.release(0)).toEqual([]);
    outbox.confirm(1, 501);
    expect(outbox.release(0)).toEqual([text(1_500)]);
    outbox.confirm(1, 1_500);
    expect(outbox.release(0)).toEqual([text(1_503, 930)]);
    expect(outbox.release(0)).toEqual([]);
    outbox.confirm(1, 1_503);
    expect(outbox.release(0)).toEqual([text(2_433)]);
  });

  it('empties its window whatever the bus had, once that says so: nothing is counted twice, or for ever', () => {
    const outbox = new Outbox({ ...BOUNDS, sentBytes: 1_000 });
    for (let at = 0; at < 6; at++) outbox.hold(0, text(at * 300, 300));
    outbox.release(0);
    // All that was sent has come, and a part of it is outside.
    outbox.reattach(had(900, 300), NEXT, true);
    let sentBytes = bytesOf(outbox.release(0));
    for (let offset = 300; offset <= 1_800; offset += 300) {
      outbox.confirm(1, offset);
      sentBytes += bytesOf(outbox.release(0));
    }
    expect(sentBytes).toBe(900);
    expect([outbox.sentCount, outbox.performed]).toEqual([0, Infinity]);
  });

  it('counts what is still held, and no more', () => {
    const outbox = new Outbox();
    for (const output of [text(0), text(3), start(1n)]) outbox.hold(1, output);
    const rest = new Outbox();
    for (const output of [text(3), start(1n)]) rest.hold(1, output);
    outbox.reattach(had(3), NEXT, true);
    expect([outbox.heldBytes, outbox.heldData]).toEqual([rest.heldBytes, rest.heldData]);
    expect(outbox.heldData).toBe(3);
    outbox.release(1);
    expect([outbox.heldBytes, outbox.heldData]).toEqual([0, 0]);
  });

  it('forgets what windows were full of, for what was sent is sent again: nothing leaves twice, or out of order', () => {
    const outbox = new Outbox({ ...BOUNDS, sentBytes: 200 });
    for (const id of [1n, 2n, 3n, 4n, 5n, 6n]) outbox.hold(1, start(id));
    outbox.hold(1, text(0, 200));
    outbox.hold(1, text(200));
    expect(outbox.release(1)).toHaveLength(5);
    // Of the stream there is room again, and nobody has looked yet.
    outbox.confirm(1, 200);
    const { again } = outbox.reattach(had(200, 200), NEXT, true);
    expect(again).toEqual([1n, 2n, 3n, 4n].map(start));
    expect(outbox.release(1)).toEqual([text(200)]);
    outbox.arrived(4);
    expect(outbox.release(1)).toEqual([start(5n), start(6n)]);
    outbox.hold(2, start(7n));
    outbox.hold(2, text(203));
    expect(outbox.release(2)).toEqual([start(7n), text(203)]);
  });

  it('has room at once where nothing that was sent is sent again', () => {
    const outbox = new Outbox({ ...BOUNDS, sentBytes: 200 });
    for (const id of [1n, 2n, 3n, 4n, 5n, 6n]) outbox.hold(1, start(id));
    expect(outbox.release(1)).toHaveLength(4);
    expect(outbox.reattach([], NEXT, false)).toEqual({ again: [], uncertain: [1n, 2n, 3n, 4n] });
    expect(outbox.release(1)).toEqual([start(5n), start(6n)]);
  });

  it('lets the outcome leave where nothing is passed over any more', () => {
    const outbox = new Outbox({ ...BOUNDS, sentBytes: 200 });
    const outcome: Output = { type: 'outcome', outcome: { kind: 'exit', status: 0 } };
    for (const output of [text(0, 200), text(200), outcome]) outbox.hold(1, output);
    expect(outbox.release(1)).toEqual([text(0, 200)]);
    outbox.reattach(had(203, 203), NEXT, true);
    expect(outbox.release(1)).toEqual([outcome]);
  });

  it('counts messages anew: what the bus took of another connection says nothing of this one', () => {
    const outbox = sent(releaseOperation(1n), releaseOperation(2n), releaseInput(5));
    outbox.arrived(1);
    expect(outbox.reattach([], NEXT, true).again).toEqual([releaseOperation(2n), releaseInput(5)]);
    expect(outbox.left).toBe(1);
    outbox.arrived(1);
    expect(outbox.left).toBe(2);
    outbox.arrived(2);
    expect(outbox.left).toBe(Infinity);
  });

  it('sends releases again: they may be lost', () => {
    const outbox = sent(releaseInput(5), releaseOperation(3n));
    expect(outbox.reattach([], NEXT, true).again).toEqual([releaseInput(5), releaseOperation(3n)]);
  });

  it('repeats no operation where the bus does not know ids', () => {
    const outbox = sent(start(1n), text(0));
    outbox.hold(9, start(2n));
    const { again, uncertain } = outbox.reattach([], NEXT, false);
    expect(again).toEqual([text(0)]);
    expect(uncertain).toEqual([1n]);
    expect(outbox.complete(1n)).toBe(false);
    expect(outbox.release(Infinity)).toEqual([start(2n)]);
  });
});

describe('windows of streams', () => {
  it('have no room where more is untaken than there is room for', () => {
    const { openedOutputBytes, openedOutputShareBytes, openedOutputTotalBytes } = BOUNDS;
    expect(outputRoomBytes(BOUNDS, openedOutputBytes - 1, 0)).toBe(1);
    for (const untaken of [openedOutputBytes, openedOutputBytes + 7])
      expect(outputRoomBytes(BOUNDS, untaken, 0)).toBe(0);
    expect(outputRoomBytes(BOUNDS, openedOutputShareBytes, openedOutputTotalBytes)).toBe(0);
  });

  const S = FIRST_OPENED_STREAM;
  const T = S + 1;
  const small = () => new Outbox({ ...BOUNDS, sentBytes: 200 });
  const end = (stream: number, offset: number): Output => ({ type: 'end', stream, offset });
  const close = (stream: number, offset: number): Output => ({ type: 'close', stream, offset });
  const outcome: Output = { type: 'outcome', outcome: { kind: 'exit', status: 0 } };

  it('stop nobody else: what a full window holds back leaves when it opens, in its own order', () => {
    const outbox = small();
    for (const output of [text(0, 200), text(200), start(1n), text(0, 3, 2), text(203)]) outbox.hold(1, output);
    expect(outbox.release(1)).toEqual([text(0, 200), start(1n), text(0, 3, 2)]);
    expect(outbox.release(1)).toEqual([]);
    outbox.confirm(1, 200);
    expect(outbox.release(1)).toEqual([joined(text(200), text(203))]);
  });

  it('leave an operation that finds no room to wait alone', () => {
    const outbox = small();
    for (const id of [1n, 2n, 3n, 4n]) outbox.hold(1, start(id));
    outbox.hold(1, text(0));
    expect(outbox.release(1)).toHaveLength(5);
    outbox.hold(1, start(5n));
    outbox.hold(1, text(3));
    expect(outbox.release(1)).toEqual([text(3)]);
    outbox.arrived(2);
    expect(outbox.release(1)).toEqual([start(5n)]);
  });

  it('do not let what was passed over leave before what precedes it is acknowledged', () => {
    const outbox = small();
    outbox.hold(1, text(0, 200));
    outbox.hold(2, text(200));
    expect(outbox.release(2)).toHaveLength(1);
    outbox.confirm(1, 200);
    // A replica that joins is waited for from now on.
    expect(outbox.release(1)).toEqual([]);
    expect(outbox.release(2)).toEqual([text(200)]);
  });

  it('keep the outcome until all that precedes it has left', () => {
    const outbox = small();
    for (const output of [text(0, 200), text(200), outcome]) outbox.hold(1, output);
    expect(outbox.release(1)).toEqual([text(0, 200)]);
    outbox.confirm(1, 200);
    expect(outbox.release(1)).toEqual([text(200), outcome]);
  });

  it('of opened streams do not make the guest wait as a whole, nor a snapshot', () => {
    const outbox = small();
    outbox.hold(1, text(0, 500, S));
    outbox.hold(1, text(500, 500, S));
    expect(outbox.heldBytes).toBe(0);
    outbox.release(1);
    expect(outbox.performed).toBe(Infinity);
    outbox.hold(1, text(0));
    expect(outbox.heldBytes).toBeGreaterThan(0);
  });

  it('are drained when the outside has taken what was put out, also what the bus had of another', () => {
    const outbox = new Outbox();
    expect(outbox.isDrained(S)).toBe(true);
    outbox.hold(1, text(0, 3, S));
    expect(outbox.isDrained(S)).toBe(false);
    outbox.release(1);
    expect(outbox.isDrained(S)).toBe(false);
    outbox.confirm(S, 3);
    expect(outbox.isDrained(S)).toBe(true);
    outbox.reattach([{ stream: S, received: 5, written: 3 }], T, true);
    expect(outbox.isDrained(S)).toBe(false);
    outbox.confirm(S, 5);
    expect(outbox.isDrained(S)).toBe(true);
  });

  it('are gone once a stream is closed and all of it is there', () => {
    const outbox = sent(text(0, 3, S), end(S, 3), close(S, 4));
    outbox.confirm(S, 4);
    expect(outbox.sentCount).toBe(1);
    expect(outbox.confirmed).toEqual([{ stream: S, offset: 4 }]);
    outbox.confirm(S, 5);
    expect([outbox.sentCount, outbox.confirmed]).toEqual([0, []]);
    expect(outbox.takeUntold()).toEqual([{ stream: S, offset: 5 }]);
    expect(outbox.takeUntold()).toEqual([]);
  });

  it('know that a stream that the bus has forgotten is closed, and tell the backups', () => {
    const outbox = sent(text(0, 3, S), text(0, 3, T));
    outbox.hold(5, close(S, 3));
    const { again } = outbox.reattach([{ stream: T, received: 1, written: 0 }], T + 1, true);
    expect(again).toEqual([{ type: 'stream', stream: T, offset: 1, bytes: new Uint8Array(2) }]);
    expect(outbox.release(Infinity)).toEqual([]);
    expect(outbox.takeUntold()).toEqual([{ stream: S, offset: Number.MAX_SAFE_INTEGER }]);
    // A backup whose guest comes later holds nothing of it.
    const backup = new Outbox();
    backup.dropLeft(0, [{ stream: S, offset: Number.MAX_SAFE_INTEGER }]);
    for (const output of [text(0, 3, S), close(S, 3)]) backup.hold(1, output);
    expect([backup.left, backup.confirmed]).toEqual([Infinity, []]);
  });

  it('take a stream that was opened since the fence to be new', () => {
    const outbox = new Outbox();
    outbox.reattach([], S, true);
    outbox.hold(0, text(0, 3, S));
    expect(outbox.release(0)).toEqual([text(0, 3, S)]);
  });

  it('let a backup drop what has left around a stream that stands still, without keeping turns for ever', () => {
    const outbox = new Outbox();
    outbox.hold(0, text(0, 3, S));
    for (let at = 1; at < 20_000; at++) {
      outbox.hold(at, text(3 * (at - 1)));
      outbox.hold(at, releaseOperation(BigInt(at)));
      outbox.dropLeft(at + 1, [{ stream: 1, offset: 3 * at }]);
    }
    expect(outbox.heldBytes).toBe(0);
    expect(outbox.turnCount).toBeLessThan(2_000);
    expect(outbox.pending).toEqual([{ position: 0, output: text(0, 3, S) }].map(item => expect.objectContaining(item)));
    expect(outbox.release(Infinity)).toEqual([text(0, 3, S)]);
  });
});
