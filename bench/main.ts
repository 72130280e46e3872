// `npm run bench [NAME...] [-- FLAGS]`: runs the benches that are named, or all; each is a program that answers one
// question and writes bench/results/NAME.md.
//
//   --tiny          so small that a test can run it; prints, and writes nothing
//   others          are flags of the bench that is named

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { BENCHES } from './benches.js';
import { TINY_VARIABLE } from './host.js';

const flagsAt = process.argv.findIndex((word, index) => index > 1 && word.startsWith('-'));
const named = process.argv.slice(2, flagsAt < 0 ? undefined : flagsAt);
const given = flagsAt < 0 ? [] : process.argv.slice(flagsAt);
const flags = given.filter(flag => flag !== '--tiny');
const isTiny = flags.length < given.length;

const unknown = named.find(name => !(name in BENCHES));
if (unknown !== undefined) {
  console.error(`bench: no bench '${unknown}'; there are ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}
for (const name of named.length > 0 ? named : Object.keys(BENCHES)) {
  const { question, tiny } = BENCHES[name]!;
  console.error(`bench ${name}: ${question}`);
  const words = [join(import.meta.dirname, name, 'main.js'), ...(isTiny ? tiny : []), ...flags];
  const { status } = spawnSync(process.execPath, words, {
    stdio: 'inherit',
    env: isTiny ? { ...process.env, [TINY_VARIABLE]: '1' } : process.env,
  });
  if (status !== 0) {
    console.error(`bench ${name} failed`);
    process.exitCode = 1;
  }
}
