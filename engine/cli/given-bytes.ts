// The command line and the environment of this process as they were given: byte strings, which need not be UTF-8.
//
// The problem. Node decodes both as UTF-8 and puts U+FFFD for every byte that is none; what is lost there no decoding brings
// back. A program that is given a file's name in Latin-1 would look for another file.
//
// The design. Linux keeps the bytes: /proc/self/cmdline has those of the arguments, /proc/self/environ those of the
// environment at the start. They are looked at only where Node's text has a U+FFFD, so that an ordinary start pays nothing, and
// believed only where they decode to what Node has: a process that was renamed, or a variable that was changed since, has
// others there. Node takes its own flags out of its arguments, so they are compared from their end. The strings go on as text
// with the bytes in it (escaped-utf8.ts). Whatever has a U+FFFD and no bytes to be believed is refused by its name, and so is
// what only this host is to understand (a file's name) and is not UTF-8.
//
// A shell, `env`, `timeout` and other wrappers hand on what they were given. npm and npx do not: they are programs of
// Node's, and what they decoded is lost before this process is there. What arrives then is a U+FFFD like any other, three
// good bytes; so below npm, which says in its environment that it is there, no U+FFFD is believed.

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { DeviceSource } from '../../devices/device-kind.js';
import { EpochvisorError } from '../errors/errors.js';
import { decodeEscaped, hasEscapes, REPLACEMENT } from '../wasm/escaped-utf8.js';

/** Node and the script come first. */
const OWN_ARGUMENTS = 2;
/** Of what is refused, so much is shown. */
const SHOWN_CHARACTERS_MAX = 60;

/** What Node has, and the bytes that the system has. */
export interface GivenProcess {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The byte strings of one of /proc/self's files; undefined where there is none. */
  readonly system: (file: 'cmdline' | 'environ') => readonly Buffer[] | undefined;
}

export const THIS_PROCESS: GivenProcess = {
  argv: process.argv,
  environment: process.env,
  system: file => {
    try {
      return byteStrings(readFileSync(`/proc/self/${file}`));
    } catch {
      // No Linux, or /proc is not mounted: nobody has the bytes.
      return undefined;
    }
  },
};

/** Each ends with a NUL. */
function byteStrings(bytes: Buffer): Buffer[] {
  const strings: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(0, from);
    const to = end < 0 ? bytes.length : end;
    strings.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return strings;
}

/** All arguments, Node and the script first. @throws EpochvisorError NOT_UTF8 */
export function givenArguments(given = THIS_PROCESS): readonly string[] {
  const { argv, system } = given;
  if (!argv.some(argument => argument.includes(REPLACEMENT))) return argv;
  const ours = argv.slice(OWN_ARGUMENTS);
  const bytes = system('cmdline')?.slice(-ours.length);
  const believed = bytes?.length === ours.length && bytes.every((one, index) => one.toString() === ours[index]);
  const name = (index: number) => `argument ${index + 1} of the command line`;
  return [
    ...argv.slice(0, OWN_ARGUMENTS),
    ...ours.map((text, index) => asGiven(name(index), text, believed ? bytes[index] : undefined, given)),
  ];
}

/** A variable of the environment; undefined where there is none. @throws EpochvisorError NOT_UTF8 */
export function givenVariable(name: string, given = THIS_PROCESS): string | undefined {
  // The name, too, may be one that only the system has.
  const text = hasEscapes(name) ? undefined : given.environment[name];
  if (text !== undefined && !text.includes(REPLACEMENT)) return text;
  if (text === undefined && !hasEscapes(name)) return undefined;
  // Of several the first counts, as for getenv.
  const bytes = given
    .system('environ')
    ?.map(one => ({ one, equals: one.indexOf('=') }))
    .find(({ one, equals }) => equals > 0 && decodeEscaped(one.subarray(0, equals)) === name);
  const value = bytes?.one.subarray(bytes.equals + 1);
  if (text === undefined) return value && asGiven(`the variable ${shown(name)}`, value.toString(), value, given);
  return asGiven(`the variable ${name}`, text, value?.toString() === text ? value : undefined, given);
}

function asGiven(name: string, text: string, bytes: Buffer | undefined, { environment }: GivenProcess): string {
  if (!text.includes(REPLACEMENT)) return text;
  if (bytes === undefined) {
    throw new EpochvisorError(
      'NOT_UTF8',
      `${name}, '${shown(text)}', is not UTF-8, and its bytes can't be had here`,
      'write it in UTF-8',
    );
  }
  const exact = decodeEscaped(bytes);
  if (exact.includes(REPLACEMENT) && environment.npm_command !== undefined) {
    throw new EpochvisorError(
      'NOT_UTF8',
      `${name}, '${shown(text)}', has a U+FFFD, which npm puts in place of what is not UTF-8`,
      'start epochvisor itself, with npm_command unset',
    );
  }
  return exact;
}

/** Flags whose bytes go to the guest. */
const FOR_THE_GUEST: readonly string[] = ['env', 'argv0'];

/**
 * What a command was given for this host (names of files, a judge's command) has to be UTF-8; the guest's arguments need not.
 * @throws EpochvisorError NOT_UTF8
 */
export function refuseBytesForHost(command: Command): void {
  for (const [index, argument] of command.registeredArguments.entries()) {
    if (!argument.variadic) refuseBytes(`<${argument.name()}>`, command.args[index]);
  }
  for (const [flag, value] of Object.entries<unknown>(command.opts())) {
    if (FOR_THE_GUEST.includes(flag)) continue;
    const name = command.options.find(option => option.attributeName() === flag)?.long ?? flag;
    for (const one of Array.isArray(value) ? value : [value]) {
      refuseBytes(name, typeof one === 'object' ? (one as Partial<DeviceSource> | null)?.path : one);
    }
  }
}

function refuseBytes(name: string, value: unknown): void {
  if (typeof value !== 'string' || !hasEscapes(value)) return;
  throw new EpochvisorError('NOT_UTF8', `${name} '${shown(value)}' is not UTF-8`, 'rename it, or name it by a link');
}

function shown(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text;
}
