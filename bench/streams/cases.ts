// What is measured: programs of test/programs that do little but move bytes, or fill memory, and the shell commands around.

import { buildProgram } from '../wasi/programs.js';

const MEGABYTES = 100;
const STREAM_BYTES = MEGABYTES << 20;

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
export const CASES: readonly StreamCase[] = [
  { name: 'nothing', program: swallow, arguments: [], shell: '{} </dev/null', prints: /^0 bytes\n$/ },
  {
    name: `stdin, ${MEGABYTES} MB`,
    program: swallow,
    arguments: [],
    shell: `head -c ${STREAM_BYTES} /dev/zero | {}`,
    prints: new RegExp(`^${STREAM_BYTES} bytes\n$`),
  },
  {
    name: `stdout, ${MEGABYTES} MB`,
    program: spout,
    arguments: [String(MEGABYTES)],
    shell: '{} </dev/null | wc -c',
    prints: new RegExp(`^${STREAM_BYTES}\n$`),
  },
  filling(700),
  filling(1500),
];
