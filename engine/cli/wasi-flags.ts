// The flags of WASI programs, named as wasmtime names them: the folders, the environment and the name they are given.

import { isatty } from 'node:tty';
import { type Command, InvalidArgumentError } from 'commander';
import { FIRST_DIRECTORY } from '../../devices/directory/directory-commands.js';
import { EpochvisorError } from '../errors/errors.js';
import type { GuestKind } from '../guest/guest-check.js';
import type { MachineOptions } from '../guest/machine-options.js';
import { givenVariable } from './given-bytes.js';

/** A folder for the program: `HOST[::GUEST][:ro]`. */
export interface DirectoryFlag {
  readonly hostPath: string;
  /** The name the program knows it by. */
  readonly guestPath: string;
  readonly readOnly: boolean;
}

export interface WasiFlags {
  readonly dir: readonly DirectoryFlag[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly argv0?: string;
}

/** Contents of files that the kernel holds on each replica, bytes: beside the program's own memory, which is as large. */
const FILES_BYTES_MAX = 1 << 30;
const READ_ONLY = ':ro';

export function addWasiFlags(command: Command): Command {
  return command
    .option(
      '--dir <HOST[::GUEST][:ro]>',
      'a folder of this host for a WASI program, by the name GUEST; :ro for reading only (repeatable)',
      (text: string, before: readonly DirectoryFlag[]) => [...before, directoryFlag(text)],
      [],
    )
    .option(
      '--env <NAME[=VALUE]>',
      'a variable of its environment; without VALUE, that of this process (repeatable)',
      (text: string, before: readonly string[]) => [...before, ...environmentFlag(text)],
      [],
    )
    .option('--argv0 <NAME>', "the guest's argument 0 (default: the file's name)");
}

export function directoryFlag(text: string): DirectoryFlag {
  const readOnly = text.endsWith(READ_ONLY);
  const paths = readOnly ? text.slice(0, -READ_ONLY.length) : text;
  const at = paths.indexOf('::');
  const hostPath = at < 0 ? paths : paths.slice(0, at);
  const guestPath = at < 0 ? paths : paths.slice(at + 2);
  if (hostPath === '' || guestPath === '' || guestPath.includes('\0')) {
    throw new InvalidArgumentError('It is HOST or HOST::GUEST, both paths.');
  }
  return { hostPath, guestPath, readOnly };
}

/** As wasmtime: a name alone stands for this process's variable, and for nothing where there is none. */
function environmentFlag(text: string): readonly string[] {
  const at = text.indexOf('=');
  if (at === 0 || text === '' || text.includes('\0')) throw new InvalidArgumentError('It is NAME=VALUE or NAME.');
  if (at > 0) return [text];
  const value = givenVariable(text);
  return value === undefined ? [] : [`${text}=${value}`];
}

/**
 * The world of a WASI program; undefined for a bare guest.
 * @throws EpochvisorError NOT_WASI where a bare guest is given folders or an environment
 */
export function wasiOptions(kind: GuestKind, flags: Pick<WasiFlags, 'dir' | 'env'>): MachineOptions['wasi'] {
  if (kind === 'bare') {
    if (flags.dir.length === 0 && flags.env.length === 0) return undefined;
    throw new EpochvisorError('NOT_WASI', 'the guest is not a WASI program, and --dir and --env are for those');
  }
  return {
    environment: flags.env,
    terminals: [isatty(0), isatty(1), isatty(2)],
    directories: flags.dir.map(({ guestPath, readOnly }, number) => ({
      guestPath,
      device: FIRST_DIRECTORY + number,
      readOnly,
    })),
    listeners: [],
    filesBytesMax: FILES_BYTES_MAX,
  };
}
