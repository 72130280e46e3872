// What modules are refused for that V8 would run: later proposals. They are only not supported yet: each needs its part in
// counting, unwinding and snapshots.

import { EpochvisorError } from '../errors/errors.js';
import { BYTE_FC } from './opcodes.js';

interface UnsupportedFeature {
  /** As in `function 3 uses exceptions`. */
  readonly name: string;
  /** As in `exceptions, which are not supported yet`. */
  readonly why: string;
  /** How to build without it. */
  readonly hint: string;
}

const ARE_NOT_YET = 'which are not supported yet';
const IS_NOT_YET = 'which is not supported yet';

export const UNSUPPORTED = {
  importedTags: {
    name: 'exceptions of another module (an imported tag)',
    why: ARE_NOT_YET,
    hint: 'link the module statically, so that it has the tag itself',
  },
  keptExceptions: {
    name: 'references to exceptions in tables, globals, other exceptions or signatures that others see',
    why: ARE_NOT_YET,
    hint: 'keep them in locals, as compilers do, or what they were made of in memory',
  },
  nullExceptions: {
    name: 'the type nullexnref',
    why: IS_NOT_YET,
    hint: 'compile for exnref, which holds null as well',
  },
  garbageCollection: {
    name: 'garbage collection',
    why: IS_NOT_YET,
    hint: 'compile with a toolchain that keeps its objects in linear memory',
  },
  functionReferences: {
    name: 'typed function references',
    why: ARE_NOT_YET,
    hint: 'compile for WebAssembly 2.0, where calls go through tables',
  },
  severalMemories: { name: 'more than one memory', why: IS_NOT_YET, hint: 'compile without -mmultimemory' },
  memory64: { name: '64-bit memories', why: ARE_NOT_YET, hint: 'compile for wasm32 in place of wasm64' },
  components: {
    name: 'the component model',
    why: IS_NOT_YET,
    hint: 'build a core module: for wasm32-wasip1 in place of wasm32-wasip2',
  },
  wideArithmetic: { name: 'wide arithmetic', why: IS_NOT_YET, hint: 'compile without -mwide-arithmetic' },
  stackSwitching: { name: 'stack switching', why: IS_NOT_YET, hint: 'compile for WebAssembly 2.0' },
} as const satisfies Record<string, UnsupportedFeature>;

/** The error for a well-formed module that uses one of them. */
export function unsupported({ name, why, hint }: UnsupportedFeature, where: string, offset: number): EpochvisorError {
  return new EpochvisorError('MODULE_UNSUPPORTED', `${where} uses ${name} at byte ${offset}, ${why}`, hint);
}

/** Which of them an opcode that we do not know belongs to. */
export function featureOfOpcode(first: number, second: number): UnsupportedFeature | undefined {
  if (first === 0xfb) return UNSUPPORTED.garbageCollection;
  if (first === BYTE_FC && second >= 0x13 && second <= 0x16) return UNSUPPORTED.wideArithmetic;
  if (first === 0x14 || first === 0x15 || (first >= 0xd4 && first <= 0xd6)) return UNSUPPORTED.functionReferences;
  if (first === 0xd3) return UNSUPPORTED.garbageCollection;
  if (first >= 0xe0 && first <= 0xe6) return UNSUPPORTED.stackSwitching;
  return undefined;
}

/** Which of them a type (of a value, a heap, a table) that we do not know belongs to, by its first byte. */
export function featureOfType(byte: number): UnsupportedFeature | undefined {
  // An index of a type, as in `ref.null 3`.
  if (byte < 0x40) return UNSUPPORTED.functionReferences;
  switch (byte) {
    case 0x74:
      return UNSUPPORTED.nullExceptions;
    case 0x63:
    case 0x64:
      return UNSUPPORTED.functionReferences;
    case 0x68:
    case 0x75:
      return UNSUPPORTED.stackSwitching;
    default:
      return byte >= 0x60 && byte < 0x80 ? UNSUPPORTED.garbageCollection : undefined;
  }
}
