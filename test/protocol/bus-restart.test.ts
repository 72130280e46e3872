// Rule RB: what a bus keeps, before what, and what one that is started again goes on from.

import { describe, expect, it } from 'vitest';
import { BusDriver, type BusJournal } from '../../engine/driver/bus-driver.js';
import { Bus, type BusEffect, type BusOptions } from '../../engine/protocol/bus/bus.js';
import {
  type BusMemory,
  type BusRecord,
  NO_MARK,
  NOTHING_REMEMBERED,
  Remembrance,
} from '../../engine/protocol/bus/bus-memory.js';
import type { Output } from '../../engine/protocol/vocabulary.js';

const [IN, OUT, SOURCE] = [0, 1, 3];
const [S, T] = [65_536, 65_537];
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

/** A bus whose process can die; what it keeps is kept at once. */
class Restarted {
  remembrance = new Remembrance(NOTHING_REMEMBERED);
  bus = this.#new();
  connection = 0;
  records: BusRecord[] = [];

  #new(options: Partial<BusOptions> = {}): Bus {
    const streams = { outputStreams: [OUT], inputStreams: [IN], sourceStreams: [SOURCE] };
    return new Bus({ operationIds: true, ...streams, memory: this.remembrance.memory, ...options });
  }

  step(event: Parameters<Bus['step']>[0]): readonly BusEffect[] {
    const effects = this.bus.step(event);
    for (const effect of effects) {
      if (effect.type !== 'keep') continue;
      this.records.push(effect.record);
      this.remembrance.add(effect.record);
    }
    return effects;
  }

  die(options: Partial<BusOptions> = {}): void {
    this.bus = this.#new(options);
  }

  attach(incarnation: string, view: number): readonly BusEffect[] {
    this.connection += 1;
    this.step({ type: 'attached', connection: this.connection, incarnation });
    return this.step({ type: 'message', connection: this.connection, message: { type: 'fence', view } });
  }

  output(output: Output, view = 1): readonly BusEffect[] {
    return this.step({ type: 'message', connection: this.connection, message: { type: 'output', view, output } });
  }
}

/** What is said to replicas. */
const told = (effects: readonly BusEffect[]) =>
  effects.flatMap(effect => (effect.type === 'send' ? [effect.message] : []));
const fenced = (effects: readonly BusEffect[]) => told(effects).find(({ type }) => type === 'fenced');
const stream = (of: number, offset: number, text: string): Output => ({
  type: 'stream',
  stream: of,
  offset,
  bytes: bytes(text),
});

describe('a bus that is started again', () => {
  it('serves the view that it served, and refuses older ones', () => {
    const one = new Restarted();
    one.attach('A', 1);
    one.attach('B', 2);
    one.die();
    expect(told(one.attach('A', 1))).toEqual([{ type: 'stale', view: 1, current: 2 }]);
    expect(fenced(one.attach('B', 2))).toMatchObject({ view: 2 });
  });

  it('serves the view that the arbiter has, where that is higher', () => {
    const one = new Restarted();
    one.attach('A', 1);
    one.die({ view: { number: 2, primary: 'B' } });
    expect(told(one.attach('A', 1))).toEqual([{ type: 'stale', view: 1, current: 2 }]);
    expect(fenced(one.attach('B', 2))).toMatchObject({ view: 2 });
    one.die({ view: { number: 1, primary: 'A' } });
    expect(one.bus.view).toBe(2);
  });

  it('keeps a fence once: an owner that attaches again is the same', () => {
    const one = new Restarted();
    one.attach('A', 1);
    one.attach('A', 1);
    expect(one.records).toEqual([{ type: 'fenced', view: 1, owner: 'A' }]);
  });

  it('tells as received only what is written: the rest is lost with the process', () => {
    const one = new Restarted();
    one.attach('A', 1);
    one.output(stream(OUT, 0, 'abcdef'));
    one.step({ type: 'written', stream: OUT, offset: 4, mark: 104 });
    expect(fenced(one.attach('B', 2))).toMatchObject({ streams: [{ stream: OUT, received: 4, written: 4 }] });
    one.die();
    expect(fenced(one.attach('B', 2))).toMatchObject({ streams: [{ stream: OUT, received: 4, written: 4 }] });
    const again = one.output(stream(OUT, 3, 'defg'), 2);
    expect(again).toMatchObject([{ type: 'write', offset: 4, bytes: bytes('efg') }]);
  });

  it('that keeps nothing tells all that it has', () => {
    const bus = new Bus({ operationIds: true, outputStreams: [OUT], inputStreams: [] });
    bus.step({ type: 'attached', connection: 1, incarnation: 'A' });
    bus.step({ type: 'message', connection: 1, message: { type: 'fence', view: 1 } });
    bus.step({ type: 'message', connection: 1, message: { type: 'output', view: 1, output: stream(OUT, 0, 'abc') } });
    const effects = bus.step({ type: 'message', connection: 1, message: { type: 'fence', view: 2 } });
    expect(fenced(effects)).toMatchObject({ streams: [{ received: 3, written: 0 }] });
    expect(effects.some(({ type }) => type === 'keep')).toBe(false);
  });

  it('tells input again that was not released, and takes none after its end', () => {
    const one = new Restarted();
    one.attach('A', 1);
    for (const text of ['one ', 'two ', 'three']) {
      one.step({ type: 'input', stream: IN, bytes: bytes(text), end: text === 'three' });
    }
    one.output({ type: 'releaseInput', stream: IN, offset: 6 });
    one.die();
    expect(one.step({ type: 'input', stream: IN, bytes: bytes('more'), end: false })).toEqual([]);
    const interrupts = told(one.attach('A', 1)).filter(({ type }) => type === 'interrupt');
    expect(interrupts).toMatchObject([
      { interrupt: { kind: 'stream', stream: IN, offset: 6, bytes: bytes('o '), end: false } },
      { interrupt: { kind: 'stream', stream: IN, offset: 8, bytes: bytes('three'), end: true } },
    ]);
  });

  it('resets the streams that were open, and no closed one; whatever is sent for them is answered', () => {
    const one = new Restarted();
    one.attach('A', 1);
    one.step({ type: 'opened', source: SOURCE, stream: S, data: bytes('peer') });
    one.step({ type: 'opened', source: SOURCE, stream: T, data: bytes('other') });
    one.output({ type: 'releaseInput', stream: SOURCE, offset: 1 });
    one.step({ type: 'input', stream: T, bytes: bytes('question'), end: false });
    one.output(stream(T, 0, 'answer'));
    // On its way to the outside, and told to be.
    one.output({ type: 'close', stream: S, offset: 0 });
    one.die();
    const effects = told(one.attach('A', 1));
    expect(effects[0]).toMatchObject({
      streams: [{ stream: OUT }, { stream: T, received: 0, written: 0 }],
      next: T + 1,
    });
    expect(effects.slice(1)).toEqual([
      { type: 'interrupt', interrupt: { kind: 'opened', stream: SOURCE, offset: 1, opened: T, data: bytes('other') } },
      { type: 'interrupt', interrupt: { kind: 'reset', stream: T } },
    ]);
    // It knows of no offsets: the owner does.
    expect(told(one.output(stream(T, 6, 'more')))).toEqual([{ type: 'confirmed', stream: T, offset: 10 }]);
    expect(told(one.output({ type: 'releaseInput', stream: T, offset: 8 }))).toEqual([]);
    expect(told(one.output({ type: 'close', stream: T, offset: 10 }))).toEqual([
      { type: 'confirmed', stream: T, offset: 11 },
    ]);
    one.die();
    expect(one.bus.openStreams).toEqual([]);
    expect(one.bus.nextStream).toBe(T + 1);
  });

  it('knows that the machine is over', () => {
    const one = new Restarted();
    one.attach('A', 1);
    one.output({ type: 'outcome', outcome: { kind: 'exit', status: 4 } });
    one.die();
    expect(one.bus.outcome).toEqual({ kind: 'exit', status: 4 });
    expect(told(one.step({ type: 'attached', connection: 99, incarnation: 'B' }))).toEqual([
      { type: 'finished', outcome: { kind: 'exit', status: 4 } },
    ]);
  });

  it('asks devices again for what its owner does not know the end of', () => {
    const one = new Restarted();
    one.attach('A', 1);
    const operation = { id: 5n, device: 9, command: 1, argument: 0n, length: 0, data: bytes('') };
    one.output({ type: 'operation', operation });
    one.die();
    one.attach('A', 1);
    expect(one.output({ type: 'operation', operation })).toMatchObject([{ type: 'perform', operation }]);
    // What it ended before is released, and known no more.
    expect(one.output({ type: 'releaseOperation', operation: 4n })).toEqual([]);
  });

  it('has no mark of an output whose device gave none', () => {
    const one = new Restarted();
    one.attach('A', 1);
    one.output(stream(OUT, 0, 'abc'));
    one.step({ type: 'written', stream: OUT, offset: 3 });
    expect(one.remembrance.memory.outputs).toEqual([{ stream: OUT, offset: 3, mark: NO_MARK }]);
  });
});

describe('what follows from a fact', () => {
  class Journal implements BusJournal {
    readonly waiting: (() => void)[] = [];
    readonly appended: string[] = [];
    append(records: readonly BusRecord[]): void {
      this.appended.push(...records.map(({ type }) => type));
    }
    whenKept(then: () => void): void {
      this.waiting.push(then);
    }
  }

  function running(recovered: readonly number[] = []) {
    const journal = new Journal();
    const memory: BusMemory = { ...NOTHING_REMEMBERED, view: { number: 1, primary: 'A' } };
    const bus = new Bus({
      operationIds: true,
      outputStreams: [OUT],
      inputStreams: [IN],
      sourceStreams: [SOURCE],
      memory,
    });
    const done: string[] = [];
    const carryOut = (effect: BusEffect) => done.push(effect.type === 'send' ? effect.message.type : effect.type);
    const driver = new BusDriver({ bus, journal, recovered, carryOut });
    const step = (event: Parameters<Bus['step']>[0]) => driver.step(event, undefined);
    step({ type: 'attached', connection: 1, incarnation: 'A' });
    step({ type: 'message', connection: 1, message: { type: 'fence', view: 1 } });
    done.length = 0;
    return { journal, done, step };
  }

  it('is carried out once that is kept, and before what follows from later steps', () => {
    const { journal, done, step } = running();
    step({ type: 'opened', source: SOURCE, stream: S, data: bytes('') });
    step({ type: 'input', stream: S, bytes: bytes('a'), end: false });
    step({ type: 'input', stream: IN, bytes: bytes('b'), end: false });
    expect(journal.appended).toEqual(['opened', 'input']);
    expect(done).toEqual([]);
    journal.waiting[0]!();
    expect(done).toEqual(['interrupt', 'interrupt']);
    journal.waiting[1]!();
    expect(done).toEqual(['interrupt', 'interrupt', 'interrupt']);
  });

  it('is not waited for where a file says itself how far it has come', () => {
    for (const recovered of [[], [OUT]]) {
      const { journal, done, step } = running(recovered);
      const output = stream(OUT, 0, 'abc');
      step({ type: 'message', connection: 1, message: { type: 'output', view: 1, output } });
      step({ type: 'written', stream: OUT, offset: 3 });
      expect(journal.appended).toEqual(['written']);
      expect(done).toEqual(recovered.length === 0 ? ['write'] : ['write', 'confirmed']);
    }
  });

  it('waits as long as it takes: of heartbeats one waits with it', () => {
    const { journal, done, step } = running();
    step({ type: 'opened', source: SOURCE, stream: S, data: bytes('') });
    for (let tick = 0; tick < 1_000; tick++) step({ type: 'tick' });
    journal.waiting[0]!();
    expect(done).toEqual(['interrupt', 'heartbeat']);
    step({ type: 'tick' });
    expect(done).toEqual(['interrupt', 'heartbeat', 'heartbeat']);
  });
});
