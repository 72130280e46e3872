// The strings that a guest is given: its arguments, its environment, its folders' names; and how large they may be.
//
// The limits are those that Linux has for a program that is started (execve(2)): what can be given to the program itself can be
// given to it here. They are needed all the same: `--env NAME` copies a variable as often as it is named, and each replica
// holds the strings, a guest that asks for them has to find room in its memory, and snapshots carry them.

import { EpochvisorError } from '../errors/errors.js';
import type { MachineOptions } from '../guest/machine-options.js';
import { encodeEscaped } from '../wasm/escaped-utf8.js';
import { programName } from './machine-flags.js';

/** One string with the NUL at its end, bytes (MAX_ARG_STRLEN). */
const STRING_BYTES_MAX = 128 * 1024;
/** All of them, bytes: what Linux gives to who has the usual stack of 8 MiB. */
const STRINGS_BYTES_MAX = 2 * 1024 * 1024;

/**
 * The guest's arguments, the first of them its name, once they and what else it is given are found to be within the limits.
 * @throws EpochvisorError GUEST_STRINGS
 */
export function guestArguments(
  path: string,
  args: readonly string[],
  { argv0, wasi }: { readonly argv0?: string; readonly wasi?: MachineOptions['wasi'] },
): readonly string[] {
  const programArguments = [argv0 ?? programName(path), ...args];
  const { environment = [], directories = [] } = wasi ?? {};
  let bytes = 0;
  const add = (name: string, text: string) => {
    const own = encodeEscaped(text).length + 1;
    if (own > STRING_BYTES_MAX) throw tooLarge(`${name} has ${own} bytes with its end`, STRING_BYTES_MAX);
    bytes += own;
  };
  for (const [index, text] of programArguments.entries()) add(`argument ${index} of the guest`, text);
  for (const text of environment) add(`the variable ${text.slice(0, text.indexOf('=')).slice(0, 60)}`, text);
  for (const { guestPath } of directories) add("a folder's name", guestPath);
  if (bytes > STRINGS_BYTES_MAX) throw tooLarge(`what the guest is given has ${bytes} bytes in all`, STRINGS_BYTES_MAX);
  return programArguments;
}

function tooLarge(what: string, most: number): EpochvisorError {
  return new EpochvisorError('GUEST_STRINGS', `${what}, and ${most} are the most`, 'give it in a file, or on stdin');
}
