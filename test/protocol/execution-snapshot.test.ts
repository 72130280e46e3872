// Execution that is saved and goes on elsewhere (JN), and state digests (SD), rule by rule.

import { describe, expect, it } from 'vitest';
import {
  Execution,
  type ExecutionEffect,
  type ExecutionStart,
  type ExecutionState,
  SHIP_AFTER_NS,
} from '../../engine/protocol/execution.js';
import type { LogEntry, Operation, StateDigest, Variant } from '../../engine/protocol/vocabulary.js';

const OPERATION: Operation = { id: 7n, device: 1, command: 1, argument: 0n, length: 0, data: new Uint8Array(0) };
const DATA = Uint8Array.of(1);
const DIGEST: StateDigest = { firstPage: 3, pages: 2, memory: 1, kernel: 2, globals: 3 };

function primary(variant: Variant = 'deferred', from?: ExecutionStart): Execution {
  return new Execution({ role: 'primary', variant, epochLength: 10, operationIds: true }, from);
}

function backup(from?: ExecutionStart): Execution {
  return new Execution({ role: 'backup', variant: 'deferred', epochLength: 10, operationIds: true }, from);
}

function epochEnd(count: number, waiting = false, nowNs = 0) {
  return { type: 'epochEnd', count, waiting, nowNs } as const;
}

function entries(effects: readonly ExecutionEffect[]): LogEntry[] {
  return effects.flatMap(effect => (effect.type === 'log' ? [effect.entry] : []));
}

function shape(effects: readonly ExecutionEffect[]): string[] {
  return effects.map(({ rule, type }) => `${rule} ${type}`);
}

function digest(count: number, submitted = 0, consumed = 0) {
  return { count, submitted, consumed };
}

describe('JN: a snapshot', () => {
  it('of a running guest comes after its run of empty epochs, at a position of the log', () => {
    const execution = primary();
    execution.step(epochEnd(10));
    execution.step(epochEnd(20));
    const effects = execution.step({ type: 'snapshot', nowNs: 0 });
    expect(shape(effects)).toEqual(['P2 log', 'FL flush', 'JN proceed']);
    expect(entries(effects)).toEqual([{ type: 'empty', epochs: 2, digest: digest(20) }]);
    expect(execution.save().epoch).toBe(2);
  });

  it('of a waiting guest ends its wait with nothing delivered, on every replica', () => {
    const execution = primary();
    expect(shape(execution.step(epochEnd(10, true)))).toEqual(['FL flush', 'P2 await']);
    const effects = execution.step({ type: 'snapshot', nowNs: 0 });
    expect(entries(effects)).toEqual([{ type: 'empty', epochs: 1, digest: digest(10) }]);
    expect(shape(effects).at(-1)).toBe('JN proceed');
    const other = backup();
    other.step({ type: 'log', entries: entries(effects) });
    expect(shape(other.step(epochEnd(10, true)))).toEqual(['P2 proceed']);
  });

  it('of a guest that waited for long logs its end once', () => {
    const execution = primary();
    execution.step(epochEnd(10));
    execution.step(epochEnd(20, true));
    const effects = execution.step({ type: 'snapshot', nowNs: SHIP_AFTER_NS });
    expect(entries(effects)).toHaveLength(1);
    expect(shape(effects).at(-1)).toMatch('proceed');
    expect(execution.save().epoch).toBe(2);
  });

  it('under original waits for the acknowledgement of the end that it brought about', () => {
    const execution = primary('original');
    execution.step(epochEnd(10, true));
    expect(shape(execution.step({ type: 'snapshot', nowNs: 0 }))).toEqual(['P2 log', 'FL flush', 'P2 await']);
    expect(() => execution.save()).toThrow('a running guest is saved');
    execution.step({ type: 'resume', nowNs: 0 });
    expect(execution.save().epoch).toBe(1);
  });

  it('is not taken of a backup, nor of a guest that stands still for its primary', () => {
    expect(() => backup().step({ type: 'snapshot', nowNs: 0 })).toThrow('a primary takes snapshots');
    const execution = primary('revised');
    execution.step({ type: 'write', stream: 1, bytes: Uint8Array.of(1) });
    expect(() => execution.step({ type: 'snapshot', nowNs: 0 })).toThrow('runs or waits');
  });

  it('of a backup is saved where all that it was given is executed, and not in between', () => {
    const { log, state } = logOfSaved();
    const other = backup();
    other.step({ type: 'log', entries: log });
    other.step({ type: 'write', stream: 1, bytes: Uint8Array.of(1, 2) });
    other.step({ type: 'start', operation: OPERATION });
    other.step({ type: 'timer', deadlineNs: 900 });
    expect(other.isAtLogsEnd).toBe(false);
    expect(() => other.save()).toThrow('a backup is saved where it has executed what it has');
    other.step(epochEnd(10));
    other.step({ type: 'consumed', stream: 0, offset: 2 });
    other.step(epochEnd(20));
    // Within a run of empty epochs, of which the log has the end alone.
    expect([other.isAtLogsEnd, other.taken]).toEqual([false, 1]);
    other.step(epochEnd(30));
    expect([other.isAtLogsEnd, other.taken]).toEqual([true, 2]);
    expect(other.save()).toEqual(state);
    other.step({ type: 'promote' });
    expect(other.isAtLogsEnd).toBe(false);
  });

  it('is not saved while epochs are not logged', () => {
    const execution = primary();
    execution.step(epochEnd(10));
    expect(() => execution.save()).toThrow('logged before it is saved');
  });
});

/** What a primary has logged, and what it is then. */
function logOfSaved(): { log: LogEntry[]; state: ExecutionState } {
  const execution = primary();
  execution.step({ type: 'write', stream: 1, bytes: Uint8Array.of(1, 2) });
  execution.step({ type: 'start', operation: OPERATION });
  execution.step({ type: 'timer', deadlineNs: 900 });
  const bytes = Uint8Array.of(1, 2, 3);
  execution.step({ type: 'interrupt', interrupt: { kind: 'stream', stream: 0, offset: 0, bytes, end: false } });
  const ended = entries(execution.step(epochEnd(10)));
  const consumed = entries(execution.step({ type: 'consumed', stream: 0, offset: 2 }));
  const run = [epochEnd(20), epochEnd(30)].flatMap(event => entries(execution.step(event)));
  const snapshot = entries(execution.step({ type: 'snapshot', nowNs: 0 }));
  return { log: [...ended, ...consumed, ...run, ...snapshot], state: execution.save() };
}

/** A primary with some of everything, saved. */
function saved(): { execution: Execution; state: ExecutionState } {
  const execution = primary();
  execution.step({ type: 'write', stream: 1, bytes: Uint8Array.of(1, 2) });
  execution.step({ type: 'start', operation: OPERATION });
  execution.step({ type: 'timer', deadlineNs: 900 });
  const bytes = Uint8Array.of(1, 2, 3);
  execution.step({ type: 'interrupt', interrupt: { kind: 'stream', stream: 0, offset: 0, bytes, end: false } });
  execution.step(epochEnd(10));
  execution.step({ type: 'consumed', stream: 0, offset: 2 });
  // Received and not delivered: it is no part of the state.
  execution.step({ type: 'interrupt', interrupt: { kind: 'stream', stream: 0, offset: 3, bytes, end: true } });
  execution.step({ type: 'snapshot', nowNs: 0 });
  return { execution, state: execution.save() };
}

describe('JN: what was saved', () => {
  it('is plain data: what was written, is outstanding, was delivered', () => {
    expect(saved().state).toEqual({
      epoch: 1,
      epochLength: 10,
      submitted: 2,
      consumed: 0,
      timerDeadlineNs: 900,
      written: [{ stream: 1, offset: 2 }],
      outstanding: [OPERATION],
      opened: [],
      input: [{ stream: 0, offset: 3, ended: false, reset: false, taken: 0 }],
    });
  });

  it('goes on as a backup with the log from there, and is promoted like any other', () => {
    const { execution, state } = saved();
    const joined = backup({ state, position: 40 });
    expect(joined.taken).toBe(40);
    const log = entries(execution.step(epochEnd(20)));
    expect(log[0]).toMatchObject({ epoch: 1, interrupts: [{ kind: 'stream', offset: 3, end: true }] });
    joined.step({ type: 'log', entries: log });
    expect(shape(joined.step(epochEnd(20)))).toEqual(['CK observe', 'P5 deliver', 'P5 proceed']);
    expect(joined.taken).toBe(41);
    joined.step({ type: 'promote' });
    joined.step(epochEnd(30));
    const failover = joined.step(epochEnd(40));
    expect(failover).toContainEqual({ rule: 'P8', type: 'live', epoch: 3, uncertain: 1 });
    // RL: what was consumed before the snapshot was released before this replica was named (JN).
    expect(failover.some(({ type }) => type === 'output')).toBe(false);
    // It writes on where the first one stopped.
    expect(joined.step({ type: 'write', stream: 1, bytes: Uint8Array.of(9) })).toContainEqual(
      expect.objectContaining({ output: { type: 'stream', stream: 1, offset: 2, bytes: Uint8Array.of(9) } }),
    );
  });

  it('goes on as a primary of a new machine: what was outstanding is uncertain at the first boundary (P8)', () => {
    const { state } = saved();
    const resumed = primary('deferred', { state, position: 5 });
    const effects = resumed.step(epochEnd(20));
    expect(effects).toContainEqual({ rule: 'P2', type: 'deliver', interrupts: [{ kind: 'uncertain', operation: 7n }] });
    expect(resumed.outstanding.size).toBe(0);
    const again = { kind: 'stream', stream: 0, offset: 0, bytes: Uint8Array.of(1, 2, 3, 4), end: false } as const;
    resumed.step({ type: 'interrupt', interrupt: again });
    // Input that was delivered before is not delivered again.
    expect(entries(resumed.step(epochEnd(30)))).toMatchObject([
      { interrupts: [{ offset: 3, bytes: Uint8Array.of(4) }] },
    ]);
  });

  it('repeats nothing at its end that it began after the first boundary', () => {
    const saved = primary();
    const execution = primary('deferred', { position: 0, state: saved.save() });
    execution.step(epochEnd(10));
    execution.step({ type: 'interrupt', interrupt: { kind: 'stream', stream: 0, offset: 0, bytes: DATA, end: false } });
    execution.step(epochEnd(20));
    execution.step({ type: 'start', operation: OPERATION });
    const effects = execution.step({ type: 'outcome', count: 25, outcome: { kind: 'exit', status: 0 } });
    expect(effects.flatMap(effect => (effect.type === 'output' ? [effect.output.type] : []))).toEqual(['outcome']);
  });

  it('repeats what is outstanding where the guest ends before its first boundary', () => {
    const { state } = saved();
    const outcome = { kind: 'exit', status: 0 } as const;
    const effects = primary('deferred', { state, position: 5 }).step({ type: 'outcome', count: 12, outcome });
    expect(effects).toContainEqual({ rule: 'RS', type: 'output', output: { type: 'operation', operation: OPERATION } });
    const ordinary = saved().execution.step({ type: 'outcome', count: 12, outcome });
    expect(ordinary.some(({ rule }) => rule === 'RS')).toBe(false);
  });
});

describe('SD: a state digest', () => {
  /** The log of a primary that had a digest due at the end of its second epoch. */
  function logged(): LogEntry[] {
    const execution = primary();
    execution.step(epochEnd(10));
    const log = entries(execution.step({ type: 'digest', digest: DIGEST }));
    execution.step(epochEnd(20));
    return [...log, ...entries(execution.step({ type: 'snapshot', nowNs: 0 }))];
  }

  it('stands in the log before the end of its epoch, after all that came before', () => {
    expect(logged()).toEqual([
      { type: 'empty', epochs: 1, digest: digest(10) },
      { type: 'digest', epoch: 1, ...DIGEST },
      { type: 'empty', epochs: 1, digest: digest(20) },
    ]);
  });

  it('is verified by the backup at the same boundary, which goes on where nothing differs', () => {
    const execution = backup();
    execution.step({ type: 'log', entries: logged() });
    expect(shape(execution.step(epochEnd(10)))).toEqual(['P2 proceed']);
    expect(execution.step(epochEnd(20))).toEqual([
      { rule: 'SD', type: 'verify', entry: { type: 'digest', epoch: 1, ...DIGEST } },
    ]);
    expect(execution.step({ type: 'resume', nowNs: 0 })).toEqual([]);
    expect(shape(execution.step({ type: 'verified', difference: undefined }))).toEqual(['P2 proceed']);
    expect(execution.epoch).toBe(2);
  });

  it('that differs halts the backup, with the epoch and what differs', () => {
    const execution = backup();
    execution.step({ type: 'log', entries: logged() });
    execution.step(epochEnd(10));
    execution.step(epochEnd(20));
    const [effect] = execution.step({ type: 'verified', difference: 'memory from page 3 on' });
    expect(effect).toMatchObject({ rule: 'SD', type: 'diverged' });
    expect(effect).toMatchObject({ message: expect.stringMatching(/epoch 1, instruction 20.*memory from page 3 on/) });
  });

  it('is verified by a promoted backup, too: what came before the death is the truth', () => {
    const execution = backup();
    execution.step({ type: 'log', entries: logged().slice(0, 2) });
    execution.step({ type: 'promote' });
    execution.step(epochEnd(10));
    expect(shape(execution.step(epochEnd(20)))).toEqual(['SD verify']);
    expect(shape(execution.step({ type: 'verified', difference: undefined }))).toEqual([
      'CK adoptClock',
      'P7 log',
      'P7 proceed',
    ]);
  });

  it('at another boundary, or in place of an environment result, is a divergence (DG)', () => {
    const late = backup();
    late.step({ type: 'log', entries: [{ type: 'digest', epoch: 5, ...DIGEST }] });
    expect(late.step(epochEnd(10))).toMatchObject([{ rule: 'DG', type: 'diverged' }]);
    const other = backup();
    other.step({ type: 'log', entries: [{ type: 'digest', epoch: 0, ...DIGEST }] });
    expect(other.step({ type: 'environment', source: 0 })).toMatchObject([{ rule: 'DG', type: 'diverged' }]);
  });
});
