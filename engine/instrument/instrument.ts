// The instrumenter: a module in, the same module out with its instructions counted and its safe points in place.
//
// decode, refuse what cannot run deterministically, scan all bodies (validation, charges), write glue, rewrite bodies,
// encode. Each step is a file; the ideas stand at the top of charges.ts, rewrite.ts, loops.ts, unwind.ts, bulk.ts, layout.ts
// and glue.ts.

import { EpochvisorError } from '../errors/errors.js';
import { decodeModule, MEMORY_PAGES_MAX } from '../wasm/decode.js';
import { checkLimit, ENGINE_LIMITS } from '../wasm/engine-limits.js';
import { indexSpaces, type Module } from '../wasm/module.js';
import { functionNames } from '../wasm/names.js';
import { validateSections } from '../wasm/sections.js';
import { Writer } from '../wasm/writer.js';
import { addBoundary } from './boundary.js';
import { BranchHints } from './branch-hints.js';
import { callGraph } from './callgraph.js';
import { Continuations } from './continuation/continuation.js';
import { type ContinuationFacts, continuationFacts } from './continuation/facts.js';
import { declaresExceptions, ExceptionsFound, lowerExceptions } from './exceptions/lower.js';
import { checkModule, checkSignatures } from './fitting.js';
import { addImportWrappers, findInterruptHandler, rewrittenExports } from './glue.js';
import { compilationHints, optimisedFirst } from './hints.js';
import { Layout } from './layout.js';
import {
  type InstrumentOptions,
  type InstrumentReport,
  MAX_MEMORY_DEFAULT,
  MAX_TABLE_ELEMENTS,
  PAGE_BYTES,
} from './options.js';
import { refuseReservedNames } from './reserved.js';
import { BodyRewriter } from './rewrite.js';
import type { RewriteContext } from './rewrite-context.js';
import { writeModule } from './rewritten-sections.js';
import { scanBodies } from './scan.js';
import { ownMemories, shareMemory } from './shared-memory.js';
import { foldConstants } from './substitution/constants.js';
import { ReplaceableFound, substituteInstructions } from './substitution/substitute.js';

export type { InstrumentOptions, InstrumentReport } from './options.js';

interface Instrumented {
  readonly module: Uint8Array;
  readonly report: InstrumentReport;
  /** What continuing needs to know, for suspendable modules. */
  readonly facts: ContinuationFacts | undefined;
}

/**
 * Like `instrument`, with what makes continuation modules for the result; for suspendable modules only.
 *
 * @throws EpochvisorError as `instrument` does
 */
export function instrumentWithContinuations(
  bytes: Uint8Array,
  options: InstrumentOptions = {},
): Instrumented & { readonly continuations: Continuations } {
  const instrumented = instrument(bytes, { ...options, suspendable: true });
  return { ...instrumented, continuations: new Continuations(bytes, options, instrumented.facts!) };
}

/**
 * Rewrites a WebAssembly module so that it counts its instructions and calls the machine at safe points.
 * The result has the same imports (and those of reserved.ts) and the same exports.
 *
 * @throws EpochvisorError NOT_WASM, MODULE_MALFORMED, MODULE_INVALID, MODULE_UNSUPPORTED, MODULE_TOO_LARGE,
 *   NAME_RESERVED, INTERRUPT_HANDLER_TYPE, MEMORY_LIMIT
 */
export function instrument(bytes: Uint8Array, options: InstrumentOptions = {}): Instrumented {
  const decoded = decodeModule(bytes);
  refuseReservedNames(decoded);
  const maxMemoryPages = memoryLimit(decoded, options);
  const valid = options.standsAlone ? shareMemory(decoded, maxMemoryPages) : decoded;
  validateSections(valid, indexSpaces(valid));
  const plain = foldConstants(valid);
  const names = functionNames(plain);
  const counting = options.counting ?? 'block';
  const { module, spaces, scan } = scanned(plain, names, counting === 'block');
  const layout = new Layout(module, spaces, callGraph(module, spaces, scan), options);
  checkSignatures({ layout, names });
  const handler = findInterruptHandler(layout, options.interruptHandler);
  const boundary = addBoundary(layout, handler);
  addImportWrappers(layout, boundary);
  const context: RewriteContext = {
    layout,
    scan,
    boundary,
    exact: counting === 'exact',
    maxMemoryPages,
    maxTableElements: MAX_TABLE_ELEMENTS,
    names,
  };
  const exports = rewrittenExports(layout);
  const { bodies, hints, safePoints, referencePoints } = rewriteBodies(context);
  const functionHints = compilationHints(optimisedFirst(module, spaces, scan), layout.functionCount);
  checkModule(layout, exports);
  const rewritten = writeModule(layout, exports, bodies, [...functionHints, ...hints.sections()]);
  checkLimit(ENGINE_LIMITS.moduleBytes, rewritten.length, 'the module', 'rewritten');
  const report: InstrumentReport = {
    counting,
    start: module.start !== undefined,
    interruptHandler: handler !== undefined,
    functions: module.functions.length,
    loops: scan.loops,
    calls: scan.calls,
    safePoints,
    suspendable: layout.save !== undefined,
    referencePoints,
    bytesBefore: bytes.length,
    bytesAfter: rewritten.length,
  };
  const facts = report.suspendable ? continuationFacts(context, handler) : undefined;
  return { module: rewritten, report, facts };
}

/** The module, of plain instructions (substitution) and without exceptions, and what the scan of its bodies found. */
function scanned(plain: Module, names: ReadonlyMap<number, string>, unrolls: boolean) {
  try {
    return scannedPlain(plain, names, unrolls);
  } catch (error) {
    if (!(error instanceof ReplaceableFound)) throw error;
    return scannedPlain(substituteInstructions(plain, names), names, unrolls);
  }
}

/** The module, lowered where it has exceptions (exceptions/lower.ts), and what the scan found. */
function scannedPlain(plain: Module, names: ReadonlyMap<number, string>, unrolls: boolean) {
  const scan = (module: Module) => {
    const spaces = indexSpaces(module);
    return { module, spaces, scan: scanBodies(module, spaces, names, unrolls) };
  };
  if (declaresExceptions(plain)) return scan(lowerExceptions(plain, names));
  try {
    return scan(plain);
  } catch (error) {
    if (!(error instanceof ExceptionsFound)) throw error;
    return scan(lowerExceptions(plain, names));
  }
}

function rewriteBodies(context: RewriteContext) {
  const { module } = context.layout;
  const rewriter = new BodyRewriter(context);
  const bodies = new Writer(module.bytes.length * 2);
  const hints = new BranchHints();
  let referencePoints = 0;
  for (let index = 0; index < module.functions.length; index++) {
    rewriter.rewrite(index);
    referencePoints += rewriter.referencePoints;
    bodies.u32(rewriter.code.length);
    bodies.append(rewriter.code.bytes);
    checkLimit(ENGINE_LIMITS.moduleBytes, bodies.length, 'the module', 'rewritten');
    hints.add(context.layout.firstFunction + index, rewriter.code.hints);
  }
  return { bodies: bodies.bytes, hints, safePoints: rewriter.safePoints, referencePoints };
}

/** The growth limit in pages; refuses a memory that begins above it. */
function memoryLimit(module: Module, options: InstrumentOptions): number {
  const bytes = options.maxMemory ?? MAX_MEMORY_DEFAULT;
  const pages = Math.min(Math.floor(bytes / PAGE_BYTES), MEMORY_PAGES_MAX);
  const [memory] = options.standsAlone ? ownMemories(module) : module.memories;
  if (memory === undefined || memory.minimum <= pages) return pages;
  throw new EpochvisorError(
    'MEMORY_LIMIT',
    `the module starts with ${memory.minimum} pages of memory, and the limit is ${pages}`,
    'raise it with --max-memory',
  );
}
