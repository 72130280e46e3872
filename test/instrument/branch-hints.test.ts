// Which branches V8 is told about, and that it listens.

import { expect, test } from 'vitest';
import { instrument, instrumentWithContinuations } from '../../engine/instrument/instrument.js';
import { decodeModule } from '../../engine/wasm/decode.js';
import { InstructionReader } from '../../engine/wasm/instructions.js';
import { indexSpaces } from '../../engine/wasm/module.js';
import { OP_BR_IF, OP_IF, opcodeName } from '../../engine/wasm/opcodes.js';
import { wat } from '../building/wat.js';

const SECTION = 'metadata.code.branch_hint';

const GUEST = wat(`
  (module (import "host" "ask" (func $ask (result i32)))
    (memory 1)
    (func $none (export "none") (result i32) (i32.const 1))
    (func $calls (export "calls") (param i32) (result i32)
      (if (local.get 0) (then (local.set 0 (call $ask))))
      (i32.add (call $ask) (local.get 0)))
    (func $loops (export "loops") (param f64)
      (loop (f64.store (i32.const 0) (f64.add (local.get 0) (f64.load (i32.const 0)))) (br_if 0 (call $none)))
      (loop (br_if 0 (i32.load (i32.const 8))))))`);

/** By function index, of each hinted instruction: its name, and `likely` or `unlikely`. */
function hints(bytes: Uint8Array): Record<number, string[]> {
  const module = decodeModule(bytes);
  const { importedFunctions } = indexSpaces(module);
  const section = module.customs.filter(({ name }) => name === SECTION);
  if (section.length === 0) return {};
  expect(section).toHaveLength(1);
  const { start, end } = section[0]!.content;
  const reader = new InstructionReader(bytes, start, end);
  const found: Record<number, string[]> = {};
  for (let functions = reader.u32(); functions > 0; functions--) {
    const index = reader.u32();
    const body = module.bodyStart[index - importedFunctions]!;
    found[index] = [];
    for (let count = reader.u32(); count > 0; count--) {
      const opcode = bytes[body + reader.u32()]!;
      expect([OP_IF, OP_BR_IF]).toContain(opcode);
      expect(reader.u32()).toBe(1);
      found[index].push(`${opcodeName[opcode]} ${['unlikely', 'likely'][reader.byte()]}`);
    }
  }
  expect(reader.pos).toBe(end);
  return found;
}

test('safe points and what makes a NaN canonical have hints', () => {
  const first = 5;
  expect(hints(instrument(GUEST).module)).toEqual({
    [first + 1]: ['if unlikely', 'if unlikely'],
    [first + 2]: ['br_if likely', 'if unlikely'],
  });
});

test('clones have hints at safe points and where a NaN is made canonical', () => {
  const { continuations } = instrumentWithContinuations(GUEST);
  const { firstFunction } = continuations.facts;
  const { module } = continuations.build([{ function: firstFunction + 1, point: 0, state: 'here' }]);
  // The first call lies before the point, the second behind it.
  expect(Object.values(hints(module))).toEqual([['if unlikely']]);
});

test('hints of the original module are dropped: their offsets are no longer true', () => {
  const name = [...Buffer.from(SECTION)];
  const content = [1, 1, 1, 1, 1, 0];
  const section = [0, name.length + content.length + 1, name.length, ...name, ...content];
  const plain = wat('(module (func (export "f") (nop)))');
  expect(hints(instrument(Uint8Array.of(...plain, ...section)).module)).toEqual({});
});
