// Random atomics against plain V8: the memory and every result, through counting and suspension at every boundary.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { instantiate } from '../../engine/index.js';
import { wat } from '../building/wat.js';

const SHAPES = [
  { type: 'i32', narrow: '', width: 4 },
  { type: 'i64', narrow: '', width: 8 },
  { type: 'i32', narrow: '8', width: 1 },
  { type: 'i32', narrow: '16', width: 2 },
  { type: 'i64', narrow: '8', width: 1 },
  { type: 'i64', narrow: '16', width: 2 },
  { type: 'i64', narrow: '32', width: 4 },
] as const;
const OPERATIONS = ['load', 'store', 'add', 'sub', 'and', 'or', 'xor', 'xchg', 'cmpxchg'] as const;
/** Two steps of a program write to these; what they give is kept above them. */
const WORDS = 4;
const RESULTS = 1024;

const step = fc.record({
  shape: fc.constantFrom(...SHAPES),
  operation: fc.constantFrom(...OPERATIONS),
  place: fc.nat(WORDS * 8 - 1),
  offset: fc.nat(16),
  /** Few values: what is compared is to be found now and then. Above 32 bits, too. */
  values: fc.tuple(fc.bigInt(-3n, 3n), fc.bigInt(-3n, 3n), fc.constantFrom(0n, 1n << 8n, 1n << 16n, 1n << 32n)),
  aligned: fc.integer({ min: 0, max: 19 }).map(number => number > 0),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function text({ shape, operation, place, offset, values, aligned }: Step, index: number): string {
  const { type, narrow, width } = shape;
  const sign = narrow === '' ? '' : '_u';
  const constant = (value: bigint) => `(${type}.const ${type === 'i32' ? BigInt.asIntN(32, value) : value})`;
  const fitting = offset - (offset % width);
  const address = `offset=${aligned ? fitting : offset} (i32.const ${aligned ? place - (place % width) : place})`;
  const [first, second] = [constant(values[0] + values[2]), constant(values[1])];
  if (operation === 'store') return `(${type}.atomic.store${narrow} ${address} ${first})`;
  const keep = (given: string) => `(${type}.store (i32.const ${RESULTS + index * 8}) ${given})`;
  if (operation === 'load') return keep(`(${type}.atomic.load${narrow}${sign} ${address})`);
  const operands = operation === 'cmpxchg' ? `${first} ${second}` : first;
  return keep(`(${type}.atomic.rmw${narrow}.${operation}${sign} ${address} ${operands})`);
}

function program(steps: readonly Step[]): Uint8Array<ArrayBuffer> {
  return wat(`(module (memory (export "memory") 1 1 shared) (func (export "run") (local $round i32)
    (loop $again
      ${steps.map(text).join('\n')}
      (br_if $again (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 3))))))`);
}

/** The memory after a run, and whether it trapped. */
function outcome(load: () => Record<string, unknown>): { trapped: boolean; memory: string } {
  const exports = load();
  let trapped = false;
  try {
    (exports.run as () => void)();
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    trapped = true;
  }
  const memory = new Uint8Array((exports.memory as WebAssembly.Memory).buffer).slice(0, 2 * RESULTS);
  return { trapped, memory: Buffer.from(memory).toString('hex') };
}

test.each([
  ['counted', {}],
  ['suspended at every boundary', { epochLength: 7, suspendAt: 'every-boundary' }],
] as const)('programs of atomics do what V8 does: %s', (_, options) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), steps => {
      const bytes = program(steps);
      const plain = outcome(() => new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports);
      expect(outcome(() => instantiate(bytes, {}, { ...options, counting: 'block' }).exports as never)).toEqual(plain);
    }),
    { numRuns: 150, seed: 18 },
  );
});
