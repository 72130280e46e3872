// The limits of V8, tried on V8 itself: what is accepted compiles once rewritten, what is refused would not have.

import { describe, expect, test } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { clonesTogether } from '../../engine/instrument/fitting.js';
import { instrument, instrumentWithContinuations } from '../../engine/instrument/instrument.js';
import { scanBodies } from '../../engine/instrument/scan.js';
import { decodeModule } from '../../engine/wasm/decode.js';
import { ENGINE_LIMITS, type EngineLimit } from '../../engine/wasm/engine-limits.js';
import { InstructionReader } from '../../engine/wasm/instructions.js';
import { indexSpaces } from '../../engine/wasm/module.js';
import { validateSections } from '../../engine/wasm/sections.js';
import { Validator } from '../../engine/wasm/validate.js';
import { HEADER, leb } from '../building/bytes.js';
import * as large from '../building/large.js';

type Bytes = Uint8Array<ArrayBuffer>;

const SUSPENDABLE = { suspendable: true };

function compiles(bytes: Uint8Array): boolean {
  return WebAssembly.validate(bytes as Bytes);
}

function refusal(make: () => unknown): EpochvisorError | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    if (error instanceof EpochvisorError) return error;
    throw error;
  }
}

const rewritten = (bytes: Uint8Array, options = SUSPENDABLE) => instrument(bytes, options).module;

/** Locals, bytes of code, parameters and results: the most that any function or type of a module has. */
function most(bytes: Uint8Array) {
  const module = decodeModule(bytes);
  const validator = new Validator(module, indexSpaces(module));
  const reader = new InstructionReader(bytes);
  let [locals, bodyBytes] = [0, 0];
  module.functions.forEach((type, index) => {
    reader.pos = module.bodyStart[index]!;
    reader.end = module.bodyEnd[index]!;
    bodyBytes = Math.max(bodyBytes, reader.end - reader.pos);
    validator.begin(module.types[type]!, reader);
    locals = Math.max(locals, validator.localCount);
  });
  return {
    locals,
    bodyBytes,
    params: Math.max(...module.types.map(type => type.params.length)),
    results: Math.max(...module.types.map(type => type.results.length)),
    exports: module.exports.length,
    functions: module.functions.length,
  };
}

/** What rewriting makes too much: a module of a size, the largest that is accepted, and what is then at its limit. */
const PASSED: readonly {
  what: string;
  make: (size: number) => Bytes;
  accepted: number;
  limit: keyof ReturnType<typeof most>;
  says: RegExp;
  options?: { suspendable: boolean };
}[] = [
  {
    what: 'locals, the counter and the depth',
    make: large.withLocals,
    accepted: 49_998,
    limit: 'locals',
    says: /^function 0 at byte \d+ would have more than 50000 locals once rewritten/,
  },
  {
    what: 'locals, the counter and the depth, where the host takes no snapshots',
    make: large.withLocals,
    accepted: 49_998,
    limit: 'locals',
    says: /^function 0 at byte \d+ would have more than 50000 locals/,
    options: { suspendable: false },
  },
  {
    what: 'locals, the counter, the depth, and one for a sum that may be a NaN',
    // f64.const 0  f64.const 0  f64.add  drop, by way of a store that shows it
    make: size => large.withLocals(size, [...Array(2).fill([0x44, 0, 0, 0, 0, 0, 0, 0, 0]).flat(), 0xa0, 0xbd, 0x1a]),
    accepted: 49_997,
    limit: 'locals',
    says: /locals once rewritten/,
  },
  {
    what: 'locals for operands that live while a loop runs',
    make: large.withOperandsOverLoop,
    accepted: 49_998,
    limit: 'locals',
    says: /^function 0 at byte \d+ would have more than 50000 locals once rewritten/,
  },
  {
    what: 'operands of one block while a call is made',
    make: large.withOperandsOverCall,
    accepted: 1_000,
    limit: 'params',
    says: /^function 0 at byte \d+ would have more than 1000 operands of one block at a safe point/,
  },
  {
    what: 'parameters and the counter',
    make: size => large.withSignature(size, 0),
    accepted: 999,
    limit: 'params',
    says: /^function 1 at byte \d+ would have more than 1000 parameters once rewritten/,
  },
  {
    what: 'parameters, the counter and the depth of a function that is named',
    make: size => large.withSignature(size, 0, true),
    accepted: 998,
    limit: 'params',
    says: /^function 1 at byte \d+ would have more than 1000 parameters/,
  },
  {
    what: 'results and the counter',
    make: size => large.withSignature(0, size),
    accepted: 999,
    limit: 'results',
    says: /^function 1 at byte \d+ would have more than 1000 results/,
  },
  {
    what: 'parameters of an import and the counter',
    make: size => large.withImportedSignature(size, 0),
    accepted: 999,
    limit: 'params',
    says: /^function 0, an import, would have more than 1000 parameters/,
  },
  {
    what: 'results of an import and the counter',
    make: size => large.withImportedSignature(0, size),
    accepted: 999,
    limit: 'results',
    says: /^function 0, an import, would have more than 1000 results/,
  },
  {
    what: 'parameters of a call by table, the counter and the depth',
    make: size => large.withIndirectCall(size, 0),
    accepted: 998,
    limit: 'params',
    says: /function 0 at byte \d+ would have more than 1000 parameters/,
  },
  {
    what: 'results of a call by table and the counter',
    make: size => large.withIndirectCall(0, size),
    accepted: 999,
    limit: 'results',
    says: /function 0 at byte \d+ would have more than 1000 results/,
  },
  {
    what: 'functions and the boundary',
    make: large.withFunctions,
    accepted: 999_998,
    limit: 'functions',
    says: /^the module would have more than 1000000 functions once rewritten/,
  },
  {
    what: 'exports of all globals, for snapshots',
    make: large.withGlobals,
    accepted: 99_999,
    limit: 'exports',
    says: /^the module would have more than 100000 exports once rewritten/,
  },
];

describe('what rewriting adds passes a limit', { timeout: 120_000 }, () => {
  test.each(PASSED)('$what', ({ make, accepted, limit, says, options = SUSPENDABLE }) => {
    const result = rewritten(make(accepted), options);
    expect(compiles(result)).toBe(true);
    // There is no room for one more: the next is refused because it has to be.
    expect(most(result)[limit]).toBe(ENGINE_LIMITS[limit].most);
    const plain = make(accepted + 1);
    expect(compiles(plain)).toBe(true);
    const error = refusal(() => instrument(plain, options));
    expect(error?.code).toBe('MODULE_TOO_LARGE');
    expect(error?.message).toMatch(says);
  });

  test.each([['bytes of code', large.withBodyBytes, { suspendable: false }]])('%s', (_, make, options) => {
    const limit = ENGINE_LIMITS.bodyBytes.most;
    const first = limit - 1_000;
    const room = limit - most(rewritten(make(first), options)).bodyBytes;
    const accepted = largestAccepted(first + room - 1, first + room + 2, size => rewritten(make(size), options));
    expect(compiles(rewritten(make(accepted), options))).toBe(true);
    const error = refusal(() => instrument(make(accepted + 1), options));
    expect(error?.message).toMatch(/function 0 at byte \d+ would have more than 7654321 bytes of code once rewritten/);
  });

  test('types, with room for those of continuation modules', () => {
    const accepted = largestAccepted(999_960, 1_000_000, size => rewritten(large.withTypes(size)), 10);
    expect(accepted).toBeGreaterThan(999_950);
    expect(compiles(rewritten(large.withTypes(accepted)))).toBe(true);
  });

  test('tables: a continuation module imports them all', () => {
    const error = refusal(() => rewritten(large.withTables(100_000)));
    expect(error?.message).toMatch(/^the module would have more than 100000 (tables|exports) once rewritten/);
    expect(compiles(rewritten(large.withTables(99_999)))).toBe(true);
  });
});

/** The largest size in [from, to) that is accepted, less than `within` too small; all above it are refused. */
function largestAccepted(from: number, to: number, make: (size: number) => unknown, within = 1): number {
  let [low, high] = [from, to];
  expect(refusal(() => make(low))).toBeUndefined();
  while (high - low > within) {
    const middle = (low + high) >> 1;
    if (refusal(() => make(middle)) === undefined) low = middle;
    else high = middle;
  }
  return low;
}

describe('clones', { timeout: 120_000 }, () => {
  const STATES = ['here', 'boundary', 'callee'] as const;

  test.each([0, 1, 3])('of the largest function that is accepted compile: %i loops around a call', loops => {
    const limit = ENGINE_LIMITS.bodyBytes.most;
    const make = (size: number) => large.withCallInLoops(loops, size);
    // Refused at a few hundred bytes below what V8 would refuse, for each loop.
    const guess = Math.floor(limit / (loops + 1));
    const accepted = largestAccepted(guess - 1_000, guess, size => rewritten(make(size)), 250);
    const { continuations } = instrumentWithContinuations(make(accepted));
    const points = STATES.map(state => ({ function: continuations.facts.firstFunction, point: 0, state }));
    const { module } = continuations.build(points);
    expect(compiles(module)).toBe(true);
    expect(most(module).bodyBytes).toBeGreaterThan(limit * 0.9998);
  });

  test('of a function in the rewritten size that V8 takes can be too large: it is refused', () => {
    const size = 4_000_000;
    expect(compiles(rewritten(large.withCallInLoops(1, size), { suspendable: false }))).toBe(true);
    const error = refusal(() => rewritten(large.withCallInLoops(1, size)));
    expect(error?.code).toBe('MODULE_TOO_LARGE');
    expect(error?.message).toMatch(
      /^what continues a suspended function 0 at byte \d+ would have more than 7654321 bytes/,
    );
  });

  test('of more globals and functions than a module can import have modules of their own', () => {
    expect(clonesTogether(99_000, 900, 68)).toBeGreaterThan(1);
    expect(clonesTogether(99_000, 900, 69)).toBe(1);
  });
});

describe('what a few instructions hold is refused before it takes all memory', () => {
  test('a call at each step of a ladder of operands', () => {
    // (block i32.const 0 call 0 ...) nested: each call holds all operands below.
    const depth = 20_000;
    const step = [0x41, 0, 0x02, 0x40, 0x10, 0];
    const body = large.joined([0], large.repeated(step, depth), large.repeated([0x0b, 0x1a], depth));
    expect(refusal(() => rewritten(large.oneFunction(body)))?.code).toBe('MODULE_TOO_LARGE');
  });

  test('calls between which fifty thousand locals live', () => {
    const reads = Array.from({ length: 40_000 }, (_, local) => [0x20, ...leb(local), 0x1a]).flat();
    const code = large.joined(large.repeated([0x10, 0], 100_000), reads);
    expect(refusal(() => rewritten(large.withLocals(40_000, code)))?.code).toBe('MODULE_TOO_LARGE');
  });
});

/** What V8 itself refuses: the largest that it takes, by section or function. */
const PLAIN: readonly [what: string, make: (size: number) => Bytes, limit: EngineLimit][] = [
  ['types', large.withTypes, ENGINE_LIMITS.types],
  ['imports', large.withImports, ENGINE_LIMITS.imports],
  ['functions', large.withFunctions, ENGINE_LIMITS.functions],
  ['tables', large.withTables, ENGINE_LIMITS.tables],
  ['table elements', large.withTableElements, ENGINE_LIMITS.tableElements],
  ['globals', large.withGlobals, ENGINE_LIMITS.globals],
  ['exports', large.withExports, ENGINE_LIMITS.exports],
  ['data segments', large.withData, ENGINE_LIMITS.dataSegments],
  ['elements in a segment', large.withElements, ENGINE_LIMITS.elements],
  ['parameters', size => large.withSignature(size, 0), ENGINE_LIMITS.params],
  ['results', size => large.withSignature(0, size), ENGINE_LIMITS.results],
  ['locals', large.withLocals, ENGINE_LIMITS.locals],
  ['bytes of code', large.withBodyBytes, ENGINE_LIMITS.bodyBytes],
  ['labels', large.withLabels, ENGINE_LIMITS.labels],
];
/** Node 24 has raised these, and the others look at the size of a table only when they make it. */
const VARYING = ['imports', 'exports', 'table elements'];

/** Decoded and validated, nothing rewritten. */
function read(bytes: Uint8Array): void {
  const module = decodeModule(bytes);
  const spaces = indexSpaces(module);
  validateSections(module, spaces);
  scanBodies(module, spaces, new Map(), false);
}

describe('what the plain module has too much of', { timeout: 120_000 }, () => {
  test.each(PLAIN)('%s', (what, make, { most }) => {
    for (const size of [most - 1, most]) {
      const plain = make(size);
      expect(compiles(plain)).toBe(true);
      expect(refusal(() => read(plain))).toBeUndefined();
    }
    const plain = make(most + 1);
    if (!VARYING.includes(what)) expect(compiles(plain)).toBe(false);
    const error = refusal(() => read(plain));
    expect(error?.code).toBe('MODULE_TOO_LARGE');
    expect(error?.message).toMatch(new RegExp(`at byte \\d+ has more than ${most} `));
  });

  test('bytes', () => {
    const bytes = new Uint8Array(ENGINE_LIMITS.moduleBytes.most + 1);
    bytes.set(HEADER);
    expect(() => compiles(bytes)).toThrow(RangeError);
    expect(refusal(() => read(bytes))?.message).toMatch(/^the module has more than 1073741824 bytes/);
  });
});
