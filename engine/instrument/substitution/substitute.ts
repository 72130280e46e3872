// Substitution: instructions whose result the processor or another thread would choose become plain ones, before anything is counted.
//
// Relaxed vector operations give what the deterministic profile of WebAssembly 3.0 says, on every processor and every Node
// (relaxed.ts). Atomics become plain loads and stores, for a guest has one thread (atomics.ts). Operands go to new locals
// where a replacement needs them twice; nothing else of a body changes, so a module without such instructions is left as it
// is. What is counted, validated again and continued is the module with the replacements.

import { ENGINE_LIMITS, tooMany } from '../../wasm/engine-limits.js';
import { InstructionReader } from '../../wasm/instructions.js';
import { type IndexSpaces, indexSpaces, type Module } from '../../wasm/module.js';
import { describeFunction } from '../../wasm/names.js';
import { OP_RELAXED_FIRST, PREFIX_FE } from '../../wasm/opcodes.js';
import { Reader } from '../../wasm/reader.js';
import { invalid, Validator } from '../../wasm/validate.js';
import { Writer } from '../../wasm/writer.js';
import { CodeWriter } from '../code.js';
import { writeAtomic } from './atomics.js';
import { writeRelaxed } from './relaxed.js';
import { Temporaries } from './temporaries.js';

/** Said by the scan of a module in which nothing was replaced: its code has what is to be. */
export class ReplaceableFound extends Error {}

/**
 * The module with plain instructions only. Its sections have been validated; bodies are, here.
 *
 * @throws EpochvisorError MODULE_MALFORMED, MODULE_INVALID, MODULE_UNSUPPORTED, MODULE_TOO_LARGE
 */
export function substituteInstructions(module: Module, names: ReadonlyMap<number, string>): Module {
  const spaces = indexSpaces(module);
  const bytes = new Writer(module.bytes.length * 2);
  bytes.append(module.bytes);
  const bodyStart = module.bodyStart.slice();
  const bodyEnd = module.bodyEnd.slice();
  const body = new BodySubstitution(module, spaces);
  for (let index = 0; index < module.functions.length; index++) {
    if (!body.substitute(index, describeFunction(spaces.importedFunctions + index, names))) continue;
    bodyStart[index] = bytes.length;
    body.append(bytes);
    bodyEnd[index] = bytes.length;
  }
  return { ...module, bytes: bytes.take(), bodyStart, bodyEnd, substituted: true };
}

class BodySubstitution {
  readonly #module: Module;
  readonly #shared: boolean;
  readonly #validator: Validator;
  readonly #reader: InstructionReader;
  readonly #code = new CodeWriter(1 << 14);
  readonly #head = new CodeWriter(256);

  constructor(module: Module, spaces: IndexSpaces) {
    this.#module = module;
    this.#shared = module.threaded ?? spaces.memories[0]?.shared === true;
    this.#validator = new Validator(module, spaces);
    this.#reader = new InstructionReader(module.bytes);
  }

  /** Writes the body of defined function `index` anew; false if there is nothing to replace. @param where for messages */
  substitute(index: number, where: string): boolean {
    const { bodyStart, bodyEnd, types, functions } = this.#module;
    const reader = this.#reader;
    const validator = this.#validator;
    const code = this.#code;
    reader.pos = bodyStart[index]!;
    reader.end = bodyEnd[index]!;
    reader.where = where;
    validator.begin(types[functions[index]!]!, reader);
    validator.replaceable = false;
    const declared = reader.pos;
    const temporaries = new Temporaries(validator.localCount, `${where} at byte ${bodyStart[index]}`);
    code.clear();
    while (validator.depth > 0) {
      reader.next();
      validator.step(reader);
      const { opcode } = reader;
      if (opcode >= PREFIX_FE) writeAtomic(code, temporaries, opcode, reader.offset, this.#shared);
      else if (opcode >= OP_RELAXED_FIRST) writeRelaxed(code, temporaries, opcode);
      else code.copy(reader.bytes, reader.start, reader.pos);
      if (code.length > ENGINE_LIMITS.bodyBytes.most) {
        throw tooMany(ENGINE_LIMITS.bodyBytes, `${where} at byte ${bodyStart[index]}`, 'rewritten');
      }
    }
    if (!reader.done) throw invalid('operators remaining after end of function', where, reader.pos);
    if (validator.replaceable) this.#declareLocals(bodyStart[index]!, declared, temporaries);
    return validator.replaceable;
  }

  /** The declarations as they are, and then the new ones. */
  #declareLocals(start: number, end: number, { types }: Temporaries): void {
    const { bytes } = this.#module;
    const reader = new Reader(bytes, start, end);
    const head = this.#head;
    head.clear();
    head.u32(reader.u32() + types.length);
    head.copy(bytes, reader.pos, end);
    for (const type of types) {
      head.u32(1);
      head.byte(type);
    }
  }

  /** Appends the latest body. */
  append(bytes: Writer): void {
    bytes.append(this.#head.bytes);
    bytes.append(this.#code.bytes);
  }
}
