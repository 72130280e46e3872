// The flags of WASI programs, named as wasmtime names them: folders, the environment and the name they are given.

import { isatty } from 'node:tty';
import { type Command, InvalidArgumentError } from 'commander';
import { DIRECTORY_KIND } from '../../devices/directory/directory-kind.js';
import { numbered } from '../../devices/opening.js';
import { EpochvisorError } from '../errors/errors.js';
import type { GuestKind } from '../guest/guest-check.js';
import type { MachineOptions } from '../guest/machine-options.js';
import { FILES_BYTES_MAX } from '../wasi/kernel-port.js';
import { addDeviceFlags } from './device-flags.js';
import { givenVariable } from './given-bytes.js';
import type { MachineFlags } from './machine-flags.js';

export interface WasiFlags {
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly argv0?: string;
}

export function addWasiFlags(command: Command): Command {
  return addDeviceFlags(command, false)
    .option(
      '--env <NAME[=VALUE]>',
      'a variable of its environment; without VALUE, that of this process (repeatable)',
      (text: string, before: readonly string[]) => [...before, ...environmentFlag(text)],
      [],
    )
    .option('--argv0 <NAME>', "the guest's argument 0 (default: the file's name)");
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
export function wasiOptions(
  guest: GuestKind,
  { devices, env }: Pick<MachineFlags, 'devices'> & Pick<WasiFlags, 'env'>,
): MachineOptions['wasi'] {
  const folders = numbered(devices).filter(({ kind }) => kind === DIRECTORY_KIND);
  if (guest === 'bare') {
    if (folders.length === 0 && env.length === 0) return undefined;
    throw new EpochvisorError('NOT_WASI', 'the guest is not a WASI program, and --dir and --env are for those');
  }
  return {
    environment: env,
    terminals: [isatty(0), isatty(1), isatty(2)],
    directories: folders.map(({ source: { path, guestPath = path, readOnly = false }, number }) => ({
      guestPath,
      device: number,
      readOnly,
    })),
    filesBytesMax: FILES_BYTES_MAX,
  };
}
