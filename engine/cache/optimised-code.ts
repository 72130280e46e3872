// Machine code that V8's optimising compiler has made for a rewritten module, kept for the next run beside the module.
//
// The problem. V8 compiles a function quickly first, and optimises it in the background when it has run for long. An
// interpreter has hundreds of such functions, its main loop alone takes a second, and a pair does it twice, on the cores on
// which its guests run: of the first three seconds of `ruby -e`, two went there. And until it is done the guest runs in
// baseline code, at half its speed.
//
// The design. When a guest has ended, its primary keeps what V8 has optimised; when a backup has run for a while it does so
// too, for there are guests that do not end. The next machine with the same module begins with that code: a pair, a
// replacement that joins, a snapshot that is resumed. What is missing is compiled as ever, and kept in turn once it is
// a tenth more.
//
// V8 can write and read such code, and browsers do; Node has no way to ask for it but the functions that V8's own tests use
// (`%SerializeWasmModule`), which every V8 has. V8 itself refuses code of another version, for other processor features or
// under other flags; that it is whole, and of this module, is for us to see, and that it is ours: who can write to such a
// file can change what the guest's process executes. So it is the user's own and nobody else's to write to, or not taken.
//
// A file, little endian; its name is that of the rewritten module, and the version of V8:
//
//   0   "EPVCODE\0"          magic
//   8   format: u32          1
//   12  code bytes: u32      c
//   16  SHA-256 of the code, 32 bytes
//   48  code                 c bytes, V8's own format

import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { compileOptimised, compileRewritten } from '../instance/compile.js';
import { readCached, writeCached } from './cache-folder.js';

const MAGIC = 'EPVCODE\0';
const FORMAT = 1;
const HEADER_BYTES = 48;

/** Major versions of V8 whose functions are known: Node 20 has 11, 22 has 12, 24 has 13. */
const KNOWN_TO_V8 = ['11', '12', '13'];
const known = KNOWN_TO_V8.includes(process.versions.v8.split('.')[0]!);

/** Code is kept when it has become more by this factor. */
const GROWTH = 1.1;

/** The machine code of one rewritten module. */
export class OptimisedCode {
  readonly #module: Uint8Array<ArrayBuffer>;
  readonly #path: string | undefined;
  /** Bytes of the code that was found. */
  #foundBytes = 0;

  /** @param path where it is kept; undefined: nowhere */
  constructor(module: Uint8Array<ArrayBuffer>, path: string | undefined) {
    this.#module = module;
    this.#path = known ? path : undefined;
  }

  /** The module, with the code that is kept for it. @throws EpochvisorError MODULE_UNSUPPORTED */
  compile(): WebAssembly.Module {
    const code = this.#path === undefined ? undefined : decode(readCached(this.#path, true));
    if (code !== undefined) {
      const found = native('DeserializeWasmModule', code, this.#module);
      if (found instanceof WebAssembly.Module) {
        this.#foundBytes = code.byteLength;
        return found;
      }
    }
    return compileRewritten(this.#module);
  }

  /**
   * Has V8 optimise the whole module, and keeps that: for who wants to see a guest at the speed that it comes to in the end.
   *
   * @returns whether the next machine begins with it @throws EpochvisorError MODULE_UNSUPPORTED
   */
  optimise(): boolean {
    if (this.#path === undefined) return false;
    const kept = decode(readCached(this.#path, true))?.byteLength ?? 0;
    const code = native('SerializeWasmModule', compileOptimised(this.#module));
    if (!(code instanceof ArrayBuffer)) return false;
    if (code.byteLength > kept) writeCached(this.#path, encode(new Uint8Array(code)));
    return decode(readCached(this.#path, true)) !== undefined;
  }

  /**
   * Keeps what has been optimised since; some milliseconds.
   * @param module what `compile` gave; @param small a small function of an instance of it
   */
  keep(module: WebAssembly.Module, small: unknown): void {
    if (this.#path === undefined) return;
    // V8 ends the process where nothing at all is optimised.
    if (native('WasmTierUpFunction', small) === UNSUPPORTED) return;
    const code = native('SerializeWasmModule', module);
    if (!(code instanceof ArrayBuffer)) return;
    if (code.byteLength > this.#foundBytes * GROWTH) writeCached(this.#path, encode(new Uint8Array(code)));
  }
}

const UNSUPPORTED = Symbol('unsupported');

/** Calls one of the functions that V8 has for its tests. Flags are part of what V8 compares: they are the same at each call. */
function native(name: string, ...args: unknown[]): unknown {
  const names = args.map((_, index) => `a${index}`);
  setFlagsFromString('--allow-natives-syntax');
  try {
    return new Function(...names, `return %${name}(${names})`)(...args);
  } catch {
    // Code must not be made from strings here, V8 has no such function, memory is short: a run gets slower by it, and no more.
    return UNSUPPORTED;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

function encode(code: Uint8Array): Buffer {
  const file = Buffer.alloc(HEADER_BYTES + code.length);
  file.write(MAGIC, 0, 'latin1');
  file.writeUInt32LE(FORMAT, 8);
  file.writeUInt32LE(code.length, 12);
  createHash('sha256').update(code).digest().copy(file, 16);
  file.set(code, HEADER_BYTES);
  return file;
}

/** The code, or undefined if there is none or it is not whole. */
function decode(file: Buffer | undefined): ArrayBuffer | undefined {
  if (file === undefined || file.length < HEADER_BYTES || file.toString('latin1', 0, 8) !== MAGIC) return undefined;
  if (file.readUInt32LE(8) !== FORMAT || file.length !== HEADER_BYTES + file.readUInt32LE(12)) return undefined;
  const code = file.subarray(HEADER_BYTES);
  const sum = createHash('sha256').update(code).digest();
  if (!sum.equals(file.subarray(16, HEADER_BYTES))) return undefined;
  return code.buffer.slice(code.byteOffset, code.byteOffset + code.length) as ArrayBuffer;
}
