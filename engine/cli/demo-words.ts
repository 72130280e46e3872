// What the demos say, and how it looks.

import { print } from './output.js';

export function say(line: string): void {
  print(`${line}\n`);
}

/** Colours are for terminals that are there to show them (no-color.org). */
const coloured = process.stdout.isTTY && process.env.TERM !== 'dumb' && process.env.NO_COLOR === undefined;
const style = (code: number) => (text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = style(1);
export const red = style(31);
export const green = style(32);
