// The machine's own copy of its guest.

import { createHash } from 'node:crypto';
import { existsSync, fstatSync, readlinkSync, writeSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { KeptModule, readModule } from '../../engine/replica/kept-module.js';

const MODULE = Uint8Array.from({ length: 100_000 }, (_, index) => index * 7);
const HASH = createHash('sha256').update(MODULE).digest('hex');

let kept: KeptModule | undefined;
afterEach(() => kept?.close());

async function filled(): Promise<KeptModule> {
  kept = new KeptModule();
  await kept.fill(MODULE);
  return kept;
}

describe('the copy that a machine keeps of its guest', () => {
  it('is read as it was written, as often as replicas start, in memory that threads share', async () => {
    const { descriptor } = await filled();
    for (let time = 0; time < 2; time++) {
      const module = readModule(descriptor, HASH);
      expect(Buffer.from(module).equals(MODULE)).toBe(true);
      expect(module.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
  });

  it('has no name, and nobody else may open it', async () => {
    const { descriptor } = await filled();
    const { nlink, mode } = fstatSync(descriptor);
    expect({ nlink, mode: mode & 0o777 }).toEqual({ nlink: 0, mode: 0o600 });
    expect(existsSync(readlinkSync(`/proc/self/fd/${descriptor}`))).toBe(false);
  });

  it.each([
    ['a byte changed', (descriptor: number) => writeSync(descriptor, 'x', 4711)],
    ['more behind its end', (descriptor: number) => writeSync(descriptor, 'x', MODULE.length)],
  ])('is refused with %s', async (_, change) => {
    const { descriptor } = await filled();
    change(descriptor);
    expect(() => readModule(descriptor, HASH)).toThrow(expect.objectContaining({ code: 'MODULE_CHANGED' }));
  });

  it('is refused where it can not be read at all', async () => {
    const { descriptor } = await filled();
    kept!.close();
    expect(() => readModule(descriptor, HASH)).toThrow(expect.objectContaining({ code: 'MODULE_CHANGED' }));
  });
});
