// What is swept: guests with what they need, and the cells of the four parts.

import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VARIANTS, type Variant } from '../../engine/protocol/vocabulary.js';
import { guestPath, ROOT } from '../host.js';
import { FOLDER, PROGRAMS } from '../wasi/cases.js';

/** In the order in which they are run. */
export const PARTS = ['every', 'programs', 'processes', 'instructions'] as const;
export type Part = (typeof PARTS)[number];

interface Subject {
  readonly guest: string;
  readonly path: () => string;
  readonly args: readonly string[];
  /** Flags that give it its devices, its input and its client, given a folder for their files. */
  readonly devices: (folder: string) => readonly string[];
}

/** One sweep: what is kept is its figures. */
export interface Cell extends Subject {
  readonly part: Part;
  readonly variant: Variant;
  readonly epochLength: number;
  readonly victim: 'primary' | 'backup';
  readonly fault: 'kill' | 'pause';
  readonly processes: boolean;
  /** Flags that say where. @param points at most so many; undefined: as many as the part is to have */
  readonly where: (points: number | undefined) => readonly string[];
}

const own = (guest: string, args: readonly string[] = [], devices: Subject['devices'] = () => []): Subject => ({
  guest,
  path: () => guestPath(guest),
  args,
  devices,
});

const client = (rounds: number) =>
  `"${process.execPath}" "${join(ROOT, 'examples/failover/keyvalue-client.mjs')}" ${rounds}`;
const served = (rounds: number) => () => ['--listen', '127.0.0.1:0', '--load', client(rounds)];

const HELLO = own('hello');
const ECHO = own('echo', [], folder => ['--stdin', input(folder)]);
const TELLER = own('teller', ['20'], folder => ['--teller', join(folder, 'journal')]);
const KEYVALUE = own('keyvalue', [], served(20));

/** Runs of a fraction of a second each: a sweep is thousands of them. */
const SUBJECTS: readonly Subject[] = [
  HELLO,
  own('compute', ['20', '4']),
  own('recursive', ['15', '3']),
  own('flood', ['256']),
  own('ticks', ['20', '5']),
  ECHO,
  own('disk', ['64'], folder => ['--disk', disk(folder, 1 << 18)]),
  own('disk-log', ['40'], folder => ['--disk', disk(folder, 1 << 15)]),
  TELLER,
  KEYVALUE,
  own('clock-random', ['300'], () => ['--judge', judge(300)]),
];

function input(folder: string): string {
  const path = join(folder, 'input');
  writeFileSync(path, Array.from({ length: 1000 }, (_, n) => `line ${n}\n`).join(''));
  return path;
}

function disk(folder: string, bytes: number): string {
  const path = join(folder, 'disk');
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
}

function judge(lines: number): string {
  return `"${process.execPath}" "${join(ROOT, 'dist/test/end-to-end/transcript-judge.js')}" ${lines}`;
}

/** A program of test/programs, as it is measured elsewhere, too. */
function wasi(name: string): Subject {
  const { program, arguments: args, stdin, files } = PROGRAMS.find(one => one.name === name)!;
  const devices = (folder: string) => {
    const path = join(folder, 'stdin');
    writeFileSync(path, stdin);
    if (files === undefined) return ['--stdin', path];
    const data = join(folder, 'data');
    for (const [name, bytes] of Object.entries(files)) {
      mkdirSync(join(data, name, '..'), { recursive: true });
      writeFileSync(join(data, name), bytes);
    }
    return ['--stdin', path, '--dir', `${data}::${FOLDER}`];
  };
  return { guest: name, path: program, args, devices };
}

const KILL = { victim: 'primary', fault: 'kill' } as const;

/** Short epochs: even a run of 12,000 instructions has a dozen. */
const EVERY_EPOCH_LENGTH = 1_000;
/** Of half a run's places so many, and as many of its instructions. */
const PROGRAM_POINTS = 1_000;
const PROGRAM_EPOCH_LENGTH = 100_000;
/** Some more than are wanted: where messages fall differs from run to run, and the last may never come. */
const PROCESS_KILLS = 58;
const PROCESS_PAUSES = 30;
/** Even a run of a few million instructions has hundreds. */
const EPOCH_LENGTH = 10_000;
const INSTRUCTIONS_POINTS = 200;

const every = VARIANTS.map(
  (variant): Cell => ({
    ...{ ...HELLO, ...KILL, part: 'every', variant, epochLength: EVERY_EPOCH_LENGTH, processes: false },
    where: points => ['--sweep', 'every:1', ...(points === undefined ? [] : ['--limit', String(points)])],
  }),
);

const programs = [wasi('words'), wasi('editor'), KEYVALUE].map(
  (subject): Cell => ({
    ...{ ...subject, ...KILL, part: 'programs', variant: 'deferred', epochLength: PROGRAM_EPOCH_LENGTH },
    processes: false,
    where: (points = PROGRAM_POINTS) => {
      const half = Math.ceil(points / 2);
      return ['--sweep', 'all', '--limit', String(half), '--points', String(Math.max(1, points - half))];
    },
  }),
);

function processes(subject: Subject, victim: Cell['victim'], fault: Cell['fault'], most: number): Cell {
  return {
    ...{ ...subject, part: 'processes', variant: 'deferred', epochLength: EPOCH_LENGTH, victim, fault },
    processes: true,
    where: (points = most) => ['--sweep', 'messages', '--limit', String(points)],
  };
}

const instructions = VARIANTS.flatMap(variant =>
  SUBJECTS.map(
    (subject): Cell => ({
      ...{ ...subject, ...KILL, part: 'instructions', variant, epochLength: EPOCH_LENGTH, processes: true },
      where: (points = INSTRUCTIONS_POINTS) => ['--points', String(points)],
    }),
  ),
);

export const CELLS: readonly Cell[] = [
  ...every,
  ...programs,
  ...[TELLER, ECHO, KEYVALUE].flatMap(subject =>
    (['primary', 'backup'] as const).map(victim => processes(subject, victim, 'kill', PROCESS_KILLS)),
  ),
  processes(TELLER, 'primary', 'pause', PROCESS_PAUSES),
  processes(KEYVALUE, 'backup', 'pause', PROCESS_PAUSES),
  ...instructions,
];

/** Names a cell in what is kept; no two have the same. */
export function nameOf({
  part,
  guest,
  variant,
  victim,
  fault,
}: Pick<Cell, 'part' | 'guest' | 'variant' | 'victim' | 'fault'>): string {
  return `${part}, ${guest}, ${variant}, ${fault} of the ${victim}`;
}

/** What the verb is given for it. */
export function flagsOf(cell: Cell, folder: string, points: number | undefined, jobs: string): string[] {
  const { variant, epochLength, victim, fault, processes, where, devices, path, args } = cell;
  return [
    ...['--variant', variant, '--epoch-length', String(epochLength), '--jobs', jobs],
    ...(processes ? ['--processes'] : []),
    ...(victim === 'backup' ? ['--backup'] : []),
    ...(fault === 'pause' ? ['--pause'] : []),
    ...where(points),
    ...devices(folder),
    path(),
    ...args,
  ];
}
