// Streams that are opened while the guest runs, as the execution sees them: the same on every replica (P1, P5, RL, OF).

import { describe, expect, it } from 'vitest';
import { Execution, type ExecutionEffect, type ExecutionStart } from '../../engine/protocol/execution.js';
import { FIRST_OPENED_STREAM, type Interrupt, type Output } from '../../engine/protocol/vocabulary.js';

const SOURCE = 3;
const S = FIRST_OPENED_STREAM;
const DATA = Uint8Array.of(7);

const opened = (offset: number): Interrupt => ({
  kind: 'opened',
  stream: SOURCE,
  offset,
  opened: S + offset,
  data: DATA,
});
const input = (offset: number, end = false): Interrupt => ({ kind: 'stream', stream: S, offset, bytes: DATA, end });
const taken = (offset: number): Interrupt => ({ kind: 'taken', stream: S, offset });
const reset: Interrupt = { kind: 'reset', stream: S };

function make(role: 'primary' | 'backup', from?: ExecutionStart): Execution {
  return new Execution({ role, variant: 'deferred', epochLength: 10, operationIds: true }, from);
}

/** A primary and a backup that execute the same: what one delivers the other does, too. */
class Pair {
  readonly primary = make('primary');
  readonly backup = make('backup');
  #count = 0;

  tell(...interrupts: Interrupt[]): void {
    for (const interrupt of interrupts) this.primary.step({ type: 'interrupt', interrupt });
  }

  /** An epoch ends on both: what is delivered, and what is put out with it. */
  boundary(): { delivered: Interrupt[]; outputs: Output[] } {
    this.#count += 10;
    const end = { type: 'epochEnd', count: this.#count, waiting: false, nowNs: 2_000_000 * this.#count } as const;
    const effects = this.primary.step(end);
    this.backup.step({
      type: 'log',
      entries: effects.flatMap(effect => (effect.type === 'log' ? [effect.entry] : [])),
    });
    const other = this.backup.step(end);
    expect(deliveredBy(other)).toEqual(deliveredBy(effects));
    expect(outputsOf(other)).toEqual(outputsOf(effects));
    return { delivered: deliveredBy(effects), outputs: outputsOf(effects) };
  }

  /** The guest does something, on both. */
  do(
    event:
      | { type: 'write'; stream: number; bytes: Uint8Array }
      | { type: 'endStream' | 'closeStream'; stream: number }
      | { type: 'consumed'; stream: number; offset: number },
  ) {
    const outputs = outputsOf(this.primary.step(event));
    expect(outputsOf(this.backup.step(event))).toEqual(outputs);
    return outputs;
  }
}

const deliveredBy = (effects: readonly ExecutionEffect[]) =>
  effects.flatMap(effect => (effect.type === 'deliver' ? effect.interrupts : []));
const outputsOf = (effects: readonly ExecutionEffect[]) =>
  effects.flatMap(effect => (effect.type === 'output' ? [effect.output] : []));

function withStream(): Pair {
  const pair = new Pair();
  pair.tell(opened(0));
  pair.boundary();
  return pair;
}

describe('a stream that a source opens', () => {
  it('is delivered at a boundary, and released when the guest has taken it', () => {
    const pair = new Pair();
    pair.tell(opened(0), opened(1));
    expect(pair.boundary()).toEqual({
      delivered: [opened(0), opened(1)],
      outputs: [],
    });
    expect(pair.do({ type: 'consumed', stream: SOURCE, offset: 2 })).toEqual([
      { type: 'releaseInput', stream: SOURCE, offset: 2 },
    ]);
  });

  it('is delivered once, however often the bus tells of it', () => {
    const pair = withStream();
    pair.tell(opened(0), opened(1), opened(1));
    expect(pair.boundary().delivered).toEqual([opened(1)]);
  });

  it('gives input, room and its reset once each', () => {
    const pair = withStream();
    pair.tell(input(0), input(0), taken(4), taken(3), taken(4), reset, reset);
    expect(pair.boundary().delivered).toEqual([input(0), taken(4), reset]);
    pair.tell(input(0), taken(4), reset, taken(5));
    expect(pair.boundary().delivered).toEqual([taken(5)]);
  });

  it('has places for its bytes, its end and its close', () => {
    const pair = withStream();
    expect(pair.do({ type: 'write', stream: S, bytes: Uint8Array.of(1, 2) })).toMatchObject([{ offset: 0 }]);
    expect(pair.do({ type: 'endStream', stream: S })).toEqual([{ type: 'end', stream: S, offset: 2 }]);
    expect(pair.do({ type: 'closeStream', stream: S })).toEqual([{ type: 'close', stream: S, offset: 3 }]);
  });

  it('is heard of no more once the guest has closed it: not even what was on its way to the boundary', () => {
    const pair = withStream();
    pair.tell(input(0), taken(1), reset, opened(1));
    pair.do({ type: 'closeStream', stream: S });
    expect(pair.boundary().delivered).toEqual([opened(1)]);
    pair.tell(input(0), input(1, true), taken(9), reset, opened(0));
    expect(pair.boundary()).toEqual({ delivered: [], outputs: [] });
  });

  it('cannot be written to before it is delivered, nor when it is closed', () => {
    const pair = withStream();
    pair.do({ type: 'closeStream', stream: S });
    for (const type of ['endStream', 'closeStream'] as const) {
      expect(() => pair.primary.step({ type, stream: S })).toThrow('was opened');
    }
    expect(() => pair.primary.step({ type: 'write', stream: S + 1, bytes: DATA })).toThrow('that are open');
  });

  it('goes on at a survivor, which hears of what was not delivered from the bus again', () => {
    const pair = withStream();
    pair.tell(input(0));
    pair.boundary();
    pair.tell(input(1), opened(1));
    const { backup } = pair;
    backup.step({ type: 'promote' });
    for (const interrupt of [opened(0), opened(1), input(0), input(1), taken(2)]) {
      backup.step({ type: 'interrupt', interrupt });
    }
    for (const count of [30, 40]) backup.step({ type: 'epochEnd', count, waiting: false, nowNs: 0 });
    const effects = backup.step({ type: 'epochEnd', count: 50, waiting: false, nowNs: 0 });
    expect(deliveredBy(effects)).toEqual([opened(1), input(1), taken(2)]);
  });

  it('is in a snapshot, with how far it has come', () => {
    const pair = withStream();
    pair.do({ type: 'write', stream: S, bytes: Uint8Array.of(1, 2) });
    pair.tell(input(0), taken(1), opened(1));
    pair.boundary();
    pair.do({ type: 'closeStream', stream: S + 1 });
    pair.primary.step({ type: 'snapshot', nowNs: 0 });
    const state = pair.primary.save();
    expect(state).toMatchObject({ opened: [S], written: [{ stream: S, offset: 2 }] });
    const resumed = make('primary', { state, position: 9 });
    for (const interrupt of [opened(1), input(0), input(1), taken(1), reset]) {
      resumed.step({ type: 'interrupt', interrupt });
    }
    const effects = resumed.step({ type: 'epochEnd', count: 99, waiting: false, nowNs: 0 });
    expect(deliveredBy(effects)).toEqual([input(1), reset]);
    expect(outputsOf(resumed.step({ type: 'write', stream: S, bytes: DATA }))).toMatchObject([{ offset: 2 }]);
  });
});
