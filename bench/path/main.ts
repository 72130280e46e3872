// Where does the time of one answer go? One client asks, over and over; each process notes when the answer passes which place
// (hook.ts), and the steps between them are told.
//
//   --seconds N   of asking for each (default 3)
//   --rounds N    (default 3), alternating

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import type { Status } from '../../engine/observe/status.js';
import { publish, quantile, ROOT } from '../host.js';
import { owned, ownedFolder, removeFolder } from '../processes.js';
import { buildProgram } from '../wasi/programs.js';
import { AT_BACKUP, FOLDER_VARIABLE, PLACES, type Place } from './places.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '3' }, rounds: { type: 'string', default: '3' } },
});
const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];

const QUESTION = Buffer.alloc(64, 'x');
const WARM_UP_MS = Math.min(1_000, seconds * 1_000);
const folder = ownedFolder();
const statusFile = join(folder, 'status.json');
const program = buildProgram('echoes.c');

const KINDS = { simplex: ['--replicas', '1'], pair: [] } as const;
type Kind = keyof typeof KINDS;

interface Answer {
  readonly askedNs: number;
  readonly readNs: number;
}

interface Noted {
  readonly place: Place;
  readonly atNs: number;
}

const nowNs = () => Number(process.hrtime.bigint());

async function protectedStatus(kind: Kind): Promise<Status> {
  for (;;) {
    try {
      const status = JSON.parse(readFileSync(statusFile, 'utf8')) as Status;
      if (status.protected || kind === 'simplex') return status;
    } catch {
      // It is not there yet.
    }
    await sleep(5);
  }
}

async function ask(path: string, ms: number): Promise<Answer[]> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  const answers: Answer[] = [];
  const endMs = performance.now() + ms;
  await new Promise<void>(resolve => {
    let askedNs = 0;
    let awaited = 0;
    const next = () => {
      awaited = QUESTION.length;
      askedNs = nowNs();
      socket.write(QUESTION);
    };
    socket.on('data', (bytes: Buffer) => {
      awaited -= bytes.length;
      if (awaited > 0) return;
      answers.push({ askedNs, readNs: nowNs() });
      if (performance.now() < endMs) next();
      else resolve();
    });
    next();
  });
  socket.destroy();
  return answers;
}

/** What was noted, in the order of time. */
function noted(from: string, backup: number | undefined): Noted[] {
  return readdirSync(from)
    .flatMap(file => {
      const isBackup = backup !== undefined && file.startsWith(`${backup}-`);
      return readFileSync(join(from, file), 'utf8')
        .trim()
        .split('\n')
        .map(line => ({
          atNs: Number(line.slice(0, line.indexOf(' '))),
          place: line.slice(line.indexOf(' ') + 1) as Place,
        }))
        .filter(({ place }) => AT_BACKUP.includes(place) === isBackup);
    })
    .sort((one, other) => one.atNs - other.atNs);
}

/** Of each step, how long it took for each answer, µs. */
function steps(answers: readonly Answer[], all: readonly Noted[]): Map<Place, number[]> {
  const taken = new Map<Place, number[]>();
  let next = 0;
  for (const { askedNs, readNs } of answers) {
    const passed = new Map<Place, number>([['asked', askedNs]]);
    while (next < all.length && all[next]!.atNs < askedNs) next += 1;
    for (; next < all.length && all[next]!.atNs < readNs; next++) {
      const { place, atNs } = all[next]!;
      if (!passed.has(place)) passed.set(place, atNs);
    }
    passed.set('answer read', readNs);
    // What holds an answer back is the later of both.
    const acknowledged = passed.get('acknowledged');
    for (const [place, atNs] of passed) {
      let fromNs = passed.get(PLACES[place].from);
      if (place === 'output sent' && acknowledged !== undefined) fromNs = Math.max(fromNs ?? 0, acknowledged);
      if (fromNs === undefined) continue;
      const times = taken.get(place) ?? [];
      taken.set(place, times);
      times.push((atNs - fromNs) / 1e3);
    }
  }
  return taken;
}

interface Run {
  readonly totals: number[];
  readonly steps: Map<Place, number[]>;
}

/** @param traced with the hook; without it the totals are those of production */
async function run(kind: Kind, traced: boolean): Promise<Run> {
  rmSync(folder, { recursive: true, force: true });
  const notes = join(folder, 'notes');
  mkdirSync(notes, { recursive: true });
  const path = join(folder, 'socket');
  const main = join(ROOT, 'dist', 'bundle', 'cli-main.js');
  const flags = ['--quiet', '--status-file', statusFile, '--listen', `unix:${path}`, ...KINDS[kind]];
  const hook = join(ROOT, 'dist', 'bench', 'path', 'hook.js');
  const env = traced ? { ...process.env, NODE_OPTIONS: `--import ${hook}`, [FOLDER_VARIABLE]: notes } : process.env;
  const words = [main, 'run', ...flags, program];
  const machine: ChildProcess = owned(spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'], env }));
  await once(machine.stdout!, 'data');
  const { backups } = await protectedStatus(kind);
  await ask(path, WARM_UP_MS);
  const answers = await ask(path, seconds * 1000);
  const ended = once(machine, 'exit');
  createConnection(path)
    .on('error', () => undefined)
    .resume()
    .write('quit');
  await ended;
  const totals = answers.map(({ askedNs, readNs }) => (readNs - askedNs) / 1e3);
  return { totals, steps: traced ? steps(answers, noted(notes, backups[0]?.pid)) : new Map() };
}

/** The round trip of 100 bytes between two processes that do nothing else, as ws on loopback has it, µs. */
async function pingPong(): Promise<number> {
  const echo = owned(fork(join(ROOT, 'dist', 'bench', 'path', 'echo.js')));
  const [median] = (await once(echo, 'message')) as [number];
  echo.kill();
  return median;
}

const roundTrips: number[] = [];
const totals: Record<Kind, number[]> = { simplex: [], pair: [] };
const late: Record<Kind, number[]> = { simplex: [], pair: [] };
const taken: Record<Kind, Map<Place, number[]>> = { simplex: new Map(), pair: new Map() };
for (let round = 0; round < rounds; round++) {
  roundTrips.push(await pingPong());
  for (const kind of Object.keys(KINDS) as Kind[]) {
    const plain = await run(kind, false);
    totals[kind].push(quantile(plain.totals, 0.5));
    late[kind].push(quantile(plain.totals, 0.99));
    for (const [place, times] of (await run(kind, true)).steps) {
      taken[kind].set(place, [...(taken[kind].get(place) ?? []), quantile(times, 0.5)]);
    }
  }
}
removeFolder(folder);

const median = (all: readonly number[] | undefined) => (all === undefined ? Number.NaN : quantile(all, 0.5));
const shown = (us: number) => (Number.isNaN(us) ? '' : us.toFixed(0));
const rows = (Object.keys(PLACES) as Place[])
  .filter(place => place !== 'asked')
  .map(place => [
    PLACES[place].what,
    place === 'output sent' ? 'output taken, acknowledged' : PLACES[place].from,
    place,
    shown(median(taken.simplex.get(place))),
    shown(median(taken.pair.get(place))),
  ]);
const table = markdownTable([['step', 'from', 'to', 'simplex, µs', 'pair, µs'], ...rows], {
  align: ['l', 'l', 'l', 'r', 'r'],
});
const added = median(totals.pair) - median(totals.simplex);
publish(
  'path',
  'Where the time of one answer goes',
  `One client asks ${QUESTION.length} bytes of test/programs/echoes.c over a unix socket, back to back; ${rounds} alternating rounds of ${seconds} s,
medians of the rounds. The steps are those of runs in which each process notes the time at each place, which costs some time of
its own; the totals are those of runs in which none does. A pair's output waits for the later of two: the guest's answer and the
acknowledgement.

${table}

Without notes: simplex ${shown(median(totals.simplex))} µs (p99 ${shown(median(late.simplex))}), pair ${shown(median(totals.pair))} µs (p99 ${shown(median(late.pair))}); the backup adds ${shown(added)} µs,
${(added / median(roundTrips)).toFixed(1)} round trips of ws between two processes that do nothing else (100 bytes, ${shown(median(roundTrips))} µs).`,
);
