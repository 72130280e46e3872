// The machine's own copy of its guest: what every replica runs, the first two and those that join in a year.
//
// The problem. A machine outlives the file that it was started from: a rebuild writes into it, or renames another over it, or
// `clean` removes it, and a replacement that loads the path then would execute another program under the old hash.
//
// The design. The launcher writes the bytes that it has read and checked to a file without a name, and hands its replicas the
// descriptor when it starts them. There is no path by which a rebuild could reach it, none that a cleaner of temporary files
// could remove after a week, and nothing to take away at the end, not even after a SIGKILL of the launcher: the kernel frees
// it with the last process that has it open. (A copy under a name in the machine's folder has none of these; bytes by IPC
// would travel as text, and be kept in the launcher's memory.) A replica hashes what it reads, and loads it only where that
// is the machine's module: who can reach into the launcher's descriptors can still change a file.

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, rmSync, writeFile } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EpochvisorError } from '../errors/errors.js';
import { temporaryFolder } from './temporary-folder.js';

/** The descriptor in a replica: the first one after stdin, stdout, stderr and the channel to the launcher. */
export const MODULE_DESCRIPTOR = 4;

/** The launcher's end. */
export class KeptModule {
  /** For replicas to inherit. */
  readonly descriptor: number;
  #closed = false;

  /** Empty until it is filled. @throws EpochvisorError TEMPORARY_FOLDER */
  constructor() {
    const folder = temporaryFolder('epochvisor-');
    try {
      this.descriptor = openSync(join(folder, 'guest.wasm'), 'wx+', 0o600);
    } catch (error) {
      throw unkept(error);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Before any replica is told to start; `module` must not change meanwhile. @throws EpochvisorError TEMPORARY_FOLDER */
  async fill(module: Uint8Array): Promise<void> {
    try {
      await promisify(writeFile)(this.descriptor, module);
    } catch (error) {
      throw unkept(error);
    }
  }

  /** Replicas that have it open keep it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.descriptor);
  }
}

function unkept(error: unknown): EpochvisorError {
  const why = error instanceof Error ? error.message : String(error);
  return new EpochvisorError(
    'TEMPORARY_FOLDER',
    `the machine's copy of the guest can't be written: ${why}`,
    'set TMPDIR to a folder with room for it',
  );
}

/**
 * The module, in shared memory: the threads of a replica need no copies of their own.
 *
 * @param hash SHA-256 of the machine's module, in hexadecimal
 * @throws EpochvisorError MODULE_CHANGED: these are other bytes, and nothing of them may be executed
 */
export function readModule(descriptor: number, hash: string): Uint8Array {
  let module: Uint8Array;
  try {
    module = readShared(descriptor);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new EpochvisorError('MODULE_CHANGED', `the machine's copy of the guest can't be read: ${why}`);
  }
  const found = createHash('sha256').update(module).digest('hex');
  if (found === hash) return module;
  throw new EpochvisorError(
    'MODULE_CHANGED',
    `the machine's copy of the guest has been changed: its SHA-256 was ${hash.slice(0, 16)}..., and is ${found.slice(0, 16)}...`,
  );
}

/** At positions of its own: processes that inherit a descriptor share its offset. */
function readShared(descriptor: number): Uint8Array {
  const module = new Uint8Array(new SharedArrayBuffer(fstatSync(descriptor).size));
  let at = 0;
  while (at < module.length) {
    const bytes = readSync(descriptor, module, at, module.length - at, at);
    if (bytes === 0) break;
    at += bytes;
  }
  return module.subarray(0, at);
}
