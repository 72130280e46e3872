// What counts as the same work on two machines.

import { describe, expect, it } from 'vitest';
import { compare, type Progress } from '../../../engine/cli/tuning/work.js';
import { OutputCurve } from '../../../engine/observe/output-curve.js';

function run(marks: readonly (readonly [ms: number, bytes: number])[], rest: Partial<Progress> = {}): Progress {
  const output = new OutputCurve();
  for (const [ms, bytes] of marks) output.note(ms, bytes);
  return { output, ms: 1_000, endMs: undefined, rate: undefined, commandMs: [], ...rest };
}

describe('the same work', () => {
  it('is the whole run where both ended, whatever they printed', () => {
    const comparison = compare(run([[1, 5]], { endMs: 300 }), run([[1, 5]], { endMs: 200 }));
    expect(comparison).toEqual({ work: 'whole run', ratio: 1.5 });
  });

  it('is the output that both printed', () => {
    expect(
      compare(
        run([[800, 100]]),
        run([
          [400, 100],
          [900, 300],
        ]),
      ),
    ).toEqual({ work: 'output', ratio: 2 });
  });

  it('is not a line at the start', () => {
    expect(compare(run([[2, 10]]), run([[1, 10]]))).toBeUndefined();
    expect(compare(run([[200, 10]]), run([[100, 10]]))).toBeUndefined();
  });

  it('is counted in instructions where the baseline counts, or came to its end', () => {
    expect(compare(run([], { rate: 50 }), run([], { rate: 100 }))).toEqual({ work: 'instructions', ratio: 2 });
    expect(compare(run([], { rate: 50 }), run([], { endMs: 10 }), 1_000)).toEqual({ work: 'instructions', ratio: 2 });
    expect(compare(run([], { rate: 50 }), run([], { endMs: 10 }))).toBeUndefined();
  });

  it('is a run of the load, in the median', () => {
    expect(compare(run([], { commandMs: [30, 20, 90] }), run([], { commandMs: [10] }))).toEqual({
      work: 'load',
      ratio: 3,
    });
  });
});
