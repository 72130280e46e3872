// Listeners and connections as a guest has them: what is delivered, what it does, what follows for the machine.

import { beforeEach, describe, expect, it } from 'vitest';
import { FIRST_CONNECTING, FIRST_LISTENING, madeFor } from '../../devices/connection/connection-streams.js';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { Sockets } from '../../engine/streams/sockets.js';

const S = 1 << 16;
const NO_DATA = new Uint8Array(0);

let sockets: Sockets;
/** Half of the tests go on from what was saved, at each look. */
const again = () => new Sockets([], structuredClone(sockets.save()));
const opened = (stream: number, offset: number, source = FIRST_LISTENING, data: Uint8Array = NO_DATA) =>
  sockets.deliver({ kind: 'opened', stream: source, offset, opened: stream, data });

beforeEach(() => {
  sockets = new Sockets([FIRST_LISTENING]);
});

describe('a listener', () => {
  it('gives connections in the order of coming, and says how many it has given', () => {
    opened(S, 0);
    opened(S + 1, 1);
    expect(sockets.accept(FIRST_LISTENING)).toEqual({ stream: S, offset: 1 });
    sockets = again();
    expect(sockets.accept(FIRST_LISTENING)).toEqual({ stream: S + 1, offset: 2 });
    expect([sockets.hasWaiting(FIRST_LISTENING), sockets.accept(FIRST_LISTENING)]).toEqual([false, undefined]);
    expect(sockets.takeDue()).toEqual({ close: [], release: [] });
  });

  it('that is closed takes those with it that wait, and those that come', () => {
    opened(S, 0);
    sockets.accept(FIRST_LISTENING);
    opened(S + 1, 1);
    opened(S + 2, 2);
    expect(sockets.close(FIRST_LISTENING)).toEqual([S + 1, S + 2]);
    sockets = again();
    opened(S + 3, 3);
    expect(sockets.takeDue()).toEqual({
      close: [S + 3],
      release: [
        { source: FIRST_LISTENING, offset: 3 },
        { source: FIRST_LISTENING, offset: 4 },
      ],
    });
    expect(sockets.takeDue()).toEqual({ close: [], release: [] });
    expect([sockets.find(S + 3), sockets.find(S)?.reset]).toEqual([undefined, false]);
  });
});

describe('a connection that an operation makes', () => {
  const dialled = (stream: number, offset: number, operation: bigint) =>
    opened(stream, offset, FIRST_CONNECTING, madeFor(operation));

  it("is the guest's with the end of its operation, with all that came before", () => {
    dialled(S, 0, 7n);
    sockets.deliver({ kind: 'stream', stream: S, offset: 0, bytes: Uint8Array.of(1), end: false });
    expect(sockets.takeDue()).toEqual({ close: [], release: [{ source: FIRST_CONNECTING, offset: 1 }] });
    sockets = again();
    expect(sockets.completed(7n, S)).toBe(S);
    expect(sockets.completed(7n, S)).toBeUndefined();
    expect(sockets.at(S).input.readableBytes).toBe(1);
  });

  it('is closed where a repeat has made another', () => {
    dialled(S, 0, 7n);
    dialled(S + 1, 1, 8n);
    dialled(S + 2, 2, 7n);
    sockets.takeDue();
    expect(sockets.completed(7n, S + 2)).toBe(S + 2);
    expect(sockets.takeDue().close).toEqual([S]);
    expect(sockets.completed(8n, -111)).toBeUndefined();
    expect(sockets.takeDue().close).toEqual([S + 1]);
  });
});

describe('a connection', () => {
  it('has room for what the outside takes, and hears nothing once it is deaf', () => {
    opened(S, 0);
    const connection = sockets.at(S);
    sockets.wrote(connection, BOUNDS.openedOutputBytes);
    expect(sockets.roomBytes(connection)).toBe(0);
    sockets.deliver({ kind: 'taken', stream: S, offset: 10 });
    sockets.deliver({ kind: 'taken', stream: S, offset: 5 });
    expect(sockets.roomBytes(connection)).toBe(10);
    connection.deaf = true;
    sockets.deliver({ kind: 'stream', stream: S, offset: 0, bytes: Uint8Array.of(1), end: true });
    expect([connection.input.readableBytes, connection.input.ended]).toEqual([0, false]);
    expect(again().save()).toEqual(sockets.save());
  });

  it('has its share only, while all together hold too much; a reset or a close gives back what was held', () => {
    const { openedOutputBytes: window, openedOutputShareBytes: share, openedOutputTotalBytes: total } = BOUNDS;
    const many = total / window;
    for (let k = 0; k <= many; k++) opened(S + k, k);
    for (let k = 0; k < many; k++) sockets.wrote(sockets.at(S + k), window);
    const room = () => sockets.roomBytes(sockets.at(S + many));
    expect(room()).toBe(share);
    sockets = again();
    expect(room()).toBe(share);
    sockets.deliver({ kind: 'taken', stream: S, offset: 1 });
    expect(room()).toBe(window);
    sockets.wrote(sockets.at(S + many), share);
    expect(room()).toBe(0);
    sockets.deliver({ kind: 'reset', stream: S + 1 });
    expect(room()).toBe(window - share);
    sockets.wrote(sockets.at(S + many), window - share);
    sockets.wrote(sockets.at(S), 1);
    sockets.deliver({ kind: 'taken', stream: S + many, offset: window });
    expect(room()).toBe(window);
    sockets.wrote(sockets.at(S + many), window);
    expect(sockets.close(S + 2)).toEqual([S + 2]);
    sockets.deliver({ kind: 'taken', stream: S + many, offset: 2 * window });
    expect(room()).toBe(window);
  });

  it('that is closed is told of no more', () => {
    opened(S, 0);
    expect(sockets.close(S)).toEqual([S]);
    sockets.deliver({ kind: 'reset', stream: S });
    expect([sockets.find(S), sockets.close(S)]).toEqual([undefined, []]);
  });
});
