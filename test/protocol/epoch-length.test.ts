// Epochs whose length changes (EL): what the primary logs, when its backup, a survivor and a joining replica take it over.

import { describe, expect, it } from 'vitest';
import { Execution, type ExecutionEffect, type ExecutionStart } from '../../engine/protocol/execution.js';
import type { LogEntry, StateDigest } from '../../engine/protocol/vocabulary.js';

const DIGEST: StateDigest = { firstPage: 0, pages: 1, memory: 1, kernel: 2, globals: 3 };

function newExecution(role: 'primary' | 'backup', from?: ExecutionStart): Execution {
  return new Execution({ role, variant: 'deferred', epochLength: 10, operationIds: true }, from);
}

function epochEnd(count: number, waiting = false) {
  return { type: 'epochEnd', count, waiting, nowNs: 0 } as const;
}

function entries(effects: readonly ExecutionEffect[]): LogEntry[] {
  return effects.flatMap(effect => (effect.type === 'log' ? [effect.entry] : []));
}

function shape(effects: readonly ExecutionEffect[]): string[] {
  return effects.map(({ rule, type }) => `${rule} ${type}`);
}

function empty(epochs: number, count: number): LogEntry {
  return { type: 'empty', epochs, digest: { count, submitted: 0, consumed: 0 } };
}

const LENGTH: LogEntry = { type: 'length', epoch: 1, epochLength: 50 };

/** A primary whose second epoch is the last of 10 instructions, and its log. */
function changed(waiting = false) {
  const execution = newExecution('primary');
  execution.step(epochEnd(10));
  const log = entries(execution.step({ type: 'length', epochLength: 50 }));
  log.push(...entries(execution.step(epochEnd(20, waiting))));
  return { execution, log };
}

/** A backup that stands at its first boundary, with `log` received. */
function backup(log: readonly LogEntry[]): Execution {
  const execution = newExecution('backup');
  execution.step({ type: 'log', entries: log });
  execution.step(epochEnd(10));
  return execution;
}

describe('EL: another epoch length', () => {
  it('stands in the log before the end of the last epoch of the old one, after all that came before', () => {
    const { execution, log } = changed();
    expect(execution.epochLength).toBe(50);
    log.push(...entries(execution.step({ type: 'snapshot', nowNs: 0 })));
    expect(log).toEqual([empty(1, 10), LENGTH, empty(1, 20)]);
  });

  it('is taken over by the backup at that end, not at the one before', () => {
    const execution = backup([empty(1, 10), LENGTH, empty(1, 20)]);
    expect(execution.epochLength).toBe(10);
    expect(shape(execution.step(epochEnd(20)))).toEqual(['P2 proceed']);
    expect(execution.epochLength).toBe(50);
    expect([execution.epoch, execution.taken]).toEqual([2, 3]);
  });

  it('comes before an end that something is delivered at, and whose guest waits for it', () => {
    const { execution, log } = changed(true);
    const input = { kind: 'stream', stream: 0, offset: 0, bytes: Uint8Array.of(1), end: false } as const;
    execution.step({ type: 'interrupt', interrupt: input });
    const end = entries(execution.step({ type: 'resume', nowNs: 5 }));
    expect(log).toEqual([empty(1, 10), LENGTH]);
    expect(end).toMatchObject([{ type: 'end', epoch: 1, interrupts: [input] }]);
    const other = backup(log);
    expect(shape(other.step(epochEnd(20, true)))).toEqual(['P5 await']);
    other.step({ type: 'log', entries: end });
    expect(shape(other.step({ type: 'resume', nowNs: 0 }))).toEqual(['CK observe', 'P5 deliver', 'P5 proceed']);
    expect(other.epochLength).toBe(50);
  });

  it('comes after a state digest of the same boundary', () => {
    const execution = backup([empty(1, 10), { type: 'digest', epoch: 1, ...DIGEST }, LENGTH, empty(1, 20)]);
    expect(shape(execution.step(epochEnd(20)))).toEqual(['SD verify']);
    expect(execution.epochLength).toBe(10);
    expect(shape(execution.step({ type: 'verified', difference: undefined }))).toEqual(['P2 proceed']);
    expect(execution.epochLength).toBe(50);
  });

  it('holds for a survivor that received it without the end, and for one that did not it never was', () => {
    const survivor = backup([empty(1, 10), LENGTH]);
    survivor.step({ type: 'promote' });
    expect(shape(survivor.step(epochEnd(20)))).toEqual(['CK adoptClock', 'P7 log', 'P7 proceed']);
    expect([survivor.role, survivor.epochLength]).toEqual(['failover', 50]);
    survivor.step(epochEnd(70));
    expect([survivor.role, survivor.epochLength]).toEqual(['primary', 50]);

    const other = backup([empty(1, 10)]);
    other.step({ type: 'promote' });
    other.step(epochEnd(20));
    expect(other.epochLength).toBe(10);
  });

  it('is in a snapshot of the very boundary, from which a joining replica goes on (JN), and a resumed machine', () => {
    const { execution } = changed();
    execution.step({ type: 'snapshot', nowNs: 0 });
    const state = structuredClone(execution.save());
    expect(state.epochLength).toBe(50);
    for (const role of ['primary', 'backup'] as const) {
      expect(newExecution(role, { state, position: 3 }).epochLength).toBe(50);
    }
  });

  it('is decided by a primary alone', () => {
    expect(() => newExecution('backup').step({ type: 'length', epochLength: 5 })).toThrow('a primary decides');
    const survivor = backup([empty(1, 10)]);
    survivor.step({ type: 'promote' });
    survivor.step(epochEnd(20));
    expect(() => survivor.step({ type: 'length', epochLength: 5 })).toThrow('a primary decides');
  });

  it('for another epoch, or in place of an environment result, is a divergence (DG)', () => {
    const late = newExecution('backup');
    late.step({ type: 'log', entries: [LENGTH] });
    expect(late.step(epochEnd(10))).toMatchObject([
      { rule: 'DG', type: 'diverged', message: expect.stringContaining('epochs of 50 instructions after epoch 1') },
    ]);
    const reading = newExecution('backup');
    reading.step({ type: 'log', entries: [{ ...LENGTH, epoch: 0 }] });
    expect(reading.step({ type: 'environment', source: 0 })).toMatchObject([{ rule: 'DG', type: 'diverged' }]);
  });
});
