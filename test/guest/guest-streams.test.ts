// Streams as a bare guest has them: the instructions that read, write, accept and close, and which streams have news.

import { beforeEach, describe, expect, test } from 'vitest';
import { FIRST_CONNECTING, FIRST_LISTENING, madeFor } from '../../devices/connection/connection-streams.js';
import { GuestStreams } from '../../engine/guest/guest-streams.js';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import type { ExecutionEvent } from '../../engine/protocol/execution.js';
import type { Interrupt } from '../../engine/protocol/vocabulary.js';

const S = 1 << 16;
const NO_DATA = new Uint8Array(0);
const [REFUSED, END, RESET] = [-1, -3, -104];
const OPTIONS = { listeners: [FIRST_LISTENING], connectors: ['there'] };

let performed: ExecutionEvent[];
let streams: GuestStreams;
const guest = { perform: (event: ExecutionEvent) => void performed.push(event) };

/** From here on the streams are those of a replica that has joined. */
function moves(): void {
  streams = new GuestStreams(guest, OPTIONS, structuredClone(streams.save()));
}

type Delivered = Interrupt & { kind: 'opened' | 'stream' | 'taken' | 'reset' };
const opened = (stream: number, offset = 0, source = FIRST_LISTENING, data: Uint8Array = NO_DATA): Delivered => ({
  kind: 'opened',
  stream: source,
  offset,
  opened: stream,
  data,
});
const input = (stream: number, text: string, end = false): Delivered => ({
  kind: 'stream',
  stream,
  offset: 0,
  bytes: Buffer.from(text),
  end,
});

function reads(stream: number, length = 100): string | number {
  const target = new Uint8Array(length);
  const count = streams.read(stream, target);
  return count < 0 ? count : Buffer.from(target.subarray(0, count)).toString();
}

beforeEach(() => {
  performed = [];
  streams = new GuestStreams(guest, OPTIONS);
});

describe('a bare guest', () => {
  test('accepts those that wait, one after another, which releases them', () => {
    expect(streams.deliver(opened(S))).toEqual({ kind: 5, id: BigInt(FIRST_LISTENING), status: 0 });
    streams.deliver(opened(S + 1, 1));
    moves();
    const accepted = [0, 1, 2].map(() => streams.accept(FIRST_LISTENING));
    expect(accepted).toEqual([S, S + 1, 0]);
    expect(performed).toEqual([
      { type: 'consumed', stream: FIRST_LISTENING, offset: 1 },
      { type: 'consumed', stream: FIRST_LISTENING, offset: 2 },
    ]);
    expect([streams.accept(FIRST_LISTENING + 1), streams.accept(S)]).toEqual([REFUSED, REFUSED]);
  });

  test('is named what has news, once until there is more, as many as it has room for', () => {
    streams.deliver(opened(S));
    streams.deliver(input(S, 'a'));
    streams.deliver(input(0, 'not named: there is one reader of it'));
    streams.deliver(opened(S + 1, 1));
    moves();
    expect([streams.takeReady(1), streams.takeReady(9), streams.takeReady(9)]).toEqual([[FIRST_LISTENING], [S], []]);
    streams.deliver({ kind: 'reset', stream: S + 1 });
    streams.deliver({ kind: 'taken', stream: S, offset: 0 });
    streams.close(S + 1);
    expect(streams.takeReady(9)).toEqual([S]);
  });

  test('reads what came, then its end, or its reset', () => {
    streams.deliver(opened(S));
    streams.deliver(opened(S + 1, 1));
    expect(reads(S)).toBe('');
    expect(streams.deliver(input(S, 'last', true))).toMatchObject({ kind: 2, id: BigInt(S), status: END });
    expect([reads(S, 2), reads(S, 0), reads(S, 9), reads(S)]).toEqual(['la', '', 'st', END]);
    streams.deliver(input(S + 1, 'x'));
    expect(streams.deliver({ kind: 'reset', stream: S + 1 })).toMatchObject({ kind: 7, status: RESET });
    expect([reads(S + 1), reads(S + 1)]).toEqual(['x', RESET]);
    expect(performed).toContainEqual({ type: 'consumed', stream: S, offset: 4 });
    expect([reads(FIRST_LISTENING), reads(S + 2)]).toEqual(['', REFUSED]);
  });

  test('writes what there is room for, nothing after its end, and hears of room', () => {
    streams.deliver(opened(S));
    const much = new Uint8Array(BOUNDS.openedOutputBytes + 10);
    expect([streams.write(S, much), streams.write(S, much)]).toEqual([BOUNDS.openedOutputBytes, 0]);
    expect(streams.deliver({ kind: 'taken', stream: S, offset: 7 })).toMatchObject({ kind: 6, status: 7 });
    moves();
    expect(streams.write(S, much)).toBe(7);
    expect([streams.end(S), streams.end(S), streams.write(S, much)]).toEqual([0, 0, END]);
    streams.deliver({ kind: 'reset', stream: S });
    expect(streams.write(S, much)).toBe(RESET);
    expect(performed.map(({ type }) => type)).toEqual(['write', 'write', 'endStream']);
    expect([streams.write(0, much), streams.write(S + 1, much), streams.end(S + 1)]).toEqual([
      REFUSED,
      REFUSED,
      REFUSED,
    ]);
  });

  test('closes a connection once, and no listener; what comes late is not told', () => {
    streams.deliver(opened(S));
    expect([streams.close(S), streams.close(S), streams.close(FIRST_LISTENING)]).toEqual([0, REFUSED, REFUSED]);
    expect(streams.deliver(input(S, 'late'))).toBeUndefined();
    expect(performed).toEqual([{ type: 'closeStream', stream: S }]);
  });

  test('has a connection that it made with all its news, and a second one of a repeat is closed', () => {
    streams.deliver(opened(S, 0, FIRST_CONNECTING, madeFor(3n)));
    streams.deliver(input(S, 'welcome'));
    expect(streams.takeReady(9)).toEqual([S]);
    streams.deliver(opened(S + 1, 1, FIRST_CONNECTING, madeFor(3n)));
    moves();
    streams.completed(3n, S);
    streams.settle();
    expect(streams.takeReady(9)).toContain(S);
    expect(reads(S)).toBe('welcome');
    expect(performed).toContainEqual({ type: 'closeStream', stream: S + 1 });
    expect(performed).toContainEqual({ type: 'consumed', stream: FIRST_CONNECTING, offset: 2 });
  });
});
