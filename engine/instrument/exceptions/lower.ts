// Lowering: a module with exceptions, of either form, becomes one without, in which an exception is a way to return.
//
// The problem. V8's exceptions cannot be used: a frame in a handler could not be saved, Node 20 knows the legacy form only,
// and the counter, which travels as a result, would have to be looked for elsewhere by each handler. A call would have to
// leave it in memory before, for whatever it calls might throw.
//
// The design. Every call is followed by a test of the counter anyway, for being negative (unwind.ts). So a function that is
// left by an exception returns: zeros for its results, and THROWN, a value that counting cannot reach, for the counter,
// which itself waits in its global. Behind the existing test, in the cold, the caller sees THROWN and branches to
// its handler, or returns in the same way. Nothing is added to the path that is hot; what has been charged stays
// charged, once; the depth of the stack is the caller's own. A throw costs what returning costs, where V8 walks the stack
// from C++. No handler sees what is no exception: traps and the machine's own unwinding go other ways.
//
//   try T body                   block T
//   catch $t  h                    block (params)
//   catch_all  i                     body             a call: after it, br_if_thrown 0; a throw: br 0
//   end                              br 1
//                                  end
//                                  the tag is $t ?    if  what it carries  h  br 1  end
//                                  i
//                                end
//
//   throw $t                     what it carries and the tag to globals (carried.ts), then to the handler around, or
//                                return_thrown
//   rethrow                      the same from the locals to which the handler copied them
//   delegate l                   in place of a dispatch: to the handler around l
//   try_table                    like try; a clause's arm is what it carries, and a branch
//   exnref                       a package: the tag and all that exceptions carry, as values of their own
//   throw_ref                    the package to the globals; a null traps
//
// So a frame stands in blocks and nothing else, and is saved and continued like any other (continuation/resumption.ts).
// What is rewritten, counted and validated again is the lowered module: an instruction count is one of lowered code, the
// same on every Node, whatever it has of exceptions.
//
// Rejected: V8's own exceptions with the counter in a global before each throw, for a trap, a kill and an end would have to
// be told from them in every catch_all, and handlers be cut in two for snapshots; a module for each version of Node besides.

import { checkLimit, ENGINE_LIMITS } from '../../wasm/engine-limits.js';
import { type Global, indexSpaces, type Module, type Range } from '../../wasm/module.js';
import { describeFunction } from '../../wasm/names.js';
import { OP_END } from '../../wasm/opcodes.js';
import { EXNREF, type FunctionType, KIND_FUNCTION, KIND_TAG } from '../../wasm/types.js';
import { UNSUPPORTED, unsupported } from '../../wasm/unsupported.js';
import { Writer } from '../../wasm/writer.js';
import { CodeWriter } from '../code.js';
import { Carried } from './carried.js';
import { BodyLowering } from './lowered-body.js';

/** True if the sections of a module say that it has exceptions; else its code may still have blocks that catch none. */
export function declaresExceptions({ tags, types }: Module): boolean {
  return tags.length > 0 || types.some(({ params, results }) => params.includes(EXNREF) || results.includes(EXNREF));
}

/**
 * The module without exceptions. Its sections have been validated; bodies are, here.
 *
 * @throws EpochvisorError MODULE_MALFORMED, MODULE_INVALID, MODULE_UNSUPPORTED, MODULE_TOO_LARGE
 */
export function lowerExceptions(module: Module, names: ReadonlyMap<number, string>): Module {
  const spaces = indexSpaces(module);
  const carried = new Carried(module, spaces.globals.length);
  refuseSeenReferences(module, spaces.functions);
  const types = module.types.map((type, index): FunctionType => {
    const flat = carried.flatType(type);
    checkLimit(ENGINE_LIMITS.params, flat.params.length, `type ${index}`, 'rewritten');
    checkLimit(ENGINE_LIMITS.results, flat.results.length, `type ${index}`, 'rewritten');
    return flat;
  });
  const bytes = new Writer(module.bytes.length * 2);
  bytes.append(module.bytes);
  const bodyStart = module.bodyStart.slice();
  const bodyEnd = module.bodyEnd.slice();
  const lowering = new BodyLowering(module, spaces, carried, types);
  for (let index = 0; index < module.functions.length; index++) {
    if (!lowering.lower(index, describeFunction(spaces.importedFunctions + index, names))) continue;
    bodyStart[index] = bytes.length;
    lowering.append(bytes);
    bodyEnd[index] = bytes.length;
  }
  const globals = carried.package.map(
    (value): Global => ({ type: { value, mutable: true }, value: zero(bytes, value) }),
  );
  return {
    ...module,
    bytes: bytes.take(),
    types,
    tags: [],
    globals: [...module.globals, ...globals],
    exports: module.exports.filter(({ kind }) => kind !== KIND_TAG),
    bodyStart,
    bodyEnd,
    lowered: true,
  };
}

/** Appends the constant expression of a zero. */
function zero(bytes: Writer, type: number): Range {
  const start = bytes.length;
  const code = new CodeWriter(32);
  code.zero(type);
  code.op(OP_END);
  bytes.append(code.bytes);
  return { start, end: bytes.length };
}

/** Others would see packages in place of references. */
function refuseSeenReferences(module: Module, functions: Uint32Array): void {
  const seen = [
    ...module.imports.flatMap(item => (item.kind === KIND_FUNCTION ? [item.type] : [])),
    ...module.exports.flatMap(item => (item.kind === KIND_FUNCTION ? [functions[item.index]!] : [])),
  ];
  for (const index of seen) {
    const { params, results } = module.types[index]!;
    if (!params.includes(EXNREF) && !results.includes(EXNREF)) continue;
    throw unsupported(UNSUPPORTED.keptExceptions, 'the type of an import or export', module.bytes.length);
  }
}

/** Said by the scan of a module that was not lowered: its code has what is to be lowered, though its sections do not say so. */
export class ExceptionsFound extends Error {}
