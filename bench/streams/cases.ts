// What is measured: programs of test/programs that do little but move bytes, or fill memory, and the shell commands around.

import { buildProgram } from '../wasi/programs.js';

export interface StreamCase {
  readonly name: string;
  readonly program: string;
  readonly arguments: readonly string[];
  /** Around the command, in a shell: `{}` stands for it. */
  readonly shell: string;
  /** What the whole prints. */
  readonly prints: RegExp;
}

const swallow = buildProgram('swallow.c');
const spout = buildProgram('spout.c');
const fill = buildProgram('fill.c');

function filling(megabytes: number): StreamCase {
  return {
    name: `memory, ${megabytes} MB filled`,
    program: fill,
    arguments: [String(megabytes)],
    shell: '{} </dev/null',
    prints: /^[0-9a-f]+\n$/,
  };
}

/** The first is what a start and an end take; the others have that in them, too. */
export function streamCases(megabytes: number, filled: readonly number[]): readonly StreamCase[] {
  const bytes = megabytes << 20;
  return [
    { name: 'nothing', program: swallow, arguments: [], shell: '{} </dev/null', prints: /^0 bytes\n$/ },
    {
      name: `stdin, ${megabytes} MB`,
      program: swallow,
      arguments: [],
      shell: `head -c ${bytes} /dev/zero | {}`,
      prints: new RegExp(`^${bytes} bytes\n$`),
    },
    {
      name: `stdout, ${megabytes} MB`,
      program: spout,
      arguments: [String(megabytes)],
      shell: '{} </dev/null | wc -c',
      prints: new RegExp(`^${bytes}\n$`),
    },
    ...filled.map(filling),
  ];
}
