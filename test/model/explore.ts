// Spin's side of the model: a machine of it is explored to the end, and what breaks it is told in the model's own words.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MODEL = join(import.meta.dirname, 'protocol.pml');
/** Of memory, for states; more is an error, and so is a search that is deeper. */
const MEMORY_MB = 4000;
const DEPTH_MAX = 100_000;

export interface Exploration {
  readonly states: number;
  /** The invariant that does not hold, as the model names it: its label in brackets, and words. */
  readonly violated: string | undefined;
  /** How it came to that, a line a step. */
  readonly story: readonly string[];
}

/**
 * Explores every interleaving of the model with these definitions, or as far as the first that violates an invariant.
 *
 * @param optimised what is explored to the end is worth 2 s more of the compiler
 */
export function explore(definitions: readonly string[], optimised: '-O0' | '-O1'): Exploration {
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-model-'));
  try {
    const run = (program: string, ...words: string[]) =>
      execFileSync(program, words, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 });
    const flags = definitions.map(definition => `-D${definition}`);
    run('spin', '-a', ...flags, MODEL);
    run('gcc', optimised, '-w', '-DSAFETY', `-DMEMLIM=${MEMORY_MB}`, '-o', 'pan', 'pan.c');
    const report = run('./pan', `-m${DEPTH_MAX}`, '-w22');
    const [, states] = /^\s*(\d+) states, stored/m.exec(report) ?? [];
    const [, errors] = /, errors: (\d+)/.exec(report) ?? [];
    if (
      states === undefined ||
      errors === undefined ||
      (errors === '0' && /Search not completed|too small/.test(report))
    ) {
      throw new Error(`the model was not explored to the end:\n${report}`);
    }
    if (errors === '0') return { states: Number(states), violated: undefined, story: [] };
    if (!existsSync(join(folder, 'protocol.pml.trail'))) throw new Error(`an error has no trail:\n${report}`);
    const story = storyIn(run('spin', '-T', ...flags, '-k', 'protocol.pml.trail', MODEL));
    const violated = story.at(-1)?.match(/^VIOLATED: (.*)$/)?.[1];
    // Not an invariant, but a step that could not be taken as a whole.
    if (violated === undefined) throw new Error(`the model is wrong:\n${report}\n${story.join('\n')}`);
    return { states: Number(states), violated, story };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the steps say, up to what is violated; Spin's own lines left out. */
function storyIn(replay: string): string[] {
  const lines = replay.split('\n').map(line => line.trim());
  const end = lines.findIndex(line => line.startsWith('VIOLATED'));
  return lines.slice(0, end === -1 ? undefined : end + 1).filter(line => line !== '' && !/^(spin:|#|\d+:)/.test(line));
}
