// Whether a module is a guest that this machine can run: every import is one that hardware or kernel has, with its type.

import { EpochvisorError } from '../errors/errors.js';
import { signatureOf } from '../host/host-signature.js';
import type { DeclaredFunction } from '../host/loaded-host.js';
import { decodeModule } from '../wasm/decode.js';
import { indexSpaces, type Module } from '../wasm/module.js';
import { type FunctionType, KIND_FUNCTION, KIND_MEMORY, valueTypeName } from '../wasm/types.js';
import { HARDWARE_MODULE } from './hardware.js';
import { WASI_IMPORTS, WASI_MODULE, WASI_THREADS_IMPORTS, WASI_THREADS_MODULE } from './wasi-imports.js';

/** What the virtual hardware offers, in the notation of messages. */
const HARDWARE: Readonly<Record<string, string>> = {
  clock: '(i32) -> (i64)',
  random: '() -> (i64)',
  stream_read: '(i32, i32, i32) -> (i32)',
  stream_write: '(i32, i32, i32) -> (i32)',
  stream_accept: '(i32) -> (i32)',
  stream_ready: '(i32, i32) -> (i32)',
  stream_end: '(i32) -> (i32)',
  stream_close: '(i32) -> (i32)',
  interrupt_enable: '(i32) -> (i32)',
  device_size: '(i32) -> (i64)',
  arguments_size: '() -> (i32)',
  arguments_read: '(i32) -> (i32)',
  timer_set: '(i64) -> ()',
  operation_start: '(i64, i32, i32, i64, i32, i32) -> (i32)',
  exit: '(i32) -> ()',
  wait: '() -> ()',
};

const OFFERED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [HARDWARE_MODULE]: HARDWARE,
  [WASI_MODULE]: WASI_IMPORTS,
  [WASI_THREADS_MODULE]: WASI_THREADS_IMPORTS,
};

const START = '_start';

/** A bare guest has the virtual hardware for itself; a WASI program has a kernel between. */
export type GuestKind = 'bare' | 'wasi';

/**
 * @param host functions of the embedder, which it may import, too
 * @param calls its exports are called, in the place of `_start`
 * @throws EpochvisorError NOT_WASM, MODULE_MALFORMED as the decoder says; GUEST_IMPORT: an import that we do not have, or
 * imports of both kinds; GUEST_NO_START: nothing to run; GUEST_NO_MEMORY: a WASI program whose memory can't be reached
 */
export function checkGuest(bytes: Uint8Array, host: readonly DeclaredFunction[] = [], calls = false): GuestKind {
  const module = decodeModule(bytes);
  const declared = new Map(host.map(one => [`${one.module}.${one.name}`, signatureOf(one)]));
  for (const item of module.imports) {
    // The instrumenter makes it the program's own.
    if (item.kind === KIND_MEMORY && item.type.shared === true) continue;
    const name = `${item.module}.${item.name}`;
    const offered = OFFERED[item.module]?.[item.name] ?? declared.get(name);
    if (item.kind !== 0 || offered === undefined) throw missing(name, item.module);
    const wanted = notation(module.types[item.type]);
    if (wanted !== offered) {
      const message = `the guest imports ${name} as ${wanted}, which is ${offered} here`;
      const hint = declared.has(name)
        ? 'docs/embedding.md says how kinds are passed'
        : 'build it against the guest library of this version';
      throw new EpochvisorError('GUEST_IMPORT', message, hint);
    }
  }
  const modules = new Set(
    module.imports.filter(item => item.kind === KIND_FUNCTION && item.module in OFFERED).map(item => item.module),
  );
  const threads = modules.delete(WASI_THREADS_MODULE);
  if (modules.size > 1 || (threads && modules.has(HARDWARE_MODULE))) {
    const message = `the guest imports both '${HARDWARE_MODULE}' and '${WASI_MODULE}'`;
    throw new EpochvisorError('GUEST_IMPORT', message, 'a WASI program reaches the hardware through the kernel only');
  }
  const kind = modules.has(WASI_MODULE) || threads ? 'wasi' : 'bare';
  if (!calls) checkStart(module, kind);
  checkMemory(module, kind);
  return kind;
}

function checkStart(module: Module, kind: GuestKind): void {
  const type = startType(module);
  if (type === undefined) {
    const reactor = kind === 'wasi' && module.exports.some(item => item.name === '_initialize');
    const hint = reactor
      ? 'it is a library (a WASI reactor): call its exports with a Machine (docs/embedding.md), or build a command'
      : 'a guest begins there';
    throw new EpochvisorError('GUEST_NO_START', `the guest exports no function ${START}`, hint);
  }
  if (notation(type) !== '() -> ()') {
    throw new EpochvisorError('GUEST_NO_START', `the guest's ${START} is ${notation(type)}, not () -> ()`);
  }
}

function checkMemory(module: Module, kind: GuestKind): void {
  if (kind === 'wasi' && !module.exports.some(item => item.name === 'memory' && item.kind === 2)) {
    throw new EpochvisorError(
      'GUEST_NO_MEMORY',
      'the guest exports no memory of the name "memory"',
      'WASI asks for it',
    );
  }
}

function missing(name: string, from: string): EpochvisorError {
  const hint =
    from.startsWith('wasi_') && from !== WASI_MODULE
      ? `build it for ${WASI_MODULE}`
      : `a guest may import what module '${HARDWARE_MODULE}' or '${WASI_MODULE}' offers, and functions that --host names`;
  return new EpochvisorError('GUEST_IMPORT', `the guest imports ${name}, which is not there`, hint);
}

function startType(module: Module): FunctionType | undefined {
  const start = module.exports.find(item => item.name === START && item.kind === 0);
  return start === undefined ? undefined : module.types[indexSpaces(module).functions[start.index] ?? -1];
}

function notation(type: FunctionType | undefined): string {
  if (type === undefined) return 'unknown';
  return `(${type.params.map(valueTypeName).join(', ')}) -> (${type.results.map(valueTypeName).join(', ')})`;
}
