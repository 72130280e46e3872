// The streams of the console, as guests, kernel and bus number them: those of every process.
//
//   0 stdin    what the guest reads
//   1 stdout   what it writes
//   2 stderr   likewise
//
// The protocol knows streams by number only; which there are is the business of the devices that have them.

export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;

export const CONSOLE_INPUTS: readonly number[] = [STDIN];
export const CONSOLE_OUTPUTS: readonly number[] = [STDOUT, STDERR];

const NAMES = ['stdin', 'stdout', 'stderr'] as const;

/** What a user calls a stream. */
export function streamName(stream: number): string {
  return NAMES[stream] ?? `stream ${stream}`;
}
