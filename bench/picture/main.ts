// `npm run picture`: types into `epochvisor demo --prompt`, and draws what the terminal shows as docs/prompt.svg.
//
//   --out FILE    in place of docs/prompt.svg

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { isTiny, ROOT } from '../host.js';
import { drawTerminal, type Piece } from './terminal.js';

const { values } = parseArgs({ options: { out: { type: 'string', default: join(ROOT, 'docs', 'prompt.svg') } } });

const PROMPT = 'ruby> ';
const LINES = isTiny
  ? ['exit']
  : ['notes = ["buy milk"]', 'notes << "pay Bressoud and Schneider"', 'notes.size', 'exit 7'];
const KEY_MS = 55;
/** Before the first key of a line, and at least that long after what was said. */
const THINK_MS = 900;
const COMMAND = '$ npm run demo -- --prompt';

const pieces: Piece[] = [];
const start = performance.now();
/** The start of the machine is not shown: the picture's clock stands still meanwhile. */
let skippedMs = 0;
const now = () => performance.now() - start - skippedMs;
const say = (text: string) => void pieces.push({ atMs: now(), text });
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

async function type(text: string): Promise<void> {
  for (const key of text) {
    say(key);
    await pause(KEY_MS);
  }
  say('\n');
}

await type(COMMAND);
const child = spawn(process.execPath, [join(ROOT, 'dist', 'bundle', 'cli-main.js'), 'demo', '--prompt'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const ended = new Promise<number | null>(resolve => child.once('close', resolve));
let all = '';
child.stdout.on('data', (bytes: Buffer) => {
  all += bytes.toString();
  say(bytes.toString());
});

/** At a prompt, after so many have taken over. */
async function asked(takeovers: number): Promise<void> {
  for (;;) {
    if (all.endsWith(`\n${PROMPT}`) && all.split('TAKEOVER').length - 1 === takeovers) return;
    if (child.exitCode !== null) throw new Error(`the demo has ended: ${all}`);
    await pause(10);
  }
}

const startedMs = performance.now();
for (const [takeovers, line] of LINES.entries()) {
  await asked(takeovers);
  if (takeovers === 0) skippedMs = performance.now() - startedMs - THINK_MS;
  await pause(THINK_MS);
  await type(line);
  child.stdin.write(`${line}\n`);
}
const status = await ended;
say(`$ echo $?\n${status}\n$ `);
// What was said before the clock stood still is not later than what came after it.
let latestMs = Number.POSITIVE_INFINITY;
const inOrder = pieces.toReversed().map(({ atMs, text }) => {
  latestMs = Math.min(latestMs, atMs);
  return { atMs: latestMs, text };
});
const svg = drawTerminal(inOrder.toReversed());
if (!isTiny) writeFileSync(values.out, svg);
console.log(
  markdownTable([
    ['picture', 'pieces', 'bytes'],
    [isTiny ? 'not kept' : values.out, String(pieces.length), String(svg.length)],
  ]),
);
