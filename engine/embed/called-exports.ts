// What can be called of a guest whose exports its embedder calls: its functions of plain numbers, with their types.

import { EpochvisorError } from '../errors/errors.js';
import { CALL_BYTES_MAX, type CallValue } from '../host/host-call.js';
import { decodeModule } from '../wasm/decode.js';
import { indexSpaces } from '../wasm/module.js';
import { F32, F64, type FunctionType, I32, I64, KIND_FUNCTION, valueTypeName } from '../wasm/types.js';

const PLAIN: readonly number[] = [I32, I64, F32, F64];
/** A read or a write carries a little more than its bytes. */
export const MOVED_BYTES_MAX = CALL_BYTES_MAX - 64;

export class CalledExports {
  readonly #types: ReadonlyMap<string, FunctionType>;

  /** Undefined for a guest that runs by itself: it has `_start`. @throws EpochvisorError as the decoder does */
  static of(bytes: Uint8Array): CalledExports | undefined {
    const module = decodeModule(bytes);
    const { functions } = indexSpaces(module);
    const exported = module.exports.filter(({ kind }) => kind === KIND_FUNCTION);
    if (exported.length === 0 || exported.some(({ name }) => name === '_start')) return undefined;
    return new CalledExports(new Map(exported.map(({ name, index }) => [name, module.types[functions[index]!]!])));
  }

  private constructor(types: ReadonlyMap<string, FunctionType>) {
    this.#types = types;
  }

  /** A wrong call is refused before the guest hears of it. @throws EpochvisorError CALL_UNKNOWN, CALL_ARGUMENTS */
  check(name: string, values: readonly CallValue[]): void {
    const type = this.#types.get(name);
    if (type === undefined) {
      const names = [...this.#types.keys()].join(', ');
      throw new EpochvisorError('CALL_UNKNOWN', `the guest exports no function ${name}`, `it has: ${names}`);
    }
    const shown = `(${type.params.map(valueTypeName).join(', ')}) -> (${type.results.map(valueTypeName).join(', ')})`;
    if ([...type.params, ...type.results].some(one => !PLAIN.includes(one))) {
      const what = `${name} is ${shown}, and only numbers cross from one machine to another`;
      throw new EpochvisorError('CALL_ARGUMENTS', what, 'give it a number for what it means');
    }
    const fits = (value: unknown, at: number) => typeof value === (type.params[at] === I64 ? 'bigint' : 'number');
    if (values.length !== type.params.length || !values.every(fits)) {
      const given = values.map(value => typeof value).join(', ');
      throw new EpochvisorError(
        'CALL_ARGUMENTS',
        `${name} is ${shown}, and was given (${given})`,
        'an i64 is a bigint',
      );
    }
  }
}
