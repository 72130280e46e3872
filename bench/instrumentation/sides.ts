// The sides that are compared: one module, instantiated by plain V8 or through our rewriting.

import { instantiate } from '../../engine/index.js';

type Exports = Readonly<Record<string, unknown>>;
type Imports = Record<string, Record<string, unknown>>;

export interface Side {
  readonly name: string;
  instantiate(bytes: Uint8Array<ArrayBuffer>, imports: Imports): Exports;
}

/** An epoch as a pair would have it: long enough to cost nothing, short enough to be met in every run. */
const EPOCH_LENGTH = 1_000_000;

const SIDES: readonly Side[] = [
  {
    name: 'plain',
    instantiate: (bytes, imports) => new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports,
  },
  {
    name: 'rewritten',
    instantiate: (bytes, imports) =>
      instantiate(bytes, imports, { epochLength: EPOCH_LENGTH, counting: 'block', onBoundary: () => {} }).exports,
  },
  {
    name: 'suspendable',
    instantiate: (bytes, imports) =>
      instantiate(bytes, imports, { epochLength: EPOCH_LENGTH, onBoundary: () => {}, suspendAt: 'never' }).exports,
  },
];

export function sideNamed(name: string): Side {
  const side = SIDES.find(each => each.name === name);
  if (side === undefined) throw new Error(`no side is called ${name}`);
  return side;
}

/**
 * A run of the kernel in a fresh instance: call the result with the kernel's size for a checksum.
 *
 * `serial` makes the bytes, by a custom section, a module that V8 has not seen: it keeps compiled code by content, so
 * the same bytes again would start in code that an earlier run has warmed up.
 */
export function prepare(side: Side, bytes: Uint8Array, serial: number): (size: number) => unknown {
  let exports: Exports = {};
  let printed = '';
  const wasi = {
    fd_write: (_fd: number, vectors: number, count: number, written: number): number => {
      const memory = (exports.memory as WebAssembly.Memory).buffer;
      const view = new DataView(memory);
      let total = 0;
      for (let i = 0; i < count; i++) {
        const at = view.getUint32(vectors + 8 * i, true);
        const length = view.getUint32(vectors + 8 * i + 4, true);
        printed += new TextDecoder().decode(new Uint8Array(memory, at, length));
        total += length;
      }
      view.setUint32(written, total, true);
      return 0;
    },
    fd_close: () => 0,
    fd_seek: () => 0,
    fd_fdstat_get: () => 0,
    proc_exit: () => {
      throw new Error('the kernel exited');
    },
  };
  const abort = (): never => {
    throw new Error('the kernel aborted');
  };
  exports = side.instantiate(withSerial(bytes, serial), { wasi_snapshot_preview1: wasi, env: { abort } });
  const { run, _start: start } = exports as { run?: (size: number) => unknown; _start?: () => void };
  if (run !== undefined) return run;
  return () => {
    printed = '';
    start?.();
    return printed;
  };
}

/** The module with a custom section `serial` of four bytes at its end. */
function withSerial(bytes: Uint8Array, serial: number): Uint8Array<ArrayBuffer> {
  const name = [...'serial'].map(letter => letter.charCodeAt(0));
  const section = [0, 1 + name.length + 4, name.length, ...name, ...new Uint8Array(Uint32Array.of(serial).buffer)];
  const result = new Uint8Array(bytes.length + section.length);
  result.set(bytes);
  result.set(section, bytes.length);
  return result;
}
