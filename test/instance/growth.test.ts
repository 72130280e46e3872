// A guest that grows often: what that costs its host.

import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { compileRewritten } from '../../engine/instance/compile.js';
import { type GuestInstance, instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import { instrument } from '../../engine/instrument/instrument.js';
import { wat } from '../building/wat.js';

const GROWER = wat(`
  (module
    (memory (export "memory") 1)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "put") (param i32) (i32.store8 (local.get 0) (i32.const 7))))`);

/** As a guest thread runs it. */
function guest(): GuestInstance {
  const { module, report } = instrument(GROWER, { standsAlone: true });
  return instantiateRewritten(compileRewritten(module), report, {}, new Meter(), { boundary: () => 0 });
}

test('growing far does not make the host collect its garbage each time', async () => {
  const { exports } = guest();
  let collections = 0;
  const count = (entries: readonly PerformanceEntry[]) => {
    const collected = entries as readonly (PerformanceEntry & { readonly detail: { readonly kind: number } })[];
    collections += collected.filter(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR).length;
  };
  const observer = new PerformanceObserver(list => count(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const growths = 400;
  // Each by a MiB; entries of the observer come between them.
  for (let turn = 0; turn < growths; turn++) {
    expect(exports.grow(16)).toBe(1 + 16 * turn);
    await new Promise(resolve => setImmediate(resolve));
  }
  count(observer.takeRecords());
  observer.disconnect();
  expect(collections).toBeLessThan(growths / 40);
});

test('what the guest has grown by is there for the host', () => {
  const { exports, memory } = guest();
  expect(memory().length).toBe(65_536);
  exports.grow(2);
  exports.put(3 * 65_536 - 1);
  expect(memory().length).toBe(3 * 65_536);
  expect(memory().at(-1)).toBe(7);
});
