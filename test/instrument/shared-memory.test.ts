// A guest's own memory is declared as one that threads could share: what the memory section then says.

import { expect, test } from 'vitest';
import { instrument } from '../../engine/instrument/instrument.js';
import type { InstrumentOptions } from '../../engine/instrument/options.js';
import { wat } from '../building/wat.js';

const PAGE_BYTES = 65_536;

/** The content of the memory section of a rewritten module. */
function memorySection(text: string, options: InstrumentOptions): number[] {
  const { module } = instrument(wat(text), options);
  for (let at = 8; at < module.length; ) {
    const id = module[at++]!;
    let size = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = module[at++]!;
      size |= (byte & 127) << shift;
      shift += 7;
    } while (byte >= 128);
    if (id === 5) return [...module.subarray(at, at + size)];
    at += size;
  }
  return [];
}

test('a memory that is declared shareable has the limit of growth as its greatest size', () => {
  const options = { standsAlone: true, maxMemory: 9 * PAGE_BYTES };
  expect(memorySection('(module (memory 2))', options)).toEqual([1, 3, 2, 9]);
});

test('a memory that is declared shareable keeps a greatest size of its own that is smaller', () => {
  const options = { standsAlone: true, maxMemory: 9 * PAGE_BYTES };
  expect(memorySection('(module (memory 2 5))', options)).toEqual([1, 3, 2, 5]);
  expect(memorySection('(module (memory 2 50))', options)).toEqual([1, 3, 2, 9]);
});

test('a memory that other instances may import is not declared shareable', () => {
  expect(memorySection('(module (memory 2 5))', {})).toEqual([1, 1, 2, 5]);
  expect(memorySection('(module (memory 2))', {})).toEqual([1, 0, 2]);
});

test('a memory that is imported is imported as before', () => {
  const { module } = instrument(wat('(module (import "m" "n" (memory 1 3)))'), { standsAlone: true });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 });
  const [own] = WebAssembly.Module.imports(new WebAssembly.Module(module)).filter(item => item.kind === 'memory');
  expect(own).toMatchObject({ module: 'm', name: 'n' });
  expect(memory.buffer).toBeInstanceOf(ArrayBuffer);
  expect([...module].join()).toContain([1, 109, 1, 110, 2, 1, 1, 3].join());
});
