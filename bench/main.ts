// `npm run bench [NAME...] [-- FLAGS]`: runs the benches that are named, or all; each is a program that answers one
// question and writes bench/results/NAME.md.
//
//   --tiny          so small that a test can run it; prints, and writes nothing
//   --compare REV   this tree and that commit in turn, and the ratios of their figures; writes nothing
//   --times N       rounds of that (default 5)
//   others          are flags of the bench that is named

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { BENCHES } from './benches.js';
import { TINY_VARIABLE } from './host.js';

function refuse(reason: string): never {
  console.error(`bench: ${reason}`);
  process.exit(2);
}

/** Takes a flag out of `words`, and its value with it. */
function takeValue(words: string[], flag: string): string | undefined {
  const at = words.indexOf(flag);
  if (at < 0) return undefined;
  const [, value] = words.splice(at, 2);
  return value ?? refuse(`${flag} needs a value`);
}

const words = process.argv.slice(2);
const revision = takeValue(words, '--compare');
const times = takeValue(words, '--times');
const isTiny = words.includes('--tiny');
const flagsAt = words.findIndex(word => word.startsWith('-'));
const named = words.slice(0, flagsAt < 0 ? undefined : flagsAt);
const flags = flagsAt < 0 ? [] : words.slice(flagsAt).filter(flag => flag !== '--tiny');

const unknown = named.find(name => !(name in BENCHES));
if (unknown !== undefined) refuse(`no bench '${unknown}'; there are ${Object.keys(BENCHES).join(', ')}`);
if (revision === undefined) runAll(named.length > 0 ? named : Object.keys(BENCHES));
else await compareWith(revision);

function runAll(names: readonly string[]): void {
  for (const name of names) {
    const { question, tiny } = BENCHES[name]!;
    console.error(`bench ${name}: ${question}`);
    const program = [join(import.meta.dirname, name, 'main.js'), ...(isTiny ? tiny : []), ...flags];
    const { status } = spawnSync(process.execPath, program, {
      stdio: 'inherit',
      env: isTiny ? { ...process.env, [TINY_VARIABLE]: '1' } : process.env,
    });
    if (status !== 0) {
      console.error(`bench ${name} failed`);
      process.exitCode = 1;
    }
  }
}

async function compareWith(revision: string): Promise<void> {
  const comparable = Object.keys(BENCHES).filter(name => BENCHES[name]!.round !== undefined);
  const other = named.find(name => !comparable.includes(name));
  if (other !== undefined) refuse(`'${other}' can't be compared; those that can are ${comparable.join(', ')}`);
  const count = Number(times ?? 5);
  if (!Number.isSafeInteger(count) || count < 2)
    refuse('--times is a whole number from 2 on: intervals need two rounds');
  // Its handlers of signals are for processes that are not waited for as above.
  const [{ compare }, { UnusableRevision }, { wasInterrupted }] = await Promise.all([
    import('./compare/compare.js'),
    import('./compare/revision.js'),
    import('./processes.js'),
  ]);
  try {
    await compare({ revision, benches: named, times: count, flags }, console.log);
  } catch (error) {
    // The handler of the signal says the status.
    if (wasInterrupted()) return;
    if (error instanceof UnusableRevision) refuse(error.message);
    console.error(`bench: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
