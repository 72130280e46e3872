// What loses its power: guests with what they need, in three durabilities.

import { DURABILITIES, type Durability } from '../../engine/protocol/durability.js';
import { guestPath } from '../host.js';
import type { RecordedGuest } from './recorded-run.js';

export interface Cell {
  readonly guest: string;
  readonly recorded: RecordedGuest;
  readonly durability: Durability;
}

const LINES = 60;
const own = (guest: string, args: readonly string[], more: Partial<RecordedGuest> = {}) => ({
  guest,
  recorded: { path: guestPath(guest), args, stdin: '', ...more },
});

const lines = (count: number) => Array.from({ length: count }, (_, n) => `line ${n}\n`).join('');

/** Whether each line has its number, and none is lacking: what they say differs from run to run. */
function judge(stdout: string): string | undefined {
  const found = stdout.split('\n').slice(0, -1);
  const wrong = found.findIndex((line, index) => !line.startsWith(`${index + 1} `));
  if (wrong >= 0) return `line ${wrong + 1} is '${found[wrong]}'`;
  return found.length === LINES ? undefined : `${found.length} lines of ${LINES}`;
}

export const SUBJECTS = [
  own('hello', []),
  own('echo', [], { stdin: lines(40) }),
  own('teller', ['20'], { hasTeller: true }),
  own('disk-log', ['20'], { diskBytes: 1 << 15 }),
  own('disk', ['16'], { diskBytes: 1 << 17 }),
  own('mill', ['2000', '1'], { stdin: lines(40), diskBytes: 1 << 16, hasTeller: true, checkpointEvery: '64KB' }),
  own('clock-random', [String(LINES)], { judge }),
] as const;

export const CELLS: readonly Cell[] = SUBJECTS.flatMap(subject =>
  DURABILITIES.map(durability => ({ ...subject, durability })),
);
