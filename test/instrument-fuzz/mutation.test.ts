// Damaged modules: we accept what V8 accepts, and refuse the rest with a typed error.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { instrument } from '../../engine/instrument/instrument.js';
import { loadScript } from '../spec/suite.js';
import { Choices } from './choices.js';
import { mutate } from './mutations.js';
import { buildProgram } from './program.js';
import { checkRandomly, decisions, PATIENCE_MS } from './seeds.js';

/** Modules of the core test scripts that between them hold every section and most instructions. */
const SCRIPTS = [
  'bulk',
  'call_indirect',
  'elem',
  'data',
  'imports',
  'br_table',
  'select',
  'names',
  'simd_lane',
  'custom',
];

const corpus: readonly Uint8Array[] = SCRIPTS.flatMap(name =>
  loadScript(name).commands.flatMap(command => ('bytes' in command ? [command.bytes] : [])),
);

/** What `instrument` makes of hostile bytes: a module, or the code of a typed error. Anything else escapes. */
function rewrite(bytes: Uint8Array): Uint8Array<ArrayBuffer> | string {
  try {
    return instrument(bytes).module as Uint8Array<ArrayBuffer>;
  } catch (error) {
    if (error instanceof EpochvisorError) return error.code;
    throw error;
  }
}

/** `ref.null exn  throw_ref`: whether this V8 has the standard form of exceptions, which is lowered for those that do not. */
const STANDARD = [
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 7, 1, 5, 0, 0xd0, 0x69, 0x0a, 0x0b,
];
const HAS_STANDARD = WebAssembly.validate(Uint8Array.from(STANDARD));

/** What V8 says where it refuses a module for what is replaced here before it comes to V8. */
const REPLACED = [
  ...(HAS_STANDARD ? [] : [/Invalid opcode 0x(1f|a)\b|invalid (value|heap) type/]),
  // Relaxed vector instructions.
  /[Ii]nvalid (simd|opcode) 0xfd1[0-9a-f]{2}\b/,
  // Constant expressions that reckon, and that name globals of the module.
  /not allowed in constant expressions|constant expression/,
];

/** V8 refuses a module for what only lowering knows here. */
function isReplaced(bytes: Uint8Array<ArrayBuffer>): boolean {
  try {
    new WebAssembly.Module(bytes);
    return false;
  } catch (error) {
    return REPLACED.some(one => one.test((error as Error).message));
  }
}

/** Rewritten modules are valid exactly when the original is; only what is not supported or too large may be refused for all that. */
function expectSameValidity(bytes: Uint8Array<ArrayBuffer>): void {
  const rewritten = rewrite(bytes);
  if (rewritten === 'MODULE_UNSUPPORTED' || rewritten === 'MODULE_TOO_LARGE') return;
  const accepted = typeof rewritten !== 'string' && WebAssembly.validate(rewritten);
  if (accepted && isReplaced(bytes)) return;
  expect({ accepted, rewritten: typeof rewritten === 'string' ? rewritten : 'a module' }).toEqual({
    accepted: WebAssembly.validate(bytes),
    rewritten: expect.any(String),
  });
}

describe('damaged modules', { timeout: PATIENCE_MS }, () => {
  test('of random programs are accepted exactly when V8 accepts them, else refused with a typed error', () => {
    checkRandomly('damaged programs', 400, fc.tuple(decisions, decisions), ([program, damage]) => {
      const bytes = buildProgram(program, { nanBits: true, counted: false });
      expectSameValidity(mutate(bytes, new Choices(damage)));
    });
  });

  test('of random programs with exceptions are accepted exactly when V8 accepts them, else refused', () => {
    checkRandomly('damaged exceptions', 400, fc.tuple(decisions, decisions), ([program, damage]) => {
      const bytes = buildProgram(program, { nanBits: true, counted: false, exceptions: true });
      expectSameValidity(mutate(bytes, new Choices(damage)));
    });
  });

  test('of the core test scripts are accepted exactly when V8 accepts them, else refused with a typed error', () => {
    checkRandomly('damaged scripts', 2000, fc.tuple(fc.nat(corpus.length - 1), decisions), ([index, damage]) => {
      expectSameValidity(mutate(corpus[index]!, new Choices(damage)));
    });
  });

  test('cut short at any byte are refused with a typed error or as valid as V8 says', () => {
    for (const bytes of corpus.slice(0, 40)) {
      for (let length = 0; length < Math.min(bytes.length, 400); length++) {
        expectSameValidity(bytes.slice(0, length) as Uint8Array<ArrayBuffer>);
      }
    }
  });

  test('of nothing but noise are refused with a typed error', () => {
    checkRandomly('noise', 300, fc.uint8Array({ maxLength: 300 }), noise => {
      const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...noise]);
      expectSameValidity(bytes);
    });
  });
});
