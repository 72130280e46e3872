// The bits of a script's constants: a module that stores them tells, so that nobody here reads `-0x1.fffffep+127`.

import { watUnchecked } from '../../building/wat.js';
import { isReference, type NumberType, type Value } from '../commands.js';
import { type List, wordsOf } from './forms.js';

const PAGE_BYTES = 65_536;
/** Room for the widest constant. */
const SLOT_BYTES = 16;
/** Constants a function: V8 refuses a function of more than 7.6 MB, and each takes at most 30 bytes. */
const STORES_MAX = 10_000;

const LANES = {
  i8x16: { lane: 'i8', bytes: 1 },
  i16x8: { lane: 'i16', bytes: 2 },
  i32x4: { lane: 'i32', bytes: 4 },
  i64x2: { lane: 'i64', bytes: 8 },
  f32x4: { lane: 'f32', bytes: 4 },
  f64x2: { lane: 'f64', bytes: 8 },
} as const;

/** Forms such as `(f32.const 1)` or `(f32.const nan:canonical)`, and the values that they stand for. */
export class Constants {
  readonly #slots: ReadonlyMap<string, number>;
  readonly #memory: DataView;

  /** @param forms every form that `value` will be asked for */
  constructor(forms: readonly List[]) {
    const stores = new Set(forms.map(wordsOf).filter(isNumber).map(storeOf));
    this.#slots = new Map([...stores].map((store, slot) => [store, slot]));
    this.#memory = run(this.#slots);
  }

  /** Throws where the form is no constant. */
  value(form: List): Value {
    const words = wordsOf(form);
    const [head, first] = words;
    const reference = `${first}ref`;
    if (head === 'ref.null' && isReference(reference)) return { type: reference, value: 'null' };
    if (head === 'ref.extern') return first === undefined ? { type: 'externref' } : { type: 'externref', value: first };
    if (head === 'ref.func') return { type: 'funcref' };
    const slot = isNumber(words) ? this.#slots.get(storeOf(words)) : undefined;
    if (slot === undefined) throw new Error(`test script, line ${form.line}: ${words.join(' ')} is no constant`);
    return this.#number(typeOf(words), slot * SLOT_BYTES, words.slice(1));
  }

  #number(type: NumberType, at: number, [first, ...lanes]: readonly string[]): Value {
    const read = (text: string, offset: number, bytes: 1 | 2 | 4 | 8) =>
      isPattern(text) ? text : bits(this.#memory, at + offset, bytes);
    if (type !== 'v128') return { type, value: read(first!, 0, type.endsWith('32') ? 4 : 8) };
    const { lane, bytes } = LANES[first as keyof typeof LANES];
    return { type, lane_type: lane, value: lanes.map((text, index) => read(text, index * bytes, bytes)) };
  }
}

function isNumber([head]: readonly string[]): boolean {
  return /^([if](32|64)|v128)\.const$/.test(head ?? '');
}

function typeOf([head]: readonly string[]): NumberType {
  return head!.replace('.const', '') as NumberType;
}

/** What a NaN has to be like: an expectation, not a constant. */
function isPattern(word: string): boolean {
  return word === 'nan:canonical' || word === 'nan:arithmetic';
}

/** The instruction that stores a constant at ADDRESS; in place of a pattern, zero. */
function storeOf(words: readonly string[]): string {
  const constant = words.map(word => (isPattern(word) ? '0' : word)).join(' ');
  return `(${typeOf(words)}.store ADDRESS (${constant}))`;
}

/** A memory in which every store of the map has been done, at its slot. */
function run(slots: ReadonlyMap<string, number>): DataView {
  const stores = [...slots].map(([store, slot]) => store.replace('ADDRESS', `(i32.const ${slot * SLOT_BYTES})`));
  const functions: string[] = [];
  for (let at = 0; at < stores.length; at += STORES_MAX) {
    functions.push(`(func (export "${at}") ${stores.slice(at, at + STORES_MAX).join('\n')})`);
  }
  const pages = Math.ceil((slots.size * SLOT_BYTES) / PAGE_BYTES);
  const text = `(module (memory (export "memory") ${pages}) ${functions.join('\n')})`;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(watUnchecked(Buffer.from(text))));
  for (const store of Object.values(exports)) if (typeof store === 'function') store();
  return new DataView((exports.memory as WebAssembly.Memory).buffer);
}

function bits(memory: DataView, at: number, bytes: 1 | 2 | 4 | 8): string {
  if (bytes === 1) return String(memory.getUint8(at));
  if (bytes === 2) return String(memory.getUint16(at, true));
  if (bytes === 4) return String(memory.getUint32(at, true));
  return String(memory.getBigUint64(at, true));
}
