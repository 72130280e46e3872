// The folder of a machine: what every host has of it.
//
//   machine.json    the description (description.ts)
//   module.wasm     the guest; a host that lacks it is given it by the others
//   secret          32 random bytes, base64url: whoever has it belongs to the machine; for its owner alone
//
// It is made whole or not at all, and nothing that is there is overwritten.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArbiter } from '../arbiter/open-arbiter.js';
import { EpochvisorError } from '../errors/errors.js';
import { checkLimit, ENGINE_LIMITS } from '../wasm/engine-limits.js';
import { type MachineDescription, readDescription, writeDescription } from './description.js';

const DESCRIPTION = 'machine.json';
const MODULE = 'module.wasm';
const SECRET = 'secret';

const SECRET_BYTES = 32;
const SECRET_TEXT = /^[0-9A-Za-z_-]{43}$/;
/** What others may do with the secret: nothing. */
const OTHERS = 0o077;
/** Far above any description: arguments and environment have 2 MiB at most. */
const DESCRIPTION_BYTES_MAX = 32 * 1024 * 1024;

export interface MachineFolder {
  /** Absolute. */
  readonly path: string;
  readonly description: MachineDescription;
  readonly secret: string;
  /** Address of the arbiter, with an absolute path where it is a folder. */
  readonly arbiter: string;
}

/** @throws EpochvisorError FOLDER_EXISTS, FOLDER_UNUSABLE */
export function createMachineFolder(path: string, description: MachineDescription, module: Uint8Array): void {
  let draft: string | undefined;
  try {
    draft = mkdtempSync(`${resolve(path)}.`);
    writeFileSync(join(draft, DESCRIPTION), writeDescription(description));
    writeFileSync(join(draft, MODULE), module);
    writeFileSync(join(draft, SECRET), `${randomBytes(SECRET_BYTES).toString('base64url')}\n`, { mode: 0o600 });
    // An empty folder may be there.
    renameSync(draft, path);
  } catch (error) {
    if (draft !== undefined) rmSync(draft, { recursive: true, force: true });
    throw uncreated(path, error as NodeJS.ErrnoException);
  }
}

/** Before anything is opened for it. @throws EpochvisorError FOLDER_EXISTS, FOLDER_UNUSABLE */
export function checkNewFolder(path: string): void {
  if (existsSync(join(path, DESCRIPTION))) throw exists(path);
  const parent = dirname(resolve(path));
  if (!existsSync(parent)) throw new EpochvisorError('FOLDER_UNUSABLE', `no such folder: ${parent}`, 'make it');
}

function uncreated(path: string, { code, message }: NodeJS.ErrnoException): EpochvisorError {
  if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') return exists(path);
  return new EpochvisorError('FOLDER_UNUSABLE', `${path} can't be made: ${code ?? message}`, 'name another folder');
}

function exists(path: string): EpochvisorError {
  return new EpochvisorError('FOLDER_EXISTS', `${path} is there already, and nothing is overwritten`, 'name another');
}

/** @throws EpochvisorError FOLDER_MISSING, DESCRIPTION_INVALID, DESCRIPTION_VERSION, SECRET_UNUSABLE, ARBITER_UNSUPPORTED */
export function readMachineFolder(given: string): MachineFolder {
  const path = resolve(given);
  const file = join(path, DESCRIPTION);
  let text: string;
  try {
    if (statSync(file).size > DESCRIPTION_BYTES_MAX) {
      throw new EpochvisorError('DESCRIPTION_INVALID', `${file}: it is too long`, 'make the folder anew');
    }
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof EpochvisorError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const what =
      code === 'ENOENT' || code === 'ENOTDIR' ? `there is no ${file}` : `${file} can't be read: ${code ?? message}`;
    throw new EpochvisorError('FOLDER_MISSING', what, 'name a folder that epochvisor init has made');
  }
  const description = readDescription(text, file);
  return { path, description, secret: readSecret(join(path, SECRET)), arbiter: absoluteArbiter(path, description) };
}

function readSecret(file: string): string {
  let text: string;
  try {
    const { mode } = statSync(file);
    if ((mode & OTHERS) !== 0) {
      const what = `${file} can be read by others (mode ${(mode & 0o777).toString(8)})`;
      throw new EpochvisorError('SECRET_UNUSABLE', what, `chmod 600 ${file}`);
    }
    text = readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    if (error instanceof EpochvisorError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'is missing' : `can't be read: ${code ?? message}`;
    throw new EpochvisorError(
      'SECRET_UNUSABLE',
      `${file} ${why}`,
      'copy it from the host on which the folder was made',
    );
  }
  if (SECRET_TEXT.test(text)) return text;
  const what = `${file} is no secret: 32 bytes as 43 characters of base64url`;
  throw new EpochvisorError('SECRET_UNUSABLE', what, 'copy it from the host on which the folder was made');
}

/** A folder inside that of the machine is found wherever that is mounted. */
function absoluteArbiter(path: string, { arbiter }: MachineDescription): string {
  const { scheme, rest } = parseArbiter(arbiter);
  return scheme === 'folder' ? `folder:${resolve(path, rest)}` : arbiter;
}

/** The module; undefined: this host lacks it. @throws EpochvisorError MODULE_DIFFERS, MODULE_TOO_LARGE */
export function readFolderModule({ path, description }: MachineFolder): Uint8Array | undefined {
  const file = join(path, MODULE);
  try {
    checkLimit(ENGINE_LIMITS.moduleBytes, statSync(file).size, file, 'as it is');
    return checkedModule(readFileSync(file), description, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof EpochvisorError || code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Keeps a module that this host lacked; whole, or not at all. @throws EpochvisorError FOLDER_UNUSABLE */
export function writeFolderModule({ path }: MachineFolder, module: Uint8Array): void {
  const file = join(path, MODULE);
  const draft = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, module);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError('FOLDER_UNUSABLE', `${file} can't be written: ${code ?? message}`);
  }
}

/** @param from where it comes from, for the message @throws EpochvisorError MODULE_DIFFERS */
export function checkedModule<T extends Uint8Array>(module: T, { module: hash }: MachineDescription, from: string): T {
  const found = createHash('sha256').update(module).digest('hex');
  if (found === hash) return module;
  const what = `${from} is not the machine's module: "module" in ${DESCRIPTION} is ${hash.slice(0, 16)}..., and its SHA-256 is`;
  throw new EpochvisorError(
    'MODULE_DIFFERS',
    `${what} ${found.slice(0, 16)}...`,
    'copy it from the other hosts, or remove it',
  );
}
