// Growth that the limit allows and this host refuses: the replica must stop, for another one may have room.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../dist/engine/index.js', import.meta.url));

/** (memory (export "memory") 1) (func (export "grow") (param i32) (result i32) local.get 0 memory.grow) */
const GROWER = [
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f],
  ...[3, 2, 1, 0],
  ...[5, 3, 1, 0, 1],
  ...[7, 17, 2, 6, ...Buffer.from('memory'), 2, 0, 4, ...Buffer.from('grow'), 0, 0],
  ...[10, 8, 1, 6, 0, 0x20, 0, 0x40, 0, 0x0b],
];

/** Grows by `pages` in a process whose V8 has `hostPages` at the most; answers what the guest, or the host, got. */
function grow(pages: number, hostPages: number, maxMemory: number): string {
  const script = `
    import { instantiate } from ${JSON.stringify(main)};
    const guest = instantiate(Uint8Array.from(${JSON.stringify(GROWER)}), {}, { epochLength: 1000, maxMemory: ${maxMemory} });
    try { console.log(guest.exports.grow(${pages})); } catch (error) { console.log(error.code); }
  `;
  const flags = [`--wasm-max-mem-pages=${hostPages}`, '--input-type=module', '-e', script];
  return execFileSync(process.execPath, flags, { encoding: 'utf8' }).trim();
}

it('memory grows where limit and host allow it', () => {
  expect(grow(10, 100, 1 << 30)).toBe('1');
});

it('growth past the limit is refused, whatever the host could do', () => {
  expect(grow(10, 100, 5 * 65_536)).toBe('-1');
});

it('a machine halts where the limit allows growth that the host refuses', () => {
  expect(grow(50, 20, 1 << 30)).toBe('CANNOT_ALLOCATE');
});
