// Output curves: where runs of one program are compared.

import { describe, expect, it } from 'vitest';
import { OutputCurve } from '../../engine/observe/output-curve.js';

function curve(...marks: readonly [ms: number, outputs: number][]): OutputCurve {
  const made = new OutputCurve();
  for (const [ms, outputs] of marks) made.note(ms, outputs);
  return made;
}

describe('an output curve', () => {
  it('says when an offset was reached, between marks by a straight line', () => {
    const run = curve([10, 100], [20, 200], [40, 300]);
    expect(run.msAt(100)).toBe(10);
    expect(run.msAt(150)).toBe(15);
    expect(run.msAt(300)).toBe(40);
  });

  it('knows nothing of an offset that was not reached', () => {
    expect(curve([10, 100]).msAt(101)).toBeUndefined();
    expect(curve().outputs).toBe(0);
  });

  it('keeps the last of many writes of one moment', () => {
    const run = curve([10, 1], [10.1, 2], [10.2, 3], [10.3, 4]);
    expect(run.outputs).toBe(4);
    expect(run.msAt(4)).toBe(10.3);
  });
});
