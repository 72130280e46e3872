// What the WASI programs of test/programs are run with: arguments, stdin, and a folder with its files.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildProgram, buildRuby } from './programs.js';

export interface ProgramCase {
  readonly name: string;
  readonly language: 'c' | 'rust' | 'ruby';
  /** The path of the binary, built where needed. */
  readonly program: () => string;
  readonly arguments: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
  readonly stdin: string;
  /** Files of the folder that the program knows as FOLDER, by path; undefined: it is given none. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

/** Where every program finds its folder. */
export const FOLDER = '/data';

/** Numbers that are the same everywhere and always. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
}

const SYLLABLES = ['ka', 'lo', 'mi', 'ne', 'ru', 'sta', 'vo', 'xi', 'ya', 'ze', 'bor', 'dun'];

function words(count: number, seed: number): string[] {
  const next = numbers(seed);
  return Array.from({ length: count }, () => {
    // The product of two favours the small: some words are frequent.
    let rest = (next() % 50) * (next() % 50);
    let word = '';
    do {
      word += SYLLABLES[rest % SYLLABLES.length];
      rest = Math.floor(rest / SYLLABLES.length);
    } while (rest > 0);
    return word;
  });
}

function text(lines: number, seed: number): string {
  const all = words(lines * 8, seed);
  return Array.from({ length: lines }, (_, line) => `${all.slice(line * 8, line * 8 + 8).join(' ')}.\n`).join('');
}

/** About 60 bytes a line, the same everywhere and always. */
export function sampleText(lines: number): string {
  return text(lines, 3);
}

function editing(commands: number): string {
  const next = numbers(5);
  const vocabulary = words(commands, 6);
  const script: string[] = [];
  for (let at = 0; at < commands; at++) {
    const word = vocabulary[at]!;
    const line = 1 + (next() % 30);
    script.push(
      [`a ${word} ${word}`, `i ${line} ${word}`, `d ${line}`, `s ${line} ${SYLLABLES[at % 12]} ${word}`, 'u', 'p', 'w'][
        [0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6, 6][next() % 12]!
      ]!,
    );
  }
  return `${script.join('\n')}\nnonsense\nw\np\nq\n`;
}

function entries(count: number): string {
  const next = numbers(11);
  const lines = Array.from({ length: count }, (_, at) =>
    at % 97 === 13 ? 'no entry at all' : `${SYLLABLES[next() % 12]} ${(next() % 20_000) - 10_000}`,
  );
  return `${lines.join('\n')}\n`;
}

const shared = { language: 'c', arguments: [], environment: [], stdin: '' } as const;

/** In C: a word counter, a sorter, a sieve, a compressor, a line editor. In Rust: a ledger. */
export const PROGRAMS: readonly ProgramCase[] = [
  { ...shared, name: 'words', program: () => buildProgram('words.c'), stdin: text(6000, 1) },
  {
    ...shared,
    name: 'sorter',
    program: () => buildProgram('sorter.c'),
    arguments: [FOLDER, 'input.txt', 'sorted.txt', '700'],
    files: { 'input.txt': text(6000, 2) },
  },
  { ...shared, name: 'sieve', program: () => buildProgram('sieve.c'), arguments: ['20000000', '20000'] },
  {
    ...shared,
    name: 'compressor',
    program: () => buildProgram('compressor.c'),
    arguments: [`${FOLDER}/text`, `${FOLDER}/text.packed`, `${FOLDER}/text.unpacked`],
    files: { text: text(12_000, 3) },
  },
  {
    ...shared,
    name: 'editor',
    program: () => buildProgram('editor.c'),
    arguments: [`${FOLDER}/notes/letter.txt`],
    stdin: editing(300),
    files: { 'notes/letter.txt': text(20, 4) },
  },
  {
    ...shared,
    name: 'ledger (Rust)',
    language: 'rust',
    program: () => buildProgram('ledger.rs'),
    arguments: [FOLDER],
    stdin: entries(600),
    files: { journal: 'opening\t100\n' },
  },
];

/** Files, blocks, regular expressions and floating point in an interpreter that nobody wrote for us. */
export const RUBY_CASE: ProgramCase = {
  ...shared,
  name: 'ruby',
  language: 'ruby',
  program: () => buildRuby(),
  arguments: [`${FOLDER}/report.rb`, `${FOLDER}/text`],
  environment: ['LANG=C.UTF-8'],
  files: {
    'report.rb': readFileSync(resolve('test', 'programs', 'report.rb'), 'utf8'),
    text: text(400, 9),
  },
};

/** Puts the files of a case into an empty folder. */
export function fillFolder(folder: string, files: NonNullable<ProgramCase['files']>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content);
  }
}
