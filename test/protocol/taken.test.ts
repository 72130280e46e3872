// When the guest is told how much the outside has taken of an opened stream: it may wait for room (P1).

import { expect, it } from 'vitest';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { Channel } from '../../engine/protocol/channel.js';
import type { StreamPlaces } from '../../engine/protocol/messages.js';
import { FIRST_OPENED_STREAM, type Output } from '../../engine/protocol/vocabulary.js';

const S = FIRST_OPENED_STREAM;
const WINDOW = 100;
const SHARE = 20;

/** A primary that is alone, with the bus, which has `streams`. */
function primary(streams: readonly StreamPlaces[] = []) {
  const channel = new Channel<string>({
    incarnation: 'a',
    machine: 'm',
    view: { number: 1, machine: 'm', primary: 'a', backups: [], claim: 'first' },
    operationIds: true,
    ...{ heartbeatMs: 100, tickMs: 50, suspicionMs: 1000, startMs: 1000, nowMs: 0 },
    newClaim: () => 'c',
    bounds: { ...BOUNDS, openedOutputBytes: WINDOW, openedOutputShareBytes: SHARE },
  });
  channel.step({ type: 'busOpened', nowMs: 0 });
  return { channel, told: fence(channel, streams) };
}

/** What the guest is told of streams. */
function told(effects: ReturnType<Channel<string>['step']>): unknown[] {
  return effects.flatMap(effect =>
    effect.type === 'interrupt' && effect.interrupt.kind === 'taken'
      ? [[effect.interrupt.stream, effect.interrupt.offset]]
      : [],
  );
}

function fence(channel: Channel<string>, streams: readonly StreamPlaces[]): unknown[] {
  return told(channel.step({ type: 'bus', message: { type: 'fenced', view: 1, streams, next: S + 1 }, nowMs: 0 }));
}

function put(channel: Channel<string>, offset: number, length: number, stream = S): void {
  const output: Output = { type: 'stream', stream, offset, bytes: new Uint8Array(length) };
  channel.step({ type: 'output', position: 0, output });
}

const confirm = (channel: Channel<string>, offset: number, stream = S) =>
  told(channel.step({ type: 'bus', message: { type: 'confirmed', stream, offset }, nowMs: 0 }));

it('half of the window at a time, while more is on its way', () => {
  const { channel } = primary([{ stream: S, received: 0, written: 0 }]);
  put(channel, 0, 2 * WINDOW);
  expect(confirm(channel, WINDOW / 2 - 1)).toEqual([]);
  expect(confirm(channel, WINDOW / 2)).toEqual([[S, WINDOW / 2]]);
  expect(confirm(channel, WINDOW - 1)).toEqual([]);
  expect(confirm(channel, WINDOW)).toEqual([[S, WINDOW]]);
});

it('half of a share, once all is taken: it may hear of nothing else', () => {
  const { channel } = primary([{ stream: S, received: 0, written: 0 }]);
  put(channel, 0, SHARE);
  expect(confirm(channel, SHARE - 1)).toEqual([]);
  expect(confirm(channel, SHARE)).toEqual([[S, SHARE]]);
  put(channel, SHARE, SHARE / 2);
  expect(confirm(channel, SHARE + SHARE / 2)).toEqual([[S, SHARE + SHARE / 2]]);
  put(channel, SHARE + SHARE / 2, SHARE / 2 - 1);
  expect(confirm(channel, 2 * SHARE - 1)).toEqual([]);
});

it('nothing of a stream that is there from the start, however much: nobody waits for room in that', () => {
  const { channel } = primary();
  put(channel, 0, 2 * WINDOW, 1);
  expect(confirm(channel, 2 * WINDOW, 1)).toEqual([]);
});

it('nothing of a stream that the guest has closed', () => {
  const { channel } = primary([{ stream: S, received: 0, written: 0 }]);
  put(channel, 0, WINDOW);
  channel.step({ type: 'output', position: 0, output: { type: 'close', stream: S, offset: WINDOW } });
  expect(confirm(channel, WINDOW + 1)).toEqual([]);
});

it('anew when the bus is found again: what the guest of a new primary was told is not known', () => {
  const { channel, told: first } = primary([{ stream: S, received: WINDOW, written: WINDOW }]);
  expect(first).toEqual([[S, WINDOW]]);
  expect(confirm(channel, WINDOW)).toEqual([]);
  channel.step({ type: 'busClosed', nowMs: 0 });
  channel.step({ type: 'busOpened', nowMs: 0 });
  expect(fence(channel, [{ stream: S, received: WINDOW, written: WINDOW }])).toEqual([[S, WINDOW]]);
});
