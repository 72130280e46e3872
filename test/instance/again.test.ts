// Imports that block: they say `again`, the boundary comes, and the wrapper calls them anew with the same arguments.

import { describe, expect, test } from 'vitest';
import { instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import { instrument } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';

const GUEST = `(module
  (import "host" "pair" (func $pair (param i32 i64) (result i64 f32)))
  (import "host" "quiet" (func $quiet))
  (global $offset (mut i32) (i32.const 5))
  (func (export "run") (result i64)
    (local $sum i64) (local $left i32)
    (local.set $left (i32.const 4))
    (loop $each
      (call $pair (local.get $left) (i64.const 7))
      drop
      (local.set $sum (i64.add (local.get $sum)))
      (call $quiet)
      (br_if $each (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i64.add (local.get $sum) (i64.extend_i32_s (global.get $offset))))
  (func (export "interrupt") (param i32 i64 i32) (call $quiet)))`;

/** Runs the guest; `pair` blocks as often as `blocks` says before it answers. */
function run(blocks: (call: number) => number, counting: 'block' | 'exact', interruptsAt = -1) {
  const meter = new Meter();
  const events: string[] = [];
  let call = 0;
  let blocked = 0;
  let pending = 0;
  const { module, report } = instrument(wat(GUEST), {
    counting,
    blockingImports: true,
    interruptHandler: 'interrupt',
  });
  const guest = instantiateRewritten(
    new WebAssembly.Module(module),
    report,
    {
      host: {
        pair: (left: number, seven: bigint) => {
          if (blocked < blocks(call)) {
            blocked += 1;
            events.push(`blocks ${left}`);
            meter.callAgain();
            return [999n, 0];
          }
          events.push(`answers ${left} ${seven}`);
          blocked = 0;
          call += 1;
          return [BigInt(left) * seven, 1.5];
        },
        quiet: () => void events.push('quiet'),
      },
    },
    meter,
    {
      boundary: () => {
        events.push('boundary');
        if (events.filter(event => event === 'boundary').length - 1 !== interruptsAt) return 0;
        pending = 1;
        return 1;
      },
      interrupt: () => [pending--, 1, 2n, 3],
    },
  );
  const result: bigint = guest.exports.run();
  return { result, events, count: meter.instructionCount() };
}

describe.each(['block', 'exact'] as const)('an import that blocks, with %s counting', counting => {
  const undisturbed = run(() => 0, counting);

  test('is called once where it does not', () => {
    expect(undisturbed.result).toBe(75n);
    expect(undisturbed.events).not.toContain('boundary');
  });

  test('is called again after each boundary, with the same arguments, until it answers', () => {
    const { result, events } = run(call => call, counting);
    expect(result).toBe(75n);
    expect(events.slice(0, 9)).toEqual([
      'answers 4 7',
      'quiet',
      'blocks 3',
      'boundary',
      'answers 3 7',
      'quiet',
      'blocks 2',
      'boundary',
      'blocks 2',
    ]);
    expect(events.filter(event => event === 'boundary')).toHaveLength(1 + 2 + 3);
  });

  test('costs the guest no instructions: the count is that of a call which answers at once', () => {
    expect(run(() => 3, counting).count).toBe(undisturbed.count);
  });

  test('is called again after an interrupt handler that calls imports itself', () => {
    const { result, events } = run(() => 1, counting, 0);
    expect(result).toBe(75n);
    expect(events.slice(0, 4)).toEqual(['blocks 4', 'boundary', 'quiet', 'answers 4 7']);
  });
});

test('modules whose imports do not block have no global for calling them again', () => {
  const { module } = instrument(wat(GUEST), {});
  const names = WebAssembly.Module.imports(new WebAssembly.Module(module)).map(({ name }) => name);
  expect(names).toContain('counter');
  expect(names).not.toContain('again');
});
