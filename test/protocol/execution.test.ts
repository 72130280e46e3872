// Execution, rule by rule: what the guest does and what the channel brings, and the effects that follow.

import { describe, expect, it } from 'vitest';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import {
  Execution,
  type ExecutionEffect,
  type ExecutionEvent,
  SHIP_AFTER_NS,
} from '../../engine/protocol/execution.js';
import {
  type Digest,
  type Interrupt,
  type LogEntry,
  type Operation,
  type Outcome,
  VARIANTS,
  type Variant,
} from '../../engine/protocol/vocabulary.js';

const BYTES = Uint8Array.of(1, 2, 3);
const EXIT: Outcome = { kind: 'exit', status: 3 };

function primary(variant: Variant = 'deferred', operationIds = true): Execution {
  return new Execution({ role: 'primary', variant, epochLength: 10, operationIds });
}

function backup(entries: readonly LogEntry[] = [], variant: Variant = 'deferred', operationIds = true): Execution {
  const execution = new Execution({ role: 'backup', variant, epochLength: 10, operationIds });
  execution.step({ type: 'log', entries });
  return execution;
}

function operation(id: bigint): Operation {
  return { id, device: 0x100, command: 2, argument: 0n, length: 0, data: BYTES };
}

function completion(id: bigint): Interrupt {
  return { kind: 'completion', operation: id, status: 3, data: new Uint8Array(0) };
}

function input(offset: number, bytes: Uint8Array = BYTES, end = false): Interrupt {
  return { kind: 'stream', stream: 0, offset, bytes, end };
}

function digest(count: number, submitted = 0, consumed = 0): Digest {
  return { count, submitted, consumed };
}

function end(epoch: number, at: Digest, interrupts: readonly Interrupt[] = [], timeNs = 5): LogEntry {
  return { type: 'end', epoch, digest: at, timeNs, interrupts };
}

function empty(epochs: number, at: Digest): LogEntry {
  return { type: 'empty', epochs, digest: at };
}

function epochEnd(count: number, nowNs = 0, waiting = false): ExecutionEvent {
  return { type: 'epochEnd', count, waiting, nowNs };
}

const WAIT = (count: number, nowNs = 0): ExecutionEvent => epochEnd(count, nowNs, true);
const RESUME: ExecutionEvent = { type: 'resume', nowNs: 0 };

/** Effects by type and rule, in order: what a rule looks like from outside. */
function shape(effects: readonly ExecutionEffect[]): string[] {
  return effects.map(({ rule, type }) => `${rule} ${type}`);
}

function logged(effects: readonly ExecutionEffect[]): LogEntry[] {
  return effects.flatMap(effect => (effect.type === 'log' ? [effect.entry] : []));
}

function delivered(effects: readonly ExecutionEffect[]): Interrupt[] {
  return effects.flatMap(effect => (effect.type === 'deliver' ? effect.interrupts : []));
}

/** A backup whose primary died in the middle of E: after the log, it is promoted. */
function survivor(entries: readonly LogEntry[] = [], operationIds = true): Execution {
  const execution = backup(entries, 'deferred', operationIds);
  execution.step({ type: 'promote' });
  return execution;
}

describe('P0: the primary at an environment instruction', () => {
  it('reads its device, logs the value, and gives it to the guest', () => {
    const execution = primary();
    expect(execution.step({ type: 'environment', source: 1 })).toEqual([{ rule: 'P0', type: 'read', source: 1 }]);
    expect(execution.step({ type: 'environmentValue', source: 1, value: 7n })).toEqual([
      { rule: 'P0', type: 'log', entry: { type: 'value', source: 1, value: 7n } },
      { rule: 'P0', type: 'result', value: 7n },
    ]);
  });

  it('logs the epochs that ended before it first', () => {
    const execution = primary();
    execution.step(epochEnd(10));
    execution.step(epochEnd(20));
    execution.step({ type: 'environment', source: 0 });
    const effects = execution.step({ type: 'environmentValue', source: 0, value: 1n });
    expect(logged(effects)).toEqual([empty(2, digest(20)), { type: 'value', source: 0, value: 1n }]);
  });
});

describe('P0: a primary that reads its clock in a tight loop', () => {
  it('counts the result as by events: the digest is the same', () => {
    const [one, other] = [primary(), primary()];
    expect(one.consumeOwn()).toBe(true);
    other.step({ type: 'environment', source: 1 });
    other.step({ type: 'environmentValue', source: 1, value: 5n });
    for (const execution of [one, other]) execution.step({ type: 'interrupt', interrupt: input(0) });
    const ends = [one, other].map(execution => logged(execution.step(epochEnd(9))));
    expect(ends[0]).toEqual(ends[1]);
    expect(ends[0]).toEqual([end(0, digest(9, 0, 1), [input(0)], 0)]);
  });

  it('takes the long way where the epochs that ended before are not logged', () => {
    const execution = primary();
    execution.step(epochEnd(100));
    expect(execution.consumeOwn()).toBe(false);
    execution.step({ type: 'environment', source: 1 });
    const effects = execution.step({ type: 'environmentValue', source: 1, value: 5n });
    expect(logged(effects)[0]).toEqual(empty(1, digest(100)));
    expect(execution.consumeOwn()).toBe(true);
  });

  it('is none of a backup’s: its results come from the log (P6)', () => {
    const execution = backup([{ type: 'value', source: 1, value: 5n }]);
    expect(execution.consumeOwn()).toBe(false);
    expect(execution.step({ type: 'environment', source: 1 })).toEqual([{ rule: 'P6', type: 'result', value: 5n }]);
  });
});

describe('P1: the primary receives an interrupt', () => {
  it('keeps it until the epoch ends, and logs it with the end', () => {
    const execution = primary();
    execution.step({ type: 'start', operation: operation(1n) });
    expect(execution.step({ type: 'interrupt', interrupt: completion(1n) })).toEqual([]);
    const effects = execution.step(epochEnd(10, 99));
    expect(logged(effects)).toEqual([end(0, digest(10, 1), [completion(1n)], 99)]);
    expect(delivered(effects)).toEqual([completion(1n)]);
  });

  it('drops the completion of an operation that is not outstanding', () => {
    const execution = primary();
    execution.step({ type: 'interrupt', interrupt: completion(9n) });
    expect(shape(execution.step(epochEnd(10)))).toEqual(['P2 proceed']);
  });

  it('delivers one end of an operation, though it was told two', () => {
    const execution = primary();
    execution.step({ type: 'start', operation: operation(1n) });
    execution.step({ type: 'interrupt', interrupt: completion(1n) });
    execution.step({ type: 'interrupt', interrupt: { kind: 'uncertain', operation: 1n } });
    expect(delivered(execution.step(epochEnd(10)))).toEqual([completion(1n)]);
  });

  it('delivers at most so many bytes at one boundary, and the rest at the next', () => {
    const execution = primary();
    const half = new Uint8Array(BOUNDS.deliveryBytes / 2 + 1);
    execution.step({ type: 'interrupt', interrupt: input(0, half) });
    execution.step({ type: 'interrupt', interrupt: input(half.length, half) });
    for (const [count, offset] of [
      [10, 0],
      [20, half.length],
    ] as const) {
      const interrupts = delivered(execution.step(epochEnd(count)));
      expect(interrupts).toHaveLength(1);
      expect(interrupts[0]).toMatchObject({ kind: 'stream', offset });
    }
  });
});

describe('P1: input that waits for the next boundary', () => {
  it('is not taken again when the bus sends it again, and what follows it has no gap', () => {
    const execution = primary();
    const half = new Uint8Array(BOUNDS.deliveryBytes / 2 + 1);
    for (const offset of [0, half.length]) execution.step({ type: 'interrupt', interrupt: input(offset, half) });
    execution.step(epochEnd(10));
    execution.step({ type: 'interrupt', interrupt: input(half.length, half) });
    execution.step({ type: 'interrupt', interrupt: input(2 * half.length) });
    const offsets = delivered(execution.step(epochEnd(20))).map(interrupt => 'offset' in interrupt && interrupt.offset);
    expect(offsets).toEqual([half.length, 2 * half.length]);
  });
});

describe('P2: an epoch ends at the primary', () => {
  it('goes on at once where nothing is to be delivered, and logs nothing yet', () => {
    expect(shape(primary().step(epochEnd(10)))).toEqual(['P2 proceed']);
  });

  it('logs time, interrupts and end as one entry before it delivers', () => {
    const execution = primary();
    execution.step({ type: 'interrupt', interrupt: input(0) });
    expect(shape(execution.step(epochEnd(10)))).toEqual(['P2 log', 'P2 deliver', 'FL flush', 'P2 proceed']);
  });

  it('waits for all acknowledgements under `original`, and under no other variant', () => {
    for (const variant of VARIANTS) {
      const effects = primary(variant).step(epochEnd(10));
      const waits = effects.some(({ type }) => type === 'await');
      expect(waits, variant).toBe(variant === 'original');
    }
    const execution = primary('original');
    expect(shape(execution.step(epochEnd(10)))).toEqual(['P2 log', 'FL flush', 'P2 await']);
    expect(shape(execution.step(RESUME))).toEqual(['P2 proceed']);
  });

  it('delivers before it waits under `original`', () => {
    const execution = primary('original');
    execution.step({ type: 'interrupt', interrupt: input(0) });
    expect(shape(execution.step(epochEnd(10)))).toEqual(['P2 log', 'P2 deliver', 'FL flush', 'P2 await']);
    expect(shape(execution.step(RESUME))).toEqual(['P2 proceed']);
    expect(shape(execution.step(RESUME))).toEqual([]);
  });

  it('numbers epochs one after the other', () => {
    const execution = primary();
    for (let epoch = 0; epoch < 5; epoch++) {
      expect(execution.epoch).toBe(epoch);
      execution.step(epochEnd(10 * (epoch + 1)));
    }
  });
});

describe('the end of a guest that was a survivor', () => {
  it('is the end of what it is told: what was kept for it is for nobody', () => {
    const execution = backup();
    execution.step({ type: 'promote' });
    execution.step({ type: 'interrupt', interrupt: input(0) });
    execution.step({ type: 'outcome', count: 4, outcome: EXIT });
    expect(execution.role).toBe('primary');
    expect(execution.step({ type: 'interrupt', interrupt: input(BYTES.length) })).toEqual([]);
  });
});

describe('the interval timer', () => {
  it('fires at the first boundary whose time is not before the deadline, once', () => {
    const execution = primary();
    execution.step({ type: 'timer', deadlineNs: 100 });
    expect(delivered(execution.step(epochEnd(10, 99)))).toEqual([]);
    expect(delivered(execution.step(epochEnd(20, 100)))).toEqual([{ kind: 'timer', timeNs: 100 }]);
    expect(delivered(execution.step(epochEnd(30, 200)))).toEqual([]);
  });

  it('does not fire after it was disarmed', () => {
    const execution = primary();
    execution.step({ type: 'timer', deadlineNs: 100 });
    execution.step({ type: 'timer', deadlineNs: 0 });
    expect(delivered(execution.step(epochEnd(10, 500)))).toEqual([]);
  });

  it('fires before the other interrupts, by Tme, on both sides', () => {
    const live = primary();
    live.step({ type: 'timer', deadlineNs: 100 });
    live.step({ type: 'interrupt', interrupt: input(0) });
    const effects = live.step(epochEnd(10, 150));
    const expected = [{ kind: 'timer', timeNs: 150 }, input(0)];
    expect(delivered(effects)).toEqual(expected);
    const follower = backup(logged(effects));
    follower.step({ type: 'timer', deadlineNs: 100 });
    expect(delivered(follower.step(epochEnd(10)))).toEqual(expected);
  });
});

describe('a wait', () => {
  it('ends the epoch at once if something is buffered', () => {
    const execution = primary();
    execution.step({ type: 'interrupt', interrupt: input(0) });
    expect(delivered(execution.step(WAIT(10)))).toEqual([input(0)]);
  });

  it('sleeps until an interrupt comes, shipping first what is logged (FL)', () => {
    const execution = primary();
    execution.step(epochEnd(10));
    const effects = execution.step(WAIT(12));
    expect(shape(effects)).toEqual(['P2 log', 'FL flush', 'P2 await']);
    expect(effects.at(-1)).toMatchObject({ what: 'interrupt', untilNs: Infinity });
    execution.step({ type: 'interrupt', interrupt: input(0) });
    expect(delivered(execution.step(RESUME))).toEqual([input(0)]);
  });

  it('sleeps no longer than to the deadline of the timer', () => {
    const execution = primary();
    execution.step({ type: 'timer', deadlineNs: 700 });
    expect(execution.step(WAIT(12, 100)).at(-1)).toMatchObject({ what: 'interrupt', untilNs: 700 });
    expect(delivered(execution.step({ type: 'resume', nowNs: 700 }))).toEqual([{ kind: 'timer', timeNs: 700 }]);
  });

  it('goes on sleeping where it was woken for nothing', () => {
    const execution = primary();
    execution.step(WAIT(12));
    expect(execution.step(RESUME).at(-1)).toMatchObject({ type: 'await', what: 'interrupt' });
    expect(execution.epoch).toBe(0);
  });
});

describe('P3: a backup and its own devices', () => {
  it('ignores their interrupts', () => {
    const execution = backup([end(0, digest(10))]);
    execution.step({ type: 'interrupt', interrupt: input(0) });
    expect(delivered(execution.step(epochEnd(10)))).toEqual([]);
  });

  it('never reads them', () => {
    const execution = backup([{ type: 'value', source: 0, value: 4n }]);
    expect(shape(execution.step({ type: 'environment', source: 0 }))).toEqual(['P6 result']);
  });
});

describe('P4: a backup keeps what it receives for the end of the epoch', () => {
  it('delivers nothing before the guest comes there', () => {
    const execution = new Execution({ role: 'backup', variant: 'deferred', epochLength: 10, operationIds: true });
    expect(execution.step({ type: 'log', entries: [end(0, digest(10), [input(0)])] })).toEqual([]);
    expect(delivered(execution.step(epochEnd(10)))).toEqual([input(0)]);
  });

  it('knows its position in the log: an entry counts when it is executed wholly', () => {
    const execution = backup([empty(2, digest(20)), { type: 'value', source: 0, value: 1n }]);
    execution.step(epochEnd(10));
    expect(execution.taken).toBe(0);
    execution.step(epochEnd(20));
    expect(execution.taken).toBe(1);
    execution.step({ type: 'environment', source: 0 });
    expect(execution.taken).toBe(2);
  });
});

describe('P5: an epoch ends at the backup', () => {
  it('awaits the end of the epoch from its primary', () => {
    const execution = backup();
    expect(shape(execution.step(epochEnd(10)))).toEqual(['P5 await']);
    expect(shape(execution.step(RESUME))).toEqual(['P5 await']);
    execution.step({ type: 'log', entries: [end(0, digest(10), [input(0)], 77)] });
    expect(shape(execution.step(RESUME))).toEqual(['CK observe', 'P5 deliver', 'P5 proceed']);
    expect(execution.epoch).toBe(1);
  });

  it('takes a run of empty epochs one at a time', () => {
    const execution = backup([empty(3, digest(30))]);
    for (const count of [10, 20, 30]) expect(shape(execution.step(epochEnd(count)))).toEqual(['P2 proceed']);
    expect(shape(execution.step(epochEnd(40)))).toEqual(['P5 await']);
  });

  it('never waits for acknowledgements, whatever the variant', () => {
    for (const variant of VARIANTS) {
      const execution = backup([end(0, digest(10, 1))], variant);
      execution.step({ type: 'write', stream: 1, bytes: BYTES });
      expect(shape(execution.step(epochEnd(10)))).toEqual(['CK observe', 'P5 proceed']);
    }
  });
});

describe('P6: the backup at an environment instruction', () => {
  it('returns what its primary logged, and awaits it if it has not come', () => {
    const execution = backup();
    expect(shape(execution.step({ type: 'environment', source: 0 }))).toEqual(['P6 await']);
    execution.step({ type: 'log', entries: [{ type: 'value', source: 0, value: 42n }] });
    expect(execution.step(RESUME)).toEqual([{ rule: 'P6', type: 'result', value: 42n }]);
  });
});

describe('OR, RV: an I/O instruction at the primary', () => {
  it('hands over its output after the log that precedes it', () => {
    const execution = primary();
    execution.step(epochEnd(10));
    const effects = execution.step({ type: 'write', stream: 1, bytes: BYTES });
    expect(shape(effects)).toEqual(['P2 log', 'OR output', 'OR proceed']);
  });

  it('counts stream offsets', () => {
    const execution = primary();
    execution.step({ type: 'write', stream: 1, bytes: BYTES });
    const [output] = execution.step({ type: 'write', stream: 1, bytes: BYTES });
    expect(output).toMatchObject({ output: { type: 'stream', stream: 1, offset: 3 } });
    const [other] = execution.step({ type: 'write', stream: 2, bytes: BYTES });
    expect(other).toMatchObject({ output: { offset: 0 } });
  });

  it('makes the guest wait under `revised`, shipping first, and under no other variant', () => {
    for (const variant of VARIANTS) {
      for (const event of [
        { type: 'write', stream: 1, bytes: BYTES },
        { type: 'start', operation: operation(1n) },
      ] as const) {
        const expected = variant === 'revised' ? ['OR output', 'FL flush', 'RV await'] : ['OR output', 'OR proceed'];
        expect(shape(primary(variant).step(event)), variant).toEqual(expected);
      }
    }
    const execution = primary('revised');
    execution.step({ type: 'write', stream: 1, bytes: BYTES });
    expect(shape(execution.step(RESUME))).toEqual(['P2 proceed']);
  });

  it('refuses an id that is outstanding: a defect of the machine above', () => {
    const execution = primary();
    execution.step({ type: 'start', operation: operation(1n) });
    expect(() => execution.step({ type: 'start', operation: operation(1n) })).toThrow('outstanding once');
  });
});

describe('RL: releases', () => {
  it('are outputs: of input when the guest has consumed it', () => {
    const execution = primary();
    execution.step(epochEnd(10));
    const effects = execution.step({ type: 'consumed', stream: 0, offset: 3 });
    expect(shape(effects)).toEqual(['P2 log', 'RL output']);
    expect(effects[1]).toMatchObject({ output: { type: 'releaseInput', stream: 0, offset: 3 } });
  });

  it('are outputs: of an operation when its completion was delivered, after the entry that delivers it', () => {
    const execution = primary();
    execution.step({ type: 'start', operation: operation(1n) });
    execution.step({ type: 'interrupt', interrupt: completion(1n) });
    const effects = execution.step(epochEnd(10));
    expect(shape(effects)).toEqual(['P2 log', 'P2 deliver', 'RL output', 'FL flush', 'P2 proceed']);
    expect(effects[2]).toMatchObject({ output: { type: 'releaseOperation', operation: 1n } });
  });

  it('come from a backup too: its channel drops what its primary has sent', () => {
    const execution = backup([end(0, digest(10, 1), [completion(1n)])]);
    expect(shape(execution.step({ type: 'start', operation: operation(1n) }))).toEqual(['P7 proceed']);
    expect(shape(execution.step(epochEnd(10)))).toEqual(['CK observe', 'P5 deliver', 'RL output', 'P5 proceed']);
  });
});

describe('FL: what is logged is shipped in time', () => {
  it('ships a run of empty epochs when it is 1 ms old', () => {
    const execution = primary();
    expect(shape(execution.step(epochEnd(10, 1_000)))).toEqual(['P2 proceed']);
    expect(shape(execution.step(epochEnd(20, 999 + SHIP_AFTER_NS)))).toEqual(['P2 proceed']);
    const effects = execution.step(epochEnd(30, 1_000 + SHIP_AFTER_NS));
    expect(shape(effects)).toEqual(['P2 log', 'FL flush', 'P2 proceed']);
    expect(logged(effects)).toEqual([empty(3, digest(30))]);
  });
});

describe('P7: the failure of the primary stands where the end of E should', () => {
  it('drains what was received before', () => {
    const execution = survivor([end(0, digest(10), [input(0)])]);
    expect(delivered(execution.step(epochEnd(10)))).toEqual([input(0)]);
    expect(execution.role).toBe('backup');
  });

  it('finishes E, runs E+1 as failover epoch, and is primary from E+2', () => {
    const execution = survivor();
    expect(shape(execution.step(epochEnd(10)))).toEqual(['CK adoptClock', 'P7 log', 'P7 proceed']);
    expect(execution.role).toBe('failover');
    const effects = execution.step(epochEnd(20));
    expect(shape(effects)).toEqual(['P8 live', 'P8 log', 'FL flush', 'P8 proceed']);
    expect(execution.role).toBe('primary');
    expect(execution.epoch).toBe(2);
  });

  it('wakes a backup that awaits the end of E', () => {
    const execution = backup();
    execution.step(epochEnd(10));
    execution.step({ type: 'promote' });
    expect(shape(execution.step(RESUME))).toEqual(['CK adoptClock', 'P7 log', 'P7 proceed']);
  });

  it('goes on in the middle of a run of empty epochs', () => {
    const execution = survivor([empty(2, digest(20))]);
    execution.step(epochEnd(10));
    execution.step(epochEnd(20));
    execution.step(epochEnd(30));
    expect(execution.role).toBe('failover');
    expect(execution.epoch).toBe(3);
  });

  it('suppresses I/O: operations of E and E+1 do not leave', () => {
    const execution = survivor();
    expect(shape(execution.step({ type: 'start', operation: operation(1n) }))).toEqual(['P7 proceed']);
    execution.step(epochEnd(10));
    expect(shape(execution.step({ type: 'start', operation: operation(2n) }))).toEqual(['P7 proceed']);
  });

  it('hands over stream output in every role: offsets make it exactly once', () => {
    const execution = survivor();
    expect(shape(execution.step({ type: 'write', stream: 1, bytes: BYTES }))).toEqual(['OR output', 'OR proceed']);
    execution.step(epochEnd(10));
    const [output] = execution.step({ type: 'write', stream: 1, bytes: BYTES });
    expect(output).toMatchObject({ output: { offset: 3 } });
  });

  it('does not make the guest wait in E and E+1: a wait ends them at once, under every variant', () => {
    for (const variant of VARIANTS) {
      const execution = backup([], variant);
      execution.step({ type: 'promote' });
      expect(shape(execution.step(WAIT(10)))).toEqual(['CK adoptClock', 'P7 log', 'P7 proceed']);
      expect(execution.step(WAIT(10)).some(({ type }) => type === 'live')).toBe(true);
    }
  });

  it('refuses more of the log after the promotion: a defect of the channel', () => {
    const execution = survivor();
    expect(() => execution.step({ type: 'log', entries: [] })).toThrow('before its promotion');
  });
});

describe('EV, CK: environment results that run out', () => {
  it('are replaced by own ones, once the machine’s clock was adopted', () => {
    const execution = survivor([{ type: 'value', source: 0, value: 1n }]);
    expect(shape(execution.step({ type: 'environment', source: 0 }))).toEqual(['P6 result']);
    expect(shape(execution.step({ type: 'environment', source: 0 }))).toEqual(['CK adoptClock', 'EV read']);
    expect(execution.role).toBe('survivor');
    execution.step({ type: 'environmentValue', source: 0, value: 2n });
    expect(shape(execution.step({ type: 'environment', source: 0 }))).toEqual(['P0 read']);
  });

  it('adopt the clock once, in the rest of E or at its end', () => {
    const execution = survivor();
    execution.step({ type: 'environment', source: 0 });
    execution.step({ type: 'environmentValue', source: 0, value: 2n });
    expect(shape(execution.step(epochEnd(10)))).toEqual(['P7 log', 'P7 proceed']);
  });

  it('let a backup that awaits a value go on when it is promoted', () => {
    const execution = backup();
    execution.step({ type: 'environment', source: 1 });
    execution.step({ type: 'promote' });
    expect(shape(execution.step(RESUME))).toEqual(['CK adoptClock', 'EV read']);
  });
});

describe('P8: the failover epoch ends', () => {
  it('raises an uncertain interrupt for every operation of E, E+1 or earlier, in program order', () => {
    const execution = survivor([end(0, digest(10, 2), [completion(2n)])]);
    for (const id of [1n, 2n]) execution.step({ type: 'start', operation: operation(id) });
    execution.step(epochEnd(10));
    execution.step({ type: 'start', operation: operation(3n) });
    execution.step(epochEnd(20));
    execution.step({ type: 'start', operation: operation(4n) });
    const effects = execution.step(epochEnd(30));
    expect(delivered(effects)).toEqual([1n, 3n, 4n].map(id => ({ kind: 'uncertain', operation: id })));
    expect(effects[0]).toMatchObject({ type: 'live', uncertain: 3 });
    expect(execution.outstanding.size).toBe(0);
  });

  it('lets the guest repeat with the same id, this time for the bus', () => {
    const execution = survivor();
    execution.step({ type: 'start', operation: operation(1n) });
    execution.step(epochEnd(10));
    execution.step(epochEnd(20));
    expect(shape(execution.step({ type: 'start', operation: operation(1n) }))).toEqual(['OR output', 'OR proceed']);
  });

  it('delivers a timer that is due by the survivor’s clock with them', () => {
    const execution = survivor();
    execution.step({ type: 'timer', deadlineNs: 50 });
    execution.step(epochEnd(10, 60));
    expect(delivered(execution.step(epochEnd(20, 60)))).toEqual([{ kind: 'timer', timeNs: 60 }]);
  });

  it('then looks at what the bus told before: what the log delivered is not delivered again', () => {
    const execution = survivor([end(0, digest(10), [input(0)])]);
    execution.step({ type: 'interrupt', interrupt: input(0) });
    execution.step({ type: 'interrupt', interrupt: input(3, Uint8Array.of(9)) });
    expect(delivered(execution.step(epochEnd(10)))).toEqual([input(0)]);
    execution.step(epochEnd(20));
    expect(delivered(execution.step(epochEnd(30)))).toEqual([]);
    expect(delivered(execution.step(epochEnd(40)))).toEqual([input(3, Uint8Array.of(9))]);
  });
});

describe('OF: input that the bus sends again', () => {
  it('is taken from where it is new', () => {
    const execution = primary();
    execution.step({ type: 'interrupt', interrupt: input(0) });
    execution.step({ type: 'interrupt', interrupt: input(0) });
    execution.step({ type: 'interrupt', interrupt: input(1, Uint8Array.of(2, 3, 4, 5), true) });
    expect(delivered(execution.step(epochEnd(10)))).toEqual([input(0), input(3, Uint8Array.of(4, 5), true)]);
  });

  it('ends once', () => {
    const execution = primary();
    const nothing = new Uint8Array(0);
    execution.step({ type: 'interrupt', interrupt: input(0, nothing, true) });
    execution.step({ type: 'interrupt', interrupt: input(0, nothing, true) });
    expect(delivered(execution.step(epochEnd(10)))).toEqual([input(0, nothing, true)]);
    execution.step({ type: 'interrupt', interrupt: input(0, nothing, true) });
    expect(delivered(execution.step(epochEnd(20)))).toEqual([]);
  });

  it('has no gap', () => {
    expect(() => primary().step({ type: 'interrupt', interrupt: input(1) })).toThrow('no gap');
  });
});

describe('DG: a backup that differs from its primary', () => {
  const cases: [string, LogEntry, ExecutionEvent][] = [
    ['in the instruction count', end(0, digest(11)), epochEnd(10)],
    ['in the I/O submitted', end(0, digest(10, 1)), epochEnd(10)],
    ['in the results consumed', end(0, digest(10, 0, 1)), epochEnd(10)],
    ['in the number of the epoch', end(1, digest(10)), epochEnd(10)],
    ['in the count at the end of a run', empty(1, digest(11)), epochEnd(10)],
    ['in what it reads', { type: 'value', source: 2, value: 0n }, { type: 'environment', source: 1 }],
    ['reading where its primary ends an epoch', end(0, digest(10)), { type: 'environment', source: 1 }],
    ['ending an epoch where its primary reads', { type: 'value', source: 1, value: 0n }, epochEnd(10)],
    ['ending where its primary ends an epoch', end(0, digest(10)), { type: 'outcome', count: 10, outcome: EXIT }],
    [
      'in how the guest ends',
      { type: 'final', epoch: 0, outcome: { kind: 'exit', status: 4 } },
      { type: 'outcome', count: 10, outcome: EXIT },
    ],
  ];

  it.each(cases)('%s says so and stands still', (_what, entry, event) => {
    const execution = backup([entry]);
    const effects = execution.step(event);
    expect(shape(effects)).toEqual(['DG diverged']);
    expect(effects[0]).toMatchObject({ message: expect.stringMatching(/^the backup is at .*, its primary at .*/) });
    expect(execution.step(RESUME)).toEqual([]);
  });
});

describe('XT: the guest ends', () => {
  it('at the primary: the outcome is logged and is an output', () => {
    const execution = primary();
    execution.step(epochEnd(10));
    const effects = execution.step({ type: 'outcome', count: 15, outcome: EXIT });
    expect(shape(effects)).toEqual(['P2 log', 'XT log', 'XT output', 'FL flush', 'XT proceed']);
    expect(logged(effects)[1]).toEqual({ type: 'final', epoch: 1, outcome: EXIT });
  });

  it('at a backup: it awaits the same outcome of its primary, and keeps it to itself', () => {
    const execution = backup();
    expect(shape(execution.step({ type: 'outcome', count: 15, outcome: EXIT }))).toEqual(['P5 await']);
    execution.step({ type: 'log', entries: [{ type: 'final', epoch: 0, outcome: EXIT }] });
    expect(shape(execution.step(RESUME))).toEqual(['XT proceed']);
  });

  it('at a backup that is promoted afterwards: the bus hears of it', () => {
    const execution = backup([{ type: 'final', epoch: 0, outcome: EXIT }]);
    execution.step({ type: 'outcome', count: 15, outcome: EXIT });
    const effects = execution.step({ type: 'promote' });
    expect(shape(effects)).toEqual(['CK adoptClock', 'P8 live', 'XT output', 'FL flush', 'XT proceed']);
  });

  it('at a backup that is promoted before its guest comes to the end that the log has', () => {
    const execution = survivor([{ type: 'final', epoch: 0, outcome: EXIT }]);
    const effects = execution.step({ type: 'outcome', count: 15, outcome: EXIT });
    expect(shape(effects)).toEqual(['CK adoptClock', 'P8 live', 'XT output', 'FL flush', 'XT proceed']);
  });

  it('at a backup that waits for the word of its primary when it is promoted: the bus hears of it once', () => {
    const execution = backup();
    execution.step({ type: 'outcome', count: 15, outcome: EXIT });
    expect(execution.step({ type: 'promote' })).toEqual([]);
    const effects = execution.step(RESUME);
    expect(shape(effects)).toEqual(['CK adoptClock', 'P8 live', 'XT output', 'FL flush', 'XT proceed']);
  });

  it('at a backup whose primary died before it could tell', () => {
    const execution = survivor();
    const effects = execution.step({ type: 'outcome', count: 15, outcome: EXIT });
    expect(shape(effects)).toEqual(['CK adoptClock', 'P8 live', 'XT output', 'FL flush', 'XT proceed']);
  });

  it('before P8 with operations outstanding: repeated by id (RS), before the outcome', () => {
    for (const operationIds of [true, false]) {
      const execution = survivor([], operationIds);
      execution.step({ type: 'start', operation: operation(1n) });
      const effects = execution.step({ type: 'outcome', count: 15, outcome: EXIT });
      const repeats = operationIds ? ['RS output'] : [];
      expect(shape(effects)).toEqual(['CK adoptClock', 'P8 live', ...repeats, 'XT output', 'FL flush', 'XT proceed']);
    }
  });

  it('is told of nothing more, also where what was kept for its P8 was never told', () => {
    const execution = backup();
    execution.step({ type: 'promote' });
    execution.step({ type: 'interrupt', interrupt: input(0) });
    execution.step({ type: 'outcome', count: 15, outcome: EXIT });
    expect(execution.step({ type: 'interrupt', interrupt: input(BYTES.length) })).toEqual([]);
  });

  it('adopts the clock once: what a survivor of the log puts out stands where that ended (CK)', () => {
    const running = backup([{ type: 'value', source: 1, value: 5n }]);
    running.step({ type: 'environment', source: 1 });
    const ended = backup([
      { type: 'value', source: 1, value: 5n },
      { type: 'final', epoch: 0, outcome: EXIT },
    ]);
    ended.step({ type: 'environment', source: 1 });
    ended.step({ type: 'outcome', count: 15, outcome: EXIT });
    // The guest ends after the promotion; and before it, which the promotion finds.
    running.step({ type: 'promote' });
    const afterwards = running.step({ type: 'outcome', count: 15, outcome: EXIT });
    for (const effects of [afterwards, ended.step({ type: 'promote' })]) {
      expect(shape(effects).slice(0, 2)).toEqual(['CK adoptClock', 'P8 live']);
    }
    expect([running.taken, ended.taken]).toEqual([1, 2]);
    expect([running.role, ended.role]).toEqual(['primary', 'primary']);
    // In the failover epoch it has.
    const failover = survivor();
    failover.step(epochEnd(10));
    expect(shape(failover.step({ type: 'outcome', count: 15, outcome: EXIT }))).not.toContain('CK adoptClock');
  });

  it('a trap is an outcome: both replicas reach it at the same count', () => {
    const trap: Outcome = { kind: 'trap', message: 'unreachable in f', count: 15, exact: true };
    const execution = backup([{ type: 'final', epoch: 0, outcome: trap }]);
    expect(shape(execution.step({ type: 'outcome', count: 15, outcome: trap }))).toEqual(['XT proceed']);
    for (const differs of [{ outcome: { ...trap, count: 16 } }, { epoch: 1 }]) {
      const other = backup([{ type: 'final', epoch: 0, outcome: trap, ...differs }]);
      expect(shape(other.step({ type: 'outcome', count: 15, outcome: trap }))).toEqual(['DG diverged']);
    }
  });
});

describe('a primary and its backup, side by side', () => {
  it('deliver the same at the same epochs, in every variant', () => {
    for (const variant of VARIANTS) {
      const live = primary(variant);
      const follower = backup([], variant);
      const seen: [Interrupt[], Interrupt[]] = [[], []];
      for (let epoch = 0; epoch < 40; epoch++) {
        const events: ExecutionEvent[] = [];
        if (epoch % 3 === 0) live.step({ type: 'interrupt', interrupt: input(3 * Math.floor(epoch / 3)) });
        if (epoch % 5 === 0) events.push({ type: 'write', stream: 1, bytes: BYTES });
        events.push(epochEnd(100 * epoch + 100, 10 * epoch));
        for (const event of events) {
          const effects = [...live.step(event)];
          if (effects.at(-1)?.type === 'await') effects.push(...live.step(RESUME));
          seen[0].push(...delivered(effects));
          follower.step({ type: 'log', entries: logged(effects) });
        }
      }
      // What the last epochs logged is still a run at the primary: the follower waits there.
      for (let epoch = 0; epoch < 40; epoch++) {
        if (epoch % 5 === 0) follower.step({ type: 'write', stream: 1, bytes: BYTES });
        const effects = follower.step(epochEnd(100 * epoch + 100));
        expect(effects.some(({ type }) => type === 'diverged')).toBe(false);
        if (effects.at(-1)?.type === 'await') break;
        seen[1].push(...delivered(effects));
      }
      expect(seen[1]).toEqual(seen[0]);
      expect(seen[0]).toHaveLength(14);
    }
  });
});
