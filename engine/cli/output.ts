// What verbs print on stdout, for a reader who may go away before the end (`epochvisor inspect guest.wasm | head -1`).

import { EpochvisorError } from '../errors/errors.js';
import { complain } from '../observe/defects.js';

/** As of a process that SIGPIPE has killed, which Node ignores. */
const READER_GONE_STATUS = 141;
const OUTPUT_FAILED_STATUS = 74;

let watched = false;

export function print(text: string | Uint8Array): void {
  if (!watched) process.stdout.on('error', failed);
  watched = true;
  process.stdout.write(text);
}

export function say(line: string): void {
  print(`${line}\n`);
}

/** Colours are for terminals that are there to show them (no-color.org). */
const coloured = process.stdout.isTTY && process.env.TERM !== 'dumb' && process.env.NO_COLOR === undefined;
const style = (code: number) => (text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = style(1);
export const red = style(31);
export const green = style(32);

function failed(error: NodeJS.ErrnoException): never {
  if (error.code === 'EPIPE') process.exit(READER_GONE_STATUS);
  const { line } = new EpochvisorError('OUTPUT_FAILED', `stdout can't be written: ${error.code ?? error.message}`);
  complain(line);
  process.exit(OUTPUT_FAILED_STATUS);
}
