// The program's arguments, and a guest's way to refuse them: one line on stderr, exit status 2.
import { argumentsRead, argumentsSize, exit } from './hardware';
import { printlnError } from './console';
import { decode } from './text';

const all: string[] = readAll();

function readAll(): string[] {
  const bytes = new Uint8Array(argumentsSize());
  argumentsRead(bytes.dataStart);
  const texts: string[] = [];
  let first = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] != 0) continue;
    texts.push(decode(bytes.dataStart + <usize>first, at - first));
    first = at + 1;
  }
  return texts;
}

/** The program's name without folders and ending. */
export function programName(): string {
  const name = all.length > 0 ? all[0] : 'guest';
  const start = name.lastIndexOf('/') + 1;
  return name.endsWith('.wasm') ? name.substring(start, name.length - 5) : name.substring(start);
}

/** The argument at `index` (1 is the first), or `otherwise`. */
export function textArgument(index: i32, otherwise: string): string {
  return index < all.length ? all[index] : otherwise;
}

/** The whole number at `index`, or `otherwise`; anything else ends the program. */
export function numberArgument(index: i32, name: string, otherwise: i64, least: i64, greatest: i64): i64 {
  if (index >= all.length) return otherwise;
  const text = all[index];
  const digits = text.startsWith('-') ? text.substring(1) : text;
  let value: i64 = 0;
  // Eighteen digits always fit an i64.
  let valid = digits.length > 0 && digits.length <= 18;
  for (let i = 0; valid && i < digits.length; i++) {
    const digit = digits.charCodeAt(i) - 48;
    valid = digit >= 0 && digit <= 9;
    value = value * 10 + digit;
  }
  if (text.startsWith('-')) value = -value;
  if (!valid || value < least || value > greatest) {
    refuseArgument(`${name} must be a whole number from ${least} to ${greatest}, not '${text}'`);
  }
  return value;
}

/** Says on stderr what is wrong and ends the program with status 2. */
export function refuseArgument(reason: string): void {
  printlnError(`${programName()}: ${reason}`);
  exit(2);
  unreachable();
}
