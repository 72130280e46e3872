// What AssemblyScript does when an assertion fails or an array is overrun: one line on stderr, then a trap.
//
// The compiler is told `--use abort=guest/lib/abort/abort`, so that no module needs an import `env.abort`. The heap
// may be the very thing that failed: the line is put together in fixed memory.
import { Stream, streamWrite } from './hardware';
import { encode } from './text';

/** Prints `abort: MESSAGE at FILE:LINE:COLUMN` and traps. */
export function abort(message: string | null, file: string | null, lineNumber: u32, column: u32): void {
  const start: usize = memory.data(1024);
  let end = start + <usize>encode('abort: ', start);
  end = put(message == null ? 'no message' : message, end, start + 600);
  end += <usize>encode(' at ', end);
  end = put(file == null ? 'unknown' : file, end, start + 900);
  end = putNumber(column, putNumber(lineNumber, end));
  store<u8>(end, 10);
  streamWrite(Stream.ERROR, start, <i32>(end - start) + 1);
  unreachable();
}

/** Writes text at `at` and answers where it ends; text that might reach past `limit` is left out. */
function put(text: string, at: usize, limit: usize): usize {
  return at + <usize>text.length * 3 <= limit ? at + <usize>encode(text, at) : at;
}

/** Writes a colon and a number at `at` and answers where they end. */
function putNumber(value: u32, at: usize): usize {
  let divisor: u32 = 1;
  while (value / divisor >= 10) divisor *= 10;
  store<u8>(at++, 58);
  for (; divisor > 0; divisor /= 10) store<u8>(at++, <u8>(48 + ((value / divisor) % 10)));
  return at;
}
