// State digests: equal for equal states, and where states differ they say what does.

import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { GuestDevices } from '../../engine/guest/guest-devices.js';
import { InterruptController } from '../../engine/guest/interrupt-controller.js';
import { StateDigests } from '../../engine/guest/state-digest.js';
import { instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import { instrumentWithContinuations } from '../../engine/instrument/instrument.js';
import { ContinuationModules, LocalCloneMaker } from '../../engine/suspend/continuation-modules.js';
import { firstMemory } from '../../engine/suspend/machine-image.js';
import { SuspendedStack } from '../../engine/suspend/suspended-stack.js';
import { wat } from '../building/wat.js';

const PAGES = 40;
const GUEST = wat(`(module (memory (export "memory") ${PAGES}) (global $g (mut i32) (i32.const 1))
  (global $f (mut f64) (f64.const 2)) (func (export "set") (param i32) (global.set $g (local.get 0)))
  (func (export "setFloat") (global.set $f (f64.const 3))))`);

class Devices implements GuestDevices {
  state: unknown = { files: 1 };
  readonly idle = true;
  readonly contentBytes = 0;

  deliver(): undefined {}

  settle(): void {}

  sample(): unknown {
    return this.state;
  }

  save(): unknown {
    return this.state;
  }
}

function machine(share?: number) {
  const { module, report, continuations } = instrumentWithContinuations(GUEST, { suspendable: true });
  const meter = new Meter();
  const stack = new SuspendedStack(meter);
  const hooks = { boundary: () => 0 };
  const modules = new ContinuationModules(new LocalCloneMaker(continuations));
  const compiled = new WebAssembly.Module(module as Uint8Array<ArrayBuffer>);
  const { exports } = instantiateRewritten(compiled, report, {}, meter, hooks, { stack, modules });
  const [devices, interrupts] = [new Devices(), new InterruptController()];
  return { exports, stack, devices, interrupts, digests: new StateDigests({ stack, devices, interrupts }, share) };
}

describe('the state digest', () => {
  let primary: ReturnType<typeof machine>;
  let backup: ReturnType<typeof machine>;
  beforeEach(() => {
    primary = machine();
    backup = machine();
  });
  const difference = () => backup.digests.difference(7, primary.digests.take(7, 0));

  test('finds nothing where nothing differs', () => {
    expect(difference()).toBeUndefined();
  });

  test('finds any bit of memory in the end, and names its pages', () => {
    const page = 33;
    firstMemory(backup.stack)[page * 65_536 + 100]! ^= 4;
    const found = [difference(), difference(), difference(), difference()];
    expect(found).toEqual([
      undefined,
      undefined,
      'memory differs, in pages 32 to 39 (addresses 2097152 to 2621439)',
      undefined,
    ]);
  });

  test('finds one in any page within one round, which is three digests of 40 pages', () => {
    for (let page = 0; page < PAGES; page += 1) {
      firstMemory(backup.stack)[page * 65_536 + 7 * page]! ^= 1;
      const found = [difference(), difference(), difference()];
      expect(found.join(), `page ${page}`).toMatch(/memory differs/);
      firstMemory(backup.stack)[page * 65_536 + 7 * page]! ^= 1;
    }
  });

  test('keeps account of what was compared, and of nothing that differs', () => {
    const { account } = backup.digests;
    expect(account).toMatchObject({ comparisons: 0, lastMs: 0, covered: 0, spent: 0 });
    const covered = [0, 1, 2, 3].map(() => {
      expect(difference()).toBeUndefined();
      return account.covered;
    });
    expect(covered).toEqual([0.4, 0.8, 1, 1]);
    expect(account.comparisons).toBe(4);
    expect(account.lastMs).toBeGreaterThan(0);
    backup.devices.state = { files: 2 };
    expect(difference()).toBeDefined();
    expect(account.comparisons).toBe(4);
    expect(account.spent).toBeGreaterThan(0);
    // The primary computed as many, and compared none.
    expect(primary.digests.account).toMatchObject({ comparisons: 0, covered: 0 });
    expect(primary.digests.account.spent).toBeGreaterThan(0);
  });

  test('begins with the first page again for who comes after a time alone', () => {
    primary.digests.take(7, 0);
    primary.digests.skip(0);
    expect(primary.digests.take(7, 0).firstPage).toBe(0);
  });

  test('tells of memories of different sizes', () => {
    for (let count = 0; count < 2; count++) expect(difference()).toBeUndefined();
    (primary.stack.instances[0]!.exports.memory as WebAssembly.Memory).grow(1);
    expect(difference()).toBe("the memory has 40 pages, where the primary's has at least 41");
    expect(backup.digests.account.comparisons).toBe(2);
    (backup.stack.instances[0]!.exports.memory as WebAssembly.Memory).grow(2);
    expect(difference()).toMatch(/^memory differs, in pages 0 to 15/);
  });

  test('tells of the state of devices, of interrupts, of globals', () => {
    backup.devices.state = { files: 2 };
    expect(difference()).toBe('kernel state differs');
    backup.devices.state = { files: 1 };
    backup.interrupts.raise({ kind: 1, id: 2n, status: 3 });
    expect(difference()).toBe('kernel state differs');
    primary.interrupts.raise({ kind: 1, id: 2n, status: 3 });
    expect(difference()).toBeUndefined();
    backup.exports.set(5);
    expect(difference()).toBe('a global differs');
    primary.exports.set(5);
    expect(difference()).toBeUndefined();
    primary.exports.setFloat();
    expect(difference()).toBe('a global differs');
  });

  test.each([
    [undefined, 20_000_000],
    [0.05, 4_000_000],
    [0.5, 400_000],
    [0.001, 200_000_000],
  ])('is due with a share of %f after as many times what it took, and after %i ns at the least', (share, leastNs) => {
    const { digests } = machine(share);
    expect(digests.dueNs).toBe(leastNs);
    for (let count = 0; count < 4; count++) {
      const begunMs = performance.now();
      digests.take(1, 5_000_000);
      const tookNs = 1e6 * (performance.now() - begunMs);
      expect(digests.dueNs).toBeGreaterThanOrEqual(5_000_000 + leastNs);
      expect(digests.dueNs).toBeLessThanOrEqual(5_000_000 + Math.max(leastNs, tookNs / (share ?? 0.01)));
    }
    digests.skip(7);
    expect(digests.dueNs).toBe(7 + leastNs);
  });

  test('is due after what it took on a busy host, and not for ever where the host stood still', () => {
    const clock = vi.spyOn(performance, 'now');
    const afterMs = (ms: number) => {
      const { digests } = machine(0.05);
      clock.mockReturnValueOnce(1000).mockReturnValueOnce(1000 + ms);
      digests.take(1, 0);
      return digests.dueNs / 1e6;
    };
    try {
      expect([0.1, 1, 200, 60_000].map(afterMs)).toEqual([4, 20, 4000, 5000].map(ms => expect.closeTo(ms, 6)));
    } finally {
      clock.mockRestore();
    }
  });
});
