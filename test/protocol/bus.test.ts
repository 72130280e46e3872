// The bus's rules, one by one: FN, ON, OF, RL, XT.

import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { Bus, type BusEffect, type BusOptions } from '../../engine/protocol/bus/bus.js';
import type { FromBus } from '../../engine/protocol/messages.js';
import { FIRST_OPENED_STREAM, type Operation, type Outcome, type Output } from '../../engine/protocol/vocabulary.js';

const A = 1;
const B = 2;
const text = (string: string) => new TextEncoder().encode(string);
const NOTHING = new Uint8Array(0);

let bus: Bus;

function start(options: Partial<BusOptions> = {}): void {
  bus = new Bus({ operationIds: true, outputStreams: [1, 2], inputStreams: [0], ...options });
  bus.step({ type: 'attached', connection: A, incarnation: 'a' });
  bus.step({ type: 'attached', connection: B, incarnation: 'b' });
}

const fence = (connection: number, view: number) =>
  bus.step({ type: 'message', connection, message: { type: 'fence', view } });
const output = (connection: number, view: number, what: Output) =>
  bus.step({ type: 'message', connection, message: { type: 'output', view, output: what } });
const write = (connection: number, view: number, stream: number, offset: number, bytes: Uint8Array) =>
  output(connection, view, { type: 'stream', stream, offset, bytes });
const operation = (id: bigint, bytes = NOTHING): Operation => ({
  id,
  device: 0x100,
  command: 2,
  argument: 0n,
  length: 0,
  data: bytes,
});
const operate = (connection: number, view: number, id: bigint, bytes = NOTHING) =>
  output(connection, view, { type: 'operation', operation: operation(id, bytes) });
const completed = (token: number, status: number, data = NOTHING) =>
  bus.step({ type: 'completed', token, status, data });
const written = (stream: number, offset: number) => bus.step({ type: 'written', stream, offset });
const input = (bytes: Uint8Array, end = false) => bus.step({ type: 'input', stream: 0, bytes, end });
const exit = (status: number): Outcome => ({ kind: 'exit', status });
const end = (connection: number, view: number, status: number) =>
  output(connection, view, { type: 'outcome', outcome: exit(status) });

/** What is sent, as `CONNECTION: message`. */
const sent = (effects: readonly BusEffect[]): [number, FromBus][] =>
  effects.flatMap(effect => (effect.type === 'send' ? [[effect.connection, effect.message] as [number, FromBus]] : []));
const types = (effects: readonly BusEffect[]) => effects.map(effect => effect.type);
const rules = (effects: readonly BusEffect[]) => effects.map(effect => effect.rule);
function token(effects: readonly BusEffect[]): number {
  const perform = effects.find(effect => effect.type === 'perform');
  if (perform === undefined) throw new Error('nothing is performed');
  return perform.token;
}

beforeEach(() => start());

describe('fencing (FN)', () => {
  test('a fence is answered with how much of each output stream is there, and how much of it is outside', () => {
    fence(A, 1);
    write(A, 1, 1, 0, text('hello'));
    written(1, 3);
    const effects = fence(B, 2);
    expect(sent(effects)).toContainEqual([
      B,
      {
        type: 'fenced',
        view: 2,
        streams: [
          { stream: 1, received: 5, written: 3 },
          { stream: 2, received: 0, written: 0 },
        ],
        next: FIRST_OPENED_STREAM,
      },
    ]);
    expect(rules(effects)).toEqual(['FN', 'FN']);
    expect([bus.view, bus.owner]).toEqual([2, 'b']);
  });

  test('whoever owned the view before is told at once', () => {
    fence(A, 1);
    expect(sent(fence(B, 2))[0]).toEqual([A, { type: 'stale', view: 1, current: 2 }]);
  });

  test('output of an older view is refused for good, and nothing is performed', () => {
    fence(A, 1);
    fence(B, 2);
    for (const what of [
      { type: 'stream', stream: 1, offset: 0, bytes: text('x') },
      { type: 'operation', operation: operation(1n) },
      { type: 'releaseInput', stream: 0, offset: 0 },
      { type: 'releaseOperation', operation: 1n },
      { type: 'outcome', outcome: exit(0) },
    ] as const) {
      expect(output(A, 1, what)).toEqual([
        { rule: 'FN', type: 'send', connection: A, message: { type: 'stale', view: 1, current: 2 } },
      ]);
    }
    expect(sent(fence(A, 1))).toEqual([[A, { type: 'stale', view: 1, current: 2 }]]);
    expect(bus.owner).toBe('b');
  });

  test('output of the present view by someone else is refused', () => {
    fence(A, 1);
    expect(sent(write(B, 1, 1, 0, text('x')))).toEqual([[B, { type: 'stale', view: 1, current: 1 }]]);
  });

  test('the present view has one owner: another replica cannot fence it', () => {
    fence(A, 1);
    expect(sent(fence(B, 1))).toEqual([[B, { type: 'stale', view: 1, current: 1 }]]);
    expect(types(write(A, 1, 1, 0, text('x')))).toEqual(['write']);
  });

  test('another replica cannot fence the present view while its owner is away', () => {
    fence(A, 1);
    bus.step({ type: 'detached', connection: A });
    expect(sent(fence(B, 1))).toEqual([[B, { type: 'stale', view: 1, current: 1 }]]);
  });

  test('the owner attaches again: its new connection counts, the old one is closed', () => {
    fence(A, 1);
    bus.step({ type: 'attached', connection: 3, incarnation: 'a' });
    expect(fence(3, 1)[0]).toMatchObject({ rule: 'FN', type: 'close', connection: A });
    expect(types(write(3, 1, 1, 0, text('x')))).toEqual(['write']);
    expect(write(A, 1, 1, 1, text('y'))).toEqual([]);
  });

  test('the owner itself may go on to a higher view on its connection', () => {
    fence(A, 1);
    expect(types(fence(A, 2))).toEqual(['send']);
    expect(sent(write(A, 1, 1, 0, text('x')))).toEqual([[A, { type: 'stale', view: 1, current: 2 }]]);
    expect(types(write(A, 2, 1, 0, text('x')))).toEqual(['write']);
  });

  test('output of a view that nobody fenced is a defect', () => {
    fence(A, 1);
    expect(write(A, 2, 1, 0, text('x'))).toMatchObject([{ rule: 'FN', type: 'close', connection: A }]);
  });

  test('output before any fence is refused', () => {
    expect(sent(write(A, 0, 1, 0, text('x')))).toEqual([[A, { type: 'stale', view: 0, current: 0 }]]);
  });

  test('a bus started again knows the view and its primary from the arbiter', () => {
    start({ view: { number: 4, primary: 'b' } });
    expect(sent(fence(A, 3))).toEqual([[A, { type: 'stale', view: 3, current: 4 }]]);
    expect(sent(fence(A, 4))).toEqual([[A, { type: 'stale', view: 4, current: 4 }]]);
    expect(sent(fence(B, 4))).toMatchObject([[B, { type: 'fenced', view: 4 }]]);
  });
});

describe('output streams (OF)', () => {
  test('bytes go to the device, and are confirmed when they are written', () => {
    fence(A, 1);
    expect(write(A, 1, 1, 0, text('hello'))).toEqual([
      { rule: 'OF', type: 'write', stream: 1, offset: 0, bytes: text('hello') },
    ]);
    expect(sent(written(1, 3))).toEqual([[A, { type: 'confirmed', stream: 1, offset: 3 }]]);
  });

  test('a new primary sends again what it is not sure of: the bus drops what it has', () => {
    fence(A, 1);
    write(A, 1, 1, 0, text('hello'));
    fence(B, 2);
    expect(write(B, 2, 1, 0, text('hel'))).toEqual([]);
    expect(write(B, 2, 1, 3, text('lo wor'))).toEqual([
      { rule: 'OF', type: 'write', stream: 1, offset: 5, bytes: text(' wor') },
    ]);
    expect(sent(written(1, 5))).toEqual([[B, { type: 'confirmed', stream: 1, offset: 5 }]]);
  });

  test('what the bus has written it confirms to who sends it again: nothing else would', () => {
    fence(A, 1);
    write(A, 1, 1, 0, text('hello'));
    written(1, 3);
    fence(B, 2);
    expect(sent(write(B, 2, 1, 0, text('hel')))).toEqual([[B, { type: 'confirmed', stream: 1, offset: 3 }]]);
    // The device is still at the rest, and will say when it is done.
    expect(write(B, 2, 1, 3, text('lo'))).toEqual([]);
    expect(sent(written(1, 5))).toEqual([[B, { type: 'confirmed', stream: 1, offset: 5 }]]);
    expect(sent(write(B, 2, 1, 3, text('lo')))).toEqual([[B, { type: 'confirmed', stream: 1, offset: 5 }]]);
  });

  test('streams count for themselves', () => {
    fence(A, 1);
    write(A, 1, 1, 0, text('out'));
    expect(write(A, 1, 2, 0, text('err'))).toMatchObject([{ type: 'write', stream: 2, offset: 0 }]);
  });

  test('a gap is a defect of the sender', () => {
    fence(A, 1);
    write(A, 1, 1, 0, text('hello'));
    expect(write(A, 1, 1, 6, text('x'))).toMatchObject([{ rule: 'OF', type: 'close', connection: A }]);
    expect(write(A, 1, 1, 5, text('x'))).toEqual([]);
  });

  test('output of a stream that takes none is a defect of the sender', () => {
    fence(A, 1);
    expect(write(A, 1, 0, 0, text('x'))).toMatchObject([{ rule: 'OF', type: 'close', connection: A }]);
  });

  test('whatever two primaries send, the device gets the stream once, in order', () => {
    const piece = fc.record({ start: fc.nat(30), length: fc.nat(12), owner: fc.boolean() });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), pieces => {
        start();
        const all = Uint8Array.from({ length: 100 }, (_, at) => at);
        const out: number[] = [];
        let view = 0;
        let owner = 0;
        for (const { start: from, length, owner: isB } of pieces) {
          const connection = isB ? B : A;
          if (connection !== owner) fence(connection, ++view);
          owner = connection;
          const offset = Math.min(from, out.length);
          for (const effect of write(connection, view, 1, offset, all.subarray(offset, offset + length))) {
            if (effect.type === 'write') out.push(...effect.bytes);
          }
        }
        expect(out).toEqual([...all.subarray(0, out.length)]);
      }),
    );
  });

  test('what is there already is answered: now, or when the outside has it', () => {
    fence(A, 1);
    write(A, 1, 1, 0, text('hello'));
    written(1, 3);
    fence(B, 2);
    expect(sent(write(B, 2, 1, 0, text('hel')))).toEqual([[B, { type: 'confirmed', stream: 1, offset: 3 }]]);
    expect(write(B, 2, 1, 0, text('hello'))).toEqual([]);
    expect(sent(written(1, 5))).toEqual([[B, { type: 'confirmed', stream: 1, offset: 5 }]]);
    expect(sent(write(B, 2, 1, 0, text('hello')))).toEqual([[B, { type: 'confirmed', stream: 1, offset: 5 }]]);
  });

  test('every byte that an owner sends is answered in the end, whatever was there', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('write' as const), back: fc.nat(8), length: fc.nat(9) }),
      fc.constant({ what: 'fence' } as const),
      fc.record({ what: fc.constant('written' as const), most: fc.nat(9) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        start();
        let [view, accepted, taken, reached, confirmed] = [0, 0, 0, 0, 0];
        const hear = (effects: readonly BusEffect[]) => {
          for (const effect of effects) if (effect.type === 'write') accepted = effect.offset + effect.bytes.length;
          for (const [, message] of sent(effects)) {
            if (message.type === 'confirmed') confirmed = Math.max(confirmed, message.offset);
          }
        };
        const become = () => {
          view += 1;
          [reached, confirmed] = [0, 0];
          fence(view % 2 === 0 ? A : B, view);
        };
        const take = (offset: number) => {
          if (offset <= taken) return;
          taken = offset;
          hear(written(1, offset));
        };
        become();
        for (const one of steps) {
          if (one.what === 'fence') become();
          else if (one.what === 'written') take(Math.min(accepted, taken + one.most));
          else {
            const offset = Math.max(0, accepted - one.back);
            hear(write(view % 2 === 0 ? A : B, view, 1, offset, new Uint8Array(one.length)));
            if (one.length > 0) reached = Math.max(reached, offset + one.length);
          }
        }
        take(accepted);
        expect(confirmed).toBeGreaterThanOrEqual(reached);
      }),
    );
  });

  test('an outside that takes nothing stops nobody: a new owner is answered, and what it may send is bounded', () => {
    start({ bounds: { ...BOUNDS, unwrittenBytes: 10 } });
    fence(A, 1);
    write(A, 1, 1, 0, new Uint8Array(10));
    expect(types(write(A, 1, 2, 0, text('x')))).toEqual(['write']);
    expect(sent(fence(B, 2))).toContainEqual([B, expect.objectContaining({ type: 'fenced', view: 2 })]);
    expect(sent(input(text('in')))).toMatchObject([[B, { type: 'interrupt' }]]);
    expect(write(B, 2, 1, 0, new Uint8Array(10))).toEqual([]);
    // Past it, what is sent is a defect: an owner knows from the answer to its fence how much waits.
    expect(types(write(B, 2, 2, 1, text('y')))).toEqual(['write']);
    expect(types(write(B, 2, 1, 10, text('y')))).toEqual(['write']);
    expect(write(B, 2, 1, 11, text('y'))).toMatchObject([{ rule: 'OF', type: 'close', connection: B }]);
  });
});

describe('operations (ON)', () => {
  beforeEach(() => fence(A, 1));

  test('an operation is performed and its completion told to the owner', () => {
    const effects = operate(A, 1, 7n);
    expect(effects).toMatchObject([{ rule: 'ON', type: 'perform', operation: { id: 7n } }]);
    expect(sent(completed(token(effects), 512, text('data')))).toEqual([
      [A, { type: 'interrupt', interrupt: { kind: 'completion', operation: 7n, status: 512, data: text('data') } }],
    ]);
  });

  test('a repeat joins the one in progress, and the answer goes to the present owner', () => {
    const first = operate(A, 1, 7n);
    fence(B, 2);
    expect(operate(B, 2, 7n)).toEqual([]);
    expect(sent(completed(token(first), 0))).toEqual([
      [B, { type: 'interrupt', interrupt: { kind: 'completion', operation: 7n, status: 0, data: NOTHING } }],
    ]);
  });

  test('a repeat of what is complete gets the first result', () => {
    completed(token(operate(A, 1, 7n)), -5, text('x'));
    fence(B, 2);
    expect(operate(B, 2, 7n)).toEqual([
      {
        rule: 'ON',
        type: 'send',
        connection: B,
        message: { type: 'interrupt', interrupt: { kind: 'completion', operation: 7n, status: -5, data: text('x') } },
      },
    ]);
  });

  test('a result is kept while nobody is there to hear it', () => {
    const first = operate(A, 1, 7n);
    bus.step({ type: 'detached', connection: A });
    expect(completed(token(first), 3)).toEqual([]);
    fence(B, 2);
    expect(sent(operate(B, 2, 7n))).toMatchObject([
      [B, { type: 'interrupt', interrupt: { kind: 'completion', status: 3 } }],
    ]);
  });

  test('a result is kept until it is released, and then forgotten (RL)', () => {
    completed(token(operate(A, 1, 7n)), 0);
    expect(output(A, 1, { type: 'releaseOperation', operation: 7n })).toEqual([]);
    expect(output(A, 1, { type: 'releaseOperation', operation: 7n })).toEqual([]);
    expect(types(operate(A, 1, 7n))).toEqual(['perform']);
  });

  test('past the bound on their number, operations are refused and not performed, until some are released', () => {
    for (let id = 1n; id <= BOUNDS.operations; id++) completed(token(operate(A, 1, id)), 0);
    const further = BigInt(BOUNDS.operations) + 1n;
    expect(sent(operate(A, 1, further))).toMatchObject([
      [A, { type: 'interrupt', interrupt: { kind: 'completion', operation: further, status: -1 } }],
    ]);
    output(A, 1, { type: 'releaseOperation', operation: 1n });
    expect(types(operate(A, 1, further))).toEqual(['perform']);
  });

  test('past the bound on their bytes, operations are refused and not performed, until some are released', () => {
    start({ bounds: { ...BOUNDS, operationBytes: 100 } });
    fence(A, 1);
    const half = new Uint8Array(50);
    const first = token(operate(A, 1, 1n, half));
    operate(A, 1, 2n, half);
    expect(types(operate(A, 1, 3n, text('x')))).toEqual(['send']);
    expect(types(operate(A, 1, 4n))).toEqual(['perform']);
    completed(first, 0);
    output(A, 1, { type: 'releaseOperation', operation: 1n });
    expect(types(operate(A, 1, 3n, text('x')))).toEqual(['perform']);
  });
});

describe('results that the owner is told (RL)', () => {
  const result = (bytes: number) => new Uint8Array(bytes);
  const ids = (effects: readonly BusEffect[]) =>
    sent(effects).flatMap(([, message]) =>
      message.type === 'interrupt' && message.interrupt.kind === 'completion' ? [message.interrupt.operation] : [],
    );
  const release = (connection: number, view: number, id: bigint) =>
    output(connection, view, { type: 'releaseOperation', operation: id });

  beforeEach(() => {
    start({ bounds: { ...BOUNDS, completionBytes: 10 } });
    fence(A, 1);
  });

  /** A has asked for operations 1 to n, which then complete with so many bytes each. */
  function complete(...bytes: number[]): bigint[] {
    const tokens = bytes.map((_, index) => token(operate(A, 1, BigInt(index + 1))));
    return tokens.flatMap((one, index) => ids(completed(one, 0, result(bytes[index]!))));
  }

  test('are told as far as those that are not released leave room, and then in order, all of them', () => {
    expect(complete(6, 4, 6, 4, 3)).toEqual([1n, 2n]);
    expect(ids(release(A, 1, 1n))).toEqual([3n]);
    expect(ids(release(A, 1, 2n))).toEqual([4n]);
    expect(ids(release(A, 1, 3n))).toEqual([5n]);
    for (const id of [4n, 5n]) expect(release(A, 1, id)).toEqual([]);
    expect(bus.knownOperations).toEqual([]);
  });

  test('wait for their turn: small ones that come later do not keep a large one from its', () => {
    expect(complete(6, 9, 1, 1)).toEqual([1n]);
    expect(ids(release(A, 1, 1n))).toEqual([2n, 3n]);
    expect(ids(release(A, 1, 3n))).toEqual([4n]);
  });

  test('that are larger than all the room are told alone', () => {
    expect(complete(1, 11, 1)).toEqual([1n]);
    expect(ids(release(A, 1, 1n))).toEqual([2n]);
    expect(ids(release(A, 1, 2n))).toEqual([3n]);
  });

  test('are told again to whoever asks again, and count once', () => {
    expect(complete(6, 6)).toEqual([1n]);
    expect(ids(operate(A, 1, 1n))).toEqual([1n]);
    expect(operate(A, 1, 2n)).toEqual([]);
    expect(ids(release(A, 1, 1n))).toEqual([2n]);
  });

  test('are nothing to a new owner before it asks for them itself', () => {
    expect(complete(6, 6)).toEqual([1n]);
    const running = token(operate(A, 1, 3n));
    fence(B, 2);
    expect(completed(running, 0, result(1))).toEqual([]);
    expect(ids(operate(B, 2, 3n))).toEqual([3n]);
    expect(ids(operate(B, 2, 2n))).toEqual([2n]);
    expect(operate(B, 2, 1n)).toEqual([]);
    // What a dead owner was told counts no more: there is room as soon as the new one has released.
    expect(ids(release(B, 2, 2n))).toEqual([1n]);
  });

  test('of an operation that a dead primary started reach nobody who did not ask, however late they come', () => {
    const running = token(operate(A, 1, 1n));
    bus.step({ type: 'detached', connection: A });
    bus.step({ type: 'attached', connection: 3, incarnation: 'a' });
    fence(3, 1);
    expect(completed(running, 0)).toEqual([]);
    expect(ids(operate(3, 1, 1n))).toEqual([1n]);
  });
});

describe("operations in the paper's world (ids off)", () => {
  beforeEach(() => {
    start({ operationIds: false });
    fence(A, 1);
  });

  test('every request is performed', () => {
    completed(token(operate(A, 1, 7n)), 0);
    fence(B, 2);
    expect(types(operate(B, 2, 7n))).toEqual(['perform']);
    expect(types(operate(B, 2, 7n))).toEqual(['perform']);
  });

  test('a completion goes to the replica that asked, or nowhere', () => {
    const first = operate(A, 1, 7n);
    fence(B, 2);
    const second = operate(B, 2, 7n);
    expect(completed(token(first), 1)).toEqual([]);
    expect(sent(completed(token(second), 2))).toMatchObject([
      [B, { type: 'interrupt', interrupt: { kind: 'completion', status: 2 } }],
    ]);
  });

  test('what is in progress is bounded', () => {
    const first = token(operate(A, 1, 1n));
    for (let count = 1; count < BOUNDS.operations; count++) operate(A, 1, 1n);
    expect(types(operate(A, 1, 1n))).toEqual(['send']);
    completed(first, 0);
    expect(types(operate(A, 1, 1n))).toEqual(['perform']);
  });
});

describe('input streams (RL)', () => {
  const inputs = (effects: readonly BusEffect[]) =>
    sent(effects).flatMap(([, message]) =>
      message.type === 'interrupt' && message.interrupt.kind === 'stream' ? [message.interrupt] : [],
    );

  test('input goes to the owner as it comes', () => {
    fence(A, 1);
    input(text('ab'));
    expect(sent(input(text('cd')))).toEqual([
      [A, { type: 'interrupt', interrupt: { kind: 'stream', stream: 0, offset: 2, bytes: text('cd'), end: false } }],
    ]);
  });

  test('what came before anyone fenced is sent when somebody does', () => {
    expect(input(text('ab'))).toEqual([]);
    expect(inputs(fence(A, 1))).toEqual([{ kind: 'stream', stream: 0, offset: 0, bytes: text('ab'), end: false }]);
  });

  test('a new owner gets what was not released, from the release point', () => {
    fence(A, 1);
    input(text('abc'));
    input(text('def'));
    output(A, 1, { type: 'releaseInput', stream: 0, offset: 2 });
    expect(inputs(fence(B, 2))).toEqual([
      { kind: 'stream', stream: 0, offset: 2, bytes: text('c'), end: false },
      { kind: 'stream', stream: 0, offset: 3, bytes: text('def'), end: false },
    ]);
    output(B, 2, { type: 'releaseInput', stream: 0, offset: 1 });
    output(B, 2, { type: 'releaseInput', stream: 0, offset: 5 });
    expect(inputs(fence(A, 3))).toEqual([{ kind: 'stream', stream: 0, offset: 5, bytes: text('f'), end: false }]);
  });

  test('the end is told to every owner, with the last bytes or alone', () => {
    fence(A, 1);
    input(text('ab'));
    expect(inputs(input(NOTHING, true))).toEqual([{ kind: 'stream', stream: 0, offset: 2, bytes: NOTHING, end: true }]);
    expect(inputs(fence(B, 2))).toEqual([{ kind: 'stream', stream: 0, offset: 0, bytes: text('ab'), end: true }]);
    output(B, 2, { type: 'releaseInput', stream: 0, offset: 2 });
    expect(inputs(fence(A, 3))).toEqual([{ kind: 'stream', stream: 0, offset: 2, bytes: NOTHING, end: true }]);
  });

  test('release of what was not sent is a defect of the sender', () => {
    fence(A, 1);
    input(text('ab'));
    expect(output(A, 1, { type: 'releaseInput', stream: 0, offset: 3 })).toMatchObject([{ rule: 'RL', type: 'close' }]);
  });

  test('the device is paused when the window is full, and goes on when half of it is released', () => {
    fence(A, 1);
    const half = BOUNDS.inputWindowBytes / 2;
    expect(types(input(new Uint8Array(half)))).toEqual(['send']);
    expect(input(new Uint8Array(half))).toMatchObject([
      { type: 'send' },
      { rule: 'RL', type: 'pauseInput', stream: 0 },
    ]);
    // What the device had already read.
    expect(types(input(text('x')))).toEqual(['send']);
    expect(output(A, 1, { type: 'releaseInput', stream: 0, offset: half })).toEqual([]);
    expect(output(A, 1, { type: 'releaseInput', stream: 0, offset: half + 1 })).toEqual([
      { rule: 'RL', type: 'resumeInput', stream: 0 },
    ]);
  });
});

describe('the end of the machine (XT)', () => {
  test('an outcome is performed at once where nothing is under way, and every replica is told', () => {
    fence(A, 1);
    const effects = end(A, 1, 3);
    expect(sent(effects)).toEqual([
      [A, { type: 'finished', outcome: exit(3) }],
      [B, { type: 'finished', outcome: exit(3) }],
    ]);
    expect(effects.at(-1)).toEqual({ rule: 'XT', type: 'end', outcome: exit(3) });
  });

  test('an outcome waits for all output before it to be written and for operations to complete', () => {
    fence(A, 1);
    write(A, 1, 1, 0, text('bye'));
    const first = token(operate(A, 1, 1n));
    expect(end(A, 1, 0)).toEqual([]);
    expect(types(written(1, 2))).toEqual(['send']);
    expect(types(written(1, 3))).toEqual(['send']);
    expect(types(completed(first, 0))).toEqual(['send', 'send', 'send', 'end']);
  });

  test('the first outcome stands, although a later one comes before it is performed', () => {
    fence(A, 1);
    write(A, 1, 1, 0, text('bye'));
    end(A, 1, 0);
    fence(B, 2);
    expect(end(B, 2, 1)).toEqual([]);
    expect(written(1, 3).at(-1)).toMatchObject({ type: 'end', outcome: exit(0) });
  });

  test('whoever comes or speaks later is told the first outcome', () => {
    fence(A, 1);
    end(A, 1, 3);
    const finished = { type: 'finished', outcome: exit(3) };
    expect(sent(bus.step({ type: 'attached', connection: 3, incarnation: 'c' }))).toEqual([[3, finished]]);
    expect(sent(end(B, 2, 4))).toEqual([[B, finished]]);
    expect(sent(fence(B, 2))).toEqual([[B, finished]]);
    expect(sent(write(A, 1, 1, 0, text('x')))).toEqual([[A, finished]]);
  });

  test('a trap is an outcome like exit', () => {
    fence(A, 1);
    const outcome: Outcome = { kind: 'trap', message: 'unreachable', count: 12, exact: true };
    expect(output(A, 1, { type: 'outcome', outcome }).at(-1)).toEqual({ rule: 'XT', type: 'end', outcome });
  });
});

describe('the heartbeat of the bus (RS)', () => {
  const tick = () => sent(bus.step({ type: 'tick' }));

  test('goes to all who are attached, and says how many outputs have come on each connection', () => {
    fence(A, 1);
    expect(tick()).toEqual([
      [A, { type: 'heartbeat', taken: 0 }],
      [B, { type: 'heartbeat', taken: 0 }],
    ]);
    write(A, 1, 1, 0, text('x'));
    write(A, 1, 1, 0, text('x'));
    output(A, 1, { type: 'releaseInput', stream: 0, offset: 0 });
    operate(A, 1, 1n);
    // A fence is none; what is refused has come all the same.
    fence(A, 2);
    write(A, 1, 1, 0, text('x'));
    write(B, 2, 1, 0, text('x'));
    expect(tick()).toEqual([
      [A, { type: 'heartbeat', taken: 5 }],
      [B, { type: 'heartbeat', taken: 1 }],
    ]);
  });

  test('counts each connection from its beginning, and is not for who is gone', () => {
    fence(A, 1);
    write(A, 1, 1, 0, text('x'));
    bus.step({ type: 'detached', connection: A });
    bus.step({ type: 'attached', connection: 3, incarnation: 'a' });
    fence(3, 1);
    expect(tick()).toEqual([
      [B, { type: 'heartbeat', taken: 0 }],
      [3, { type: 'heartbeat', taken: 0 }],
    ]);
  });
});
