// Whether a module is a guest that this machine can run: every import is one that the hardware has, with its type.

import { EpochvisorError } from '../errors/errors.js';
import { decodeModule } from '../wasm/decode.js';
import { indexSpaces, type Module } from '../wasm/module.js';
import { type FunctionType, valueTypeName } from '../wasm/types.js';
import { HARDWARE_MODULE } from './hardware.js';

/** What the virtual hardware offers, in the notation of messages. */
const HARDWARE: Readonly<Record<string, string>> = {
  clock: '(i32) -> (i64)',
  random: '() -> (i64)',
  stream_read: '(i32, i32, i32) -> (i32)',
  stream_write: '(i32, i32, i32) -> (i32)',
  interrupt_enable: '(i32) -> (i32)',
  device_size: '(i32) -> (i64)',
  arguments_size: '() -> (i32)',
  arguments_read: '(i32) -> (i32)',
  timer_set: '(i64) -> ()',
  operation_start: '(i64, i32, i32, i64, i32, i32) -> (i32)',
  exit: '(i32) -> ()',
  wait: '() -> ()',
};

const START = '_start';

/**
 * @throws EpochvisorError NOT_WASM, MODULE_MALFORMED as the decoder says; GUEST_IMPORT: an import that we do not have;
 * GUEST_NO_START: nothing to run
 */
export function checkGuest(bytes: Uint8Array): void {
  const module = decodeModule(bytes);
  for (const item of module.imports) {
    const name = `${item.module}.${item.name}`;
    const offered = item.module === HARDWARE_MODULE ? HARDWARE[item.name] : undefined;
    if (item.kind !== 0 || offered === undefined) throw missing(name, item.module);
    const wanted = notation(module.types[item.type]);
    if (wanted !== offered) {
      const message = `the guest imports ${name} as ${wanted}, which is ${offered} here`;
      throw new EpochvisorError('GUEST_IMPORT', message, 'build it against the guest library of this version');
    }
  }
  const type = startType(module);
  if (type === undefined) {
    throw new EpochvisorError('GUEST_NO_START', `the guest exports no function ${START}`, 'a guest begins there');
  }
  if (notation(type) !== '() -> ()') {
    throw new EpochvisorError('GUEST_NO_START', `the guest's ${START} is ${notation(type)}, not () -> ()`);
  }
}

function missing(name: string, from: string): EpochvisorError {
  const hint = from.startsWith('wasi_')
    ? 'WASI programs are not supported yet: build a bare guest on guest/lib'
    : `a guest may import what module '${HARDWARE_MODULE}' offers, and nothing else`;
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
