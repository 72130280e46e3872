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

function failed(error: NodeJS.ErrnoException): never {
  if (error.code === 'EPIPE') process.exit(READER_GONE_STATUS);
  const { line } = new EpochvisorError('OUTPUT_FAILED', `stdout can't be written: ${error.code ?? error.message}`);
  complain(line);
  process.exit(OUTPUT_FAILED_STATUS);
}
