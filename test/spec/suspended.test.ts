// The core test scripts with the stack unwound at every boundary: no command may notice.

import { describe, expect, test } from 'vitest';
import { CONTINUED_AFRESH, SUSPENDED } from './engines.js';
import { scriptNames } from './suite.js';
import { worse } from './worse.js';

/** Scripts of control flow, calls, references and state, with few instances each. */
const FEW_INSTANCES = (
  'block br br_if br_table fac forward func global if labels left-to-right local_tee loop nop ref_func ref_is_null ' +
  'return select stack start store switch table_get table_set traps unwind'
).split(' ');

/**
 * Functions of 2,000 locals, all live at every instruction: with a safe point at each, what has to be saved there exceeds
 * V8's limit of a function's size, and the module is refused.
 */
const TOO_LARGE_EXACTLY = 'skip-stack-guard-page';

describe.each(SUSPENDED)('the core test scripts: $name', engine => {
  test('pass every command that plain V8 passes', () => {
    const names = scriptNames().filter(name => !(engine.name.startsWith('exact') && name === TOO_LARGE_EXACTLY));
    expect(worse(engine, names)).toEqual([]);
  }, 600_000);
});

describe.each(CONTINUED_AFRESH)('core test scripts: $name', engine => {
  test('pass every command that plain V8 passes', () => {
    expect(worse(engine, FEW_INSTANCES)).toEqual([]);
  }, 600_000);
});
