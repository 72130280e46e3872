// The command line of the plain machine: the flags of `run` that say what a guest is given, and the guest with its arguments.

import { basename } from 'node:path';
import { isatty } from 'node:tty';
import { parseSocketAddress, type SocketAddress } from '../../devices/connection/socket-address.js';
import type { DeviceSource } from '../../devices/device-kind.js';
import { DIRECTORY_KIND } from '../../devices/directory/directory-kind.js';
import { numbered } from '../../devices/opening.js';
import { FILES_BYTES_MAX } from '../wasi/kernel-port.js';
import type { PlainWorld } from './plain-wasi-machine.js';

export const USAGE = `usage: main.js [--disk FILE]... [--listen ADDR:PORT]... [--argv0 NAME]
               [--dir HOST[::GUEST][:ro]]... [--env NAME[=VALUE]]... GUEST.wasm [args...]
`;

export interface PlainArguments {
  /** The file of its module. */
  readonly guest: string;
  /** The program's name and its arguments. */
  readonly arguments: readonly string[];
  readonly disks: readonly string[];
  readonly addresses: readonly SocketAddress[];
  readonly folders: readonly DeviceSource[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
}

/** Undefined where they can't be read. @param words what follows the script's name */
export function parseArguments(words: readonly string[]): PlainArguments | undefined {
  const rest = [...words];
  const disks: string[] = [];
  const addresses: (SocketAddress | undefined)[] = [];
  const folders: (DeviceSource | undefined)[] = [];
  const environment: string[] = [];
  let guest: string | undefined;
  let name: string | undefined;
  // Disks may stand before the guest or right after it; what follows is the guest's.
  while (rest.length > 0 && (guest === undefined || rest[0] === '--disk')) {
    const word = rest.shift()!;
    const value = () => rest.shift() ?? '';
    if (word === '--disk') disks.push(value());
    else if (word === '--listen') addresses.push(parseSocketAddress(value()));
    else if (word === '--dir') folders.push(DIRECTORY_KIND.flag.parse(value()));
    else if (word === '--env') environment.push(...variable(value()));
    else if (word === '--argv0') name = value();
    else guest = word;
  }
  if (guest === undefined || !isComplete(addresses) || !isComplete(folders)) return undefined;
  return { guest, arguments: [name ?? basename(guest), ...rest], disks, addresses, folders, environment };
}

function isComplete<T>(all: readonly (T | undefined)[]): all is readonly T[] {
  return !all.includes(undefined);
}

/** A name alone stands for this process's variable, and for nothing where there is none. */
function variable(text: string): readonly string[] {
  if (text.includes('=')) return [text];
  const value = process.env[text];
  return value === undefined ? [] : [`${text}=${value}`];
}

export function worldOf({ folders, environment }: PlainArguments): PlainWorld {
  return {
    environment,
    terminals: [isatty(0), isatty(1), isatty(2)],
    directories: numbered(folders).map(({ source: { path, guestPath = path, readOnly = false }, number }) => ({
      guestPath,
      device: number,
      readOnly,
    })),
    filesBytesMax: FILES_BYTES_MAX,
  };
}
