// Whether decoded data has the fields of a snapshot. What lies deeper is tested by those who go on from it.

import type { MachineSnapshot } from '../guest/guest-state.js';
import { invalid } from './chunks.js';

/** What a field is: the type of a value, `array`, or an object with fields of its own. */
type Shape = 'string' | 'number' | 'bigint' | 'boolean' | 'array' | 'any' | { readonly [field: string]: Shape };

const SNAPSHOT: Shape = {
  machine: 'string',
  moduleHash: 'string',
  options: {
    epochLength: 'number',
    variant: 'string',
    counting: 'string',
    operationIds: 'boolean',
    maxMemory: 'number',
    arguments: 'array',
    devices: 'array',
    bornMs: 'number',
  },
  origin: 'any',
  guest: {
    stage: { at: 'string' },
    position: 'number',
    count: 'number',
    epochStart: 'number',
    due: 'number',
    execution: {
      epoch: 'number',
      submitted: 'number',
      consumed: 'number',
      timerDeadlineNs: 'number',
      written: 'array',
      outstanding: 'array',
      input: 'array',
    },
    clock: { realTimeNs: 'bigint', monotonicNs: 'number' },
    codec: { clocks: 'array' },
    interrupts: { pending: 'array', enabled: 'boolean', forced: 'boolean', interrupted: 'array' },
    devices: {},
    image: { instances: 'array', activations: 'array' },
  },
};

/** @throws EpochvisorError SNAPSHOT_INVALID */
export function assertShape(value: unknown, offset: number): asserts value is MachineSnapshot {
  const wrong = mismatch(value, SNAPSHOT, 'the snapshot');
  if (wrong !== undefined) throw invalid(wrong, offset);
}

function mismatch(value: unknown, shape: Shape, name: string): string | undefined {
  if (shape === 'any') return undefined;
  if (shape === 'array') return Array.isArray(value) ? undefined : `${name} is no list`;
  if (typeof shape === 'string') return typeof value === shape ? undefined : `${name} is no ${shape}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${name} has no fields`;
  const fields = value as Record<string, unknown>;
  for (const [field, inner] of Object.entries(shape)) {
    const wrong = mismatch(fields[field], inner, field);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
