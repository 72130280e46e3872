// `npm run bench [NAME...]`: runs the benches that are named, or all; each is a program that answers one question and
// writes bench/results/NAME.md.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const QUESTIONS: Readonly<Record<string, string>> = {
  instrumentation: 'what does rewriting cost?',
  snapshot: 'what does it cost to be suspendable, and to be suspended?',
  boundary: 'what does the end of an epoch cost?',
  tune: 'what do epoch length and variant cost?',
  latency: 'how late do interrupts come?',
  start: 'how much longer does a pair take to start?',
  wasi: 'what does a WASI program cost on a pair?',
  streams: 'how long do 100 MB through a stream take, and memory that is filled?',
  tcp: 'what does a TCP client of a pair feel?',
  path: 'where does the time of one answer go?',
  takeover: 'how long is it silent after a kill?',
  joining: 'how long is a machine not Protected after a death?',
};

const flagsAt = process.argv.findIndex((word, index) => index > 1 && word.startsWith('-'));
const named = process.argv.slice(2, flagsAt < 0 ? undefined : flagsAt);
/** Of the one that is named. */
const flags = flagsAt < 0 ? [] : process.argv.slice(flagsAt);
const unknown = named.find(name => !(name in QUESTIONS));
if (unknown !== undefined) {
  console.error(`bench: no bench '${unknown}'; there are ${Object.keys(QUESTIONS).join(', ')}`);
  process.exit(2);
}
for (const name of named.length > 0 ? named : Object.keys(QUESTIONS)) {
  console.error(`bench ${name}: ${QUESTIONS[name]}`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, name, 'main.js'), ...flags], {
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error(`bench ${name} failed`);
    process.exitCode = 1;
  }
}
