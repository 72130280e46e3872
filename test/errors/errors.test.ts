// What a user sees of whatever was thrown: one line.

import { describe, expect, test } from 'vitest';
import { describeThrown, EpochvisorError } from '../../engine/errors/errors.js';

describe('whatever was thrown is one line', () => {
  test('an error of the world: as it is', () => {
    expect(describeThrown(new EpochvisorError('X_MISSING', 'no such x', 'make one'))).toBe(
      'no such x [X_MISSING]: make one',
    );
  });

  test('a defect of ours: what it says, and where', () => {
    const line = describeThrown(new TypeError('x is not a function\nand more'));
    expect(line).toMatch(
      /^a defect of epochvisor: x is not a function \(at [^\n]*errors\.test\.ts[^\n]*\) \[DEFECT\]: [^\n]*$/,
    );
    expect(line).toContain('please report it; with EPOCHVISOR_DEBUG=1 it shows its stack');
  });

  test('an error without a place, and what is no error', () => {
    const bare = new Error('out of memory');
    Reflect.deleteProperty(bare, 'stack');
    expect(describeThrown(bare)).toMatch(/^a defect of epochvisor: out of memory \[DEFECT\]/);
    expect(describeThrown('a word')).toMatch(/^a defect of epochvisor: a word \[DEFECT\]/);
  });
});
