// Streams that are opened while a machine runs, at the bus: OF and RL for each of them, FN for those that have gone.

import { beforeEach, describe, expect, it } from 'vitest';
import { BOUNDS, type Bounds } from '../../engine/protocol/bounds.js';
import { Bus, type BusEffect, type BusOptions, LINGER_TICKS } from '../../engine/protocol/bus/bus.js';
import { BUS_HEARTBEAT_MS } from '../../engine/protocol/messages.js';
import { FIRST_OPENED_STREAM, type Interrupt, type Output } from '../../engine/protocol/vocabulary.js';

const A = 1;
const B = 2;
const SOURCE = 3;
const S = FIRST_OPENED_STREAM;
const T = S + 1;
const NOTHING = new Uint8Array(0);
const text = (string: string) => new TextEncoder().encode(string);

let bus: Bus;

function start(bounds: Partial<Bounds> = {}, options: Partial<BusOptions> = {}): void {
  const streams = { outputStreams: [1], inputStreams: [0], sourceStreams: [SOURCE] };
  bus = new Bus({ operationIds: true, ...streams, bounds: { ...BOUNDS, ...bounds }, ...options });
  bus.step({ type: 'attached', connection: A, incarnation: 'a' });
  bus.step({ type: 'attached', connection: B, incarnation: 'b' });
}

const fence = (connection: number, view: number) =>
  bus.step({ type: 'message', connection, message: { type: 'fence', view } });
const put = (output: Output, connection = A, view = 1) =>
  bus.step({ type: 'message', connection, message: { type: 'output', view, output } });
const write = (stream: number, offset: number, string: string, connection = A, view = 1) =>
  put({ type: 'stream', stream, offset, bytes: text(string) }, connection, view);
const open = (data = NOTHING) => bus.step({ type: 'opened', source: SOURCE, stream: bus.nextStream, data });
const input = (stream: number, bytes: Uint8Array, end = false) => bus.step({ type: 'input', stream, bytes, end });
const release = (stream: number, offset: number) => put({ type: 'releaseInput', stream, offset });
const written = (stream: number, offset: number) => bus.step({ type: 'written', stream, offset });
const reset = (stream: number) => bus.step({ type: 'reset', stream });

/** What the owner is told, in short. */
function told(effects: readonly BusEffect[]): unknown[] {
  return effects.flatMap(effect => {
    if (effect.type !== 'send') return [];
    const { message } = effect;
    if (message.type === 'interrupt') return [interruptInShort(message.interrupt)];
    return message.type === 'confirmed' ? [['confirmed', message.stream, message.offset]] : [];
  });
}

function interruptInShort(interrupt: Interrupt): unknown {
  if (interrupt.kind === 'opened') return ['opened', interrupt.offset, interrupt.opened];
  if (interrupt.kind === 'stream') return ['input', interrupt.stream, interrupt.offset, interrupt.end];
  return 'stream' in interrupt ? [interrupt.kind, interrupt.stream] : interrupt.kind;
}

const done = (effects: readonly BusEffect[]) =>
  effects.filter(({ type }) => type !== 'send').map(effect => [effect.type, 'stream' in effect ? effect.stream : '']);

beforeEach(() => {
  start();
  fence(A, 1);
});

describe('an opened stream', () => {
  it('is numbered by the bus, never twice, and told to the owner', () => {
    expect(told(open())).toEqual([['opened', 0, S]]);
    expect(told(open())).toEqual([['opened', 1, T]]);
    put({ type: 'close', stream: S, offset: 0 });
    written(S, 1);
    expect(bus.nextStream).toBe(S + 2);
  });

  it('is told again until that is released, before what came in by it', () => {
    open();
    input(S, text('in'));
    open();
    expect(told(fence(B, 2))).toEqual([
      ['opened', 0, S],
      ['opened', 1, T],
      ['input', S, 0, false],
    ]);
    put({ type: 'releaseInput', stream: SOURCE, offset: 1 }, B, 2);
    expect(told(fence(A, 3))).toEqual([
      ['opened', 1, T],
      ['input', S, 0, false],
    ]);
  });

  it('has bytes, an end and a close each at places of its output, so that a new owner may send them all again', () => {
    open();
    expect(done(write(S, 0, 'abc'))).toEqual([['write', S]]);
    expect(done(put({ type: 'end', stream: S, offset: 3 }))).toEqual([['endStream', S]]);
    expect(told(written(S, 4))).toEqual([['confirmed', S, 4]]);
    fence(B, 2);
    expect(done(write(S, 0, 'abc', B, 2))).toEqual([]);
    expect(told(put({ type: 'end', stream: S, offset: 3 }, B, 2))).toEqual([['confirmed', S, 4]]);
    expect(done(put({ type: 'close', stream: S, offset: 4 }, B, 2))).toEqual([['closeStream', S]]);
  });

  it('is forgotten when it is closed and the outside has taken all of it; what is sent for it then is there', () => {
    open();
    write(S, 0, 'abc');
    put({ type: 'close', stream: S, offset: 3 });
    expect(bus.openStreams).toEqual([S]);
    written(S, 3);
    expect(bus.openStreams).toEqual([S]);
    expect(told(written(S, 4))).toEqual([['confirmed', S, 4]]);
    expect(bus.openStreams).toEqual([]);
    expect(fence(B, 2)).toContainEqual({
      rule: 'FN',
      type: 'send',
      connection: B,
      message: { type: 'fenced', view: 2, streams: [{ stream: 1, received: 0, written: 0 }], next: T },
    });
    expect(told(write(S, 0, 'abc', B, 2))).toEqual([['confirmed', S, 3]]);
    expect(told(put({ type: 'close', stream: S, offset: 3 }, B, 2))).toEqual([['confirmed', S, 4]]);
    expect(put({ type: 'releaseInput', stream: S, offset: 9 }, B, 2)).toEqual([]);
  });

  it('is released as a whole once it is closed, whatever else is said of it, while the outside takes the rest', () => {
    open();
    write(S, 0, 'abc');
    put({ type: 'close', stream: S, offset: 3 });
    expect(release(S, 9)).toEqual([]);
    expect(bus.openStreams).toEqual([S]);
  });

  it('gives no input any more once it is closed, not even again', () => {
    open();
    release(SOURCE, 1);
    input(S, text('kept'));
    put({ type: 'close', stream: S, offset: 0 });
    expect(input(S, text('late'))).toEqual([]);
    expect(told(fence(B, 2))).toEqual([]);
  });

  it('that was reset is told so to every owner, takes what is put out as if it were there, and can be closed', () => {
    open();
    release(SOURCE, 1);
    write(S, 0, 'abc');
    expect(told(reset(S))).toEqual([
      ['confirmed', S, 3],
      ['reset', S],
    ]);
    expect(reset(S)).toEqual([]);
    // The device had begun to write.
    expect(written(S, 2)).toEqual([]);
    expect(write(S, 3, 'def')).toMatchObject([{ message: { type: 'confirmed', offset: 6 } }]);
    expect(told(fence(B, 2))).toEqual([['reset', S]]);
    expect(done(put({ type: 'close', stream: S, offset: 6 }, B, 2))).toEqual([['closeStream', S]]);
    written(S, 7);
    expect(bus.openStreams).toEqual([]);
  });

  it('that is reset while it is being closed has gone', () => {
    open();
    put({ type: 'close', stream: S, offset: 0 });
    expect(told(reset(S))).toEqual([['confirmed', S, 1]]);
    expect(bus.openStreams).toEqual([]);
  });

  it.each<[string, () => readonly BusEffect[]]>([
    ['output of a stream that was never opened', () => write(T, 0, 'x')],
    ['an end of a stream that was not opened', () => put({ type: 'end', stream: 1, offset: 0 })],
    ['output to a source', () => write(SOURCE, 0, 'x')],
    ['output with a gap', () => write(S, 1, 'x')],
    [
      'output after its end',
      () => {
        put({ type: 'end', stream: S, offset: 0 });
        return write(S, 1, 'x');
      },
    ],
    [
      'anything after its close',
      () => {
        put({ type: 'close', stream: S, offset: 0 });
        return put({ type: 'close', stream: S, offset: 1 });
      },
    ],
    ['a release of more than was opened', () => release(SOURCE, 2)],
    ['a release of input that was not sent', () => release(S, 1)],
    ['a release of input of a stream that is not there', () => release(7, 0)],
    ['a release of input of a stream that is opened next', () => release(T, 0)],
  ])('%s is a defect of its sender, who is cut off', (_, act) => {
    open();
    expect(act()).toMatchObject([{ type: 'close', connection: A }]);
  });
});

describe('windows', () => {
  it('of an opened stream stop its own device, and no other', () => {
    start({ openedInputBytes: 4 });
    fence(A, 1);
    open();
    open();
    expect(done(input(S, text('abcd')))).toEqual([['pauseInput', S]]);
    expect(done(input(T, text('abc')))).toEqual([]);
    expect(done(release(S, 1))).toEqual([]);
    expect(done(release(S, 2))).toEqual([['resumeInput', S]]);
  });

  it('of all of them together leave each a share', () => {
    start({ openedInputBytes: 100, openedInputTotalBytes: 10, openedInputShareBytes: 3 });
    fence(A, 1);
    for (let count = 0; count < 3; count++) open();
    expect(done(input(S, new Uint8Array(10)))).toEqual([['pauseInput', S]]);
    expect(done(input(T, new Uint8Array(2)))).toEqual([]);
    expect(done(input(T, new Uint8Array(1)))).toEqual([['pauseInput', T]]);
    // Room in all: whoever waited for that goes on.
    expect(done(release(S, 9))).toEqual([
      ['resumeInput', S],
      ['resumeInput', T],
    ]);
  });

  it('get back what a stream held when that is closed', () => {
    start({ openedInputBytes: 100, openedInputTotalBytes: 10, openedInputShareBytes: 1 });
    fence(A, 1);
    open();
    open();
    input(S, new Uint8Array(9));
    expect(done(input(T, new Uint8Array(1)))).toEqual([['pauseInput', T]]);
    expect(done(put({ type: 'close', stream: S, offset: 0 }))).toEqual([
      ['resumeInput', T],
      ['closeStream', S],
    ]);
    // S holds nothing: T has all of it.
    expect(done(input(T, new Uint8Array(8)))).toEqual([]);
    expect(done(input(T, new Uint8Array(1)))).toEqual([['pauseInput', T]]);
  });

  it('are no matter of a stream that is closed, though its own was full', () => {
    start({ openedInputBytes: 4 });
    fence(A, 1);
    open();
    expect(done(input(S, text('abcd')))).toEqual([['pauseInput', S]]);
    expect(done(put({ type: 'close', stream: S, offset: 0 }))).toEqual([['closeStream', S]]);
  });

  it('of a source stop it while too many streams wait to be told', () => {
    start({ unreleasedStreams: 2 });
    fence(A, 1);
    open();
    expect(done(open())).toEqual([['pauseInput', SOURCE]]);
    expect(done(release(SOURCE, 1))).toEqual([['resumeInput', SOURCE]]);
  });

  it('of output are one a stream: an owner that sends past one of them is cut off', () => {
    start({ unwrittenBytes: 3 });
    fence(A, 1);
    open();
    write(S, 0, 'abcd');
    expect(done(write(1, 0, 'abc'))).toEqual([['write', 1]]);
    expect(write(S, 4, 'x')).toMatchObject([{ type: 'close', connection: A }]);
  });
});

describe('the end of a machine (XT)', () => {
  const outcome = { kind: 'exit', status: 0 } as const;

  it('waits for what an opened stream has not taken, and not for ever', () => {
    open();
    write(S, 0, 'abc');
    expect(done(put({ type: 'outcome', outcome }))).toEqual([]);
    expect(LINGER_TICKS * BUS_HEARTBEAT_MS).toBe(2_000);
    for (let tick = 1; tick < LINGER_TICKS; tick++) expect(done(bus.step({ type: 'tick' }))).toEqual([]);
    expect(done(bus.step({ type: 'tick' }))).toEqual([['end', '']]);
    // Whoever takes it after all disturbs nobody.
    expect(written(S, 3)).toEqual([]);
  });

  it('comes as soon as the outside has taken all, or has gone', () => {
    open();
    open();
    write(S, 0, 'abc');
    write(T, 0, 'abc');
    put({ type: 'outcome', outcome });
    written(S, 3);
    expect(done(reset(T))).toEqual([['end', '']]);
  });

  it('waits for standard output for as long as it takes', () => {
    write(1, 0, 'abc');
    put({ type: 'outcome', outcome });
    for (let tick = 0; tick < 2 * LINGER_TICKS; tick++) expect(done(bus.step({ type: 'tick' }))).toEqual([]);
    expect(done(written(1, 3))).toEqual([['end', '']]);
  });
});

describe('a machine that is resumed from a snapshot', () => {
  it('finds the streams that were open reset, and new ones after them', () => {
    const offsets = { outputs: [], inputs: [{ stream: SOURCE, offset: 2 }], lost: [{ stream: T, offset: 7 }] };
    start({}, { offsets });
    expect(told(fence(A, 1))).toEqual([['reset', T]]);
    expect(told(write(T, 7, 'x'))).toEqual([['confirmed', T, 8]]);
    expect(told(open())).toEqual([['opened', 2, S + 2]]);
    // No device knows of it: its close is a matter of the bus alone.
    const closes = put({ type: 'close', stream: T, offset: 8 });
    expect([told(closes), done(closes)]).toEqual([[['confirmed', T, 9]], []]);
    expect(bus.openStreams).toEqual([S + 2]);
    expect(told(fence(B, 2))).toEqual([['opened', 2, S + 2]]);
  });
});
