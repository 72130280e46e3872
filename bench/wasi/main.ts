// What does a WASI program cost on a pair, against node:wasi with the same module? CPU, start and clocks.
//
//   --rounds N    (default 3)
//   --work PART   of the work of the CPU-bound programs and the calls of the clock (default 1)
//   --no-ruby     without the Ruby interpreter, which comes from the npm registry

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { FIRST_ROUND, publish, quantile, ROOT } from '../host.js';
import { ownedFolder, removeFolder } from '../processes.js';
import { FOLDER, PROGRAMS, type ProgramCase, RUBY_CASE, sampleText } from './cases.js';
import { forgetCode, useOwnCache, withoutCode } from './kept-code.js';
import type { LoadSteps } from './load-steps.js';
import { differenceFromPlain, type PairResult, runPair } from './pair.js';
import { runPlain } from './plain.js';
import { buildProgram, buildRuby } from './programs.js';
import { GuestThreadTime } from './thread-time.js';

useOwnCache();
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    work: { type: 'string', default: '1' },
    ruby: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const ROUNDS = Number(values.rounds);
const ofWork = (all: number) => Math.round(Number(values.work) * all);

function named(name: string): ProgramCase {
  return PROGRAMS.find(program => program.name === name)!;
}

interface CpuBound {
  /** Long enough that starting and tiering up weigh little. */
  readonly long: ProgramCase;
  /** Next to nothing to do: what the start costs. */
  readonly short: ProgramCase;
}

function rubyLoop(turns: number): ProgramCase {
  const script = `sum = 0.0\n1.upto(${turns}) { |k| sum += (k.odd? ? 1.0 : -1.0) / (2 * k - 1) }\nputs sum * 4\n`;
  return { ...RUBY_CASE, name: 'ruby, a loop', arguments: [`${FOLDER}/loop.rb`], files: { 'loop.rb': script } };
}

const CPU_BOUND: readonly CpuBound[] = [
  {
    long: { ...named('sieve'), arguments: [String(ofWork(250_000_000)), '1000000'] },
    short: { ...named('sieve'), arguments: ['1000', '100'] },
  },
  {
    long: { ...named('compressor'), files: { text: sampleText(ofWork(300_000)) } },
    short: { ...named('compressor'), files: { text: sampleText(10) } },
  },
  ...(values.ruby ? [{ long: rubyLoop(ofWork(3_000_000)), short: rubyLoop(10) }] : []),
];

/** CPU of the program's thread from its first instruction to its last, and the time that passed meanwhile. */
interface Measured {
  readonly cpuMs: number;
  readonly wallMs: number;
}

interface Compared {
  readonly alone: Measured;
  readonly pair: Measured;
}

/** The same program where no machine code was kept, where the first run's was, and with next to nothing to do. */
interface Round {
  readonly first: Compared;
  readonly later: Compared;
  readonly brief: Compared;
}

async function measurePair(
  program: ProgramCase,
): Promise<Measured & { readonly loadMs: number; readonly result: PairResult }> {
  let time: GuestThreadTime | undefined;
  let wallMs = 0;
  const result = await runPair(program, {
    onMachine: machine => {
      time = new GuestThreadTime(machine);
      const ended = () => {
        wallMs = time!.wallMs;
      };
      machine.outcome.then(ended, ended);
    },
  });
  return { cpuMs: time!.stop(), loadMs: time!.loadMs, wallMs, result };
}

async function compare(program: ProgramCase): Promise<Compared> {
  const alone = runPlain(program);
  const { result, cpuMs, wallMs } = await measurePair(program);
  const difference = differenceFromPlain(alone, result);
  if (difference !== undefined) throw new Error(`${program.name} differs from plain: ${difference}`);
  return { alone: { cpuMs: alone.cpuMs, wallMs: alone.programMs }, pair: { cpuMs, wallMs } };
}

const median = (values: readonly number[]) => quantile(values, 0.5);

async function cpuTable(): Promise<string> {
  const rows: string[][] = [];
  for (const { long, short } of CPU_BOUND) {
    const rounds: Round[] = [];
    for (let round = FIRST_ROUND; round < ROUNDS; round++) {
      forgetCode();
      const first = await compare(long);
      const later = await compare(long);
      const brief = await compare(short);
      if (round >= 0) rounds.push({ first, later, brief });
    }
    const ms = (of: (round: Round) => number) => median(rounds.map(of)).toFixed(0);
    const ratio = (of: (round: Round) => Compared) => {
      return median(rounds.map(of).map(({ alone, pair }) => pair.cpuMs / alone.cpuMs)).toFixed(2);
    };
    const steady = rounds.map(({ later, brief }) => {
      return (later.pair.cpuMs - brief.pair.cpuMs) / (later.alone.cpuMs - brief.alone.cpuMs);
    });
    rows.push([
      long.name,
      ms(({ later }) => later.alone.cpuMs),
      ms(({ first }) => first.pair.cpuMs),
      ratio(({ first }) => first),
      ms(({ later }) => later.pair.cpuMs),
      ratio(({ later }) => later),
      ms(({ brief }) => brief.alone.cpuMs),
      ms(({ brief }) => brief.pair.cpuMs),
      median(steady).toFixed(2),
      ms(({ later }) => later.alone.wallMs),
      ms(({ first }) => first.pair.wallMs),
      ms(({ later }) => later.pair.wallMs),
    ]);
  }
  const head = [
    'program',
    'CPU alone, ms',
    'guest thread, first run',
    'ratio',
    'guest thread, later runs',
    'ratio',
    'of it start: alone',
    'start: guest thread',
    'ratio without start',
    'wall alone, ms',
    'wall, first run',
    'wall, later runs',
  ];
  return markdownTable([head, ...rows], { align: ['l', ...head.slice(1).map(() => 'r')] });
}

/** The loop with the interpreter that has its library: what it leaves is there when that one starts. */
async function keepCode(): Promise<void> {
  await runPair({ ...rubyLoop(3_000_000), program: () => buildRuby(true) });
}

/** Whole commands with a script that does nothing, alternating. */
function startTable(): string {
  const base = ownedFolder();
  try {
    writeFileSync(join(base, 'nothing.rb'), 'puts :ready\n');
    const program = buildRuby(true);
    const script = `${FOLDER}/nothing.rb`;
    const plain = {
      program,
      arguments: ['ruby', script],
      environment: {},
      folders: { [FOLDER]: base },
    };
    const main = join(ROOT, 'dist', 'bundle', 'cli-main.js');
    const flags = ['--dir', `${base}::${FOLDER}`, program, script];
    const host = join(ROOT, 'dist', 'bench', 'wasi', 'plain-host.js');
    const commands = {
      'node:wasi': ['--no-warnings', '--no-turbo-fast-api-calls', host, JSON.stringify(plain)],
      'run --replicas 1': [main, 'run', '--replicas', '1', ...flags],
      run: [main, 'run', ...flags],
      [NO_CODE]: [main, 'run', ...flags],
    };
    const times = new Map<string, number[]>(Object.keys(commands).map(name => [name, []]));
    for (let round = FIRST_ROUND; round < ROUNDS; round++) {
      for (const [name, args] of Object.entries(commands)) {
        const start = performance.now();
        const spawn = () => spawnSync(process.execPath, args, { encoding: 'utf8' });
        const { status, stdout } = name === NO_CODE ? withoutCode(spawn) : spawn();
        const ms = performance.now() - start;
        if (status !== 0 || stdout !== 'ready\n') throw new Error(`${name} failed with status ${status}`);
        if (round >= 0) times.get(name)!.push(ms);
      }
    }
    const alone = times.get('node:wasi')!;
    const rows = [...times].map(([name, all]) => {
      const more = all.map((ms, round) => ms - alone[round]!);
      return [name, ...[quantile(all, 0.5), Math.min(...all), quantile(more, 0.5)].map(ms => ms.toFixed(0))];
    });
    const head = ['command', 'median, ms', 'least, ms', 'more than alone, ms (median)'];
    return markdownTable([head, ...rows], { align: ['l', 'r', 'r', 'r'] });
  } finally {
    removeFolder(base);
  }
}

const NO_CODE = 'run, without code kept by an earlier run';

/** Where the start goes: CPU of the thread that runs the program, which no other load changes much. */
async function startStepsTable(): Promise<string> {
  const program: ProgramCase = {
    ...RUBY_CASE,
    program: () => buildRuby(true),
    arguments: [`${FOLDER}/nothing.rb`],
    files: { 'nothing.rb': 'puts :ready\n' },
  };
  const script = join(ROOT, 'dist', 'bench', 'wasi', 'load-steps.js');
  const steps: LoadSteps[] = [];
  const compared: Compared[] = [];
  const loads: number[] = [];
  for (let round = FIRST_ROUND; round < ROUNDS; round++) {
    const { stdout, status } = spawnSync(process.execPath, [script, buildRuby(true)], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`load-steps failed with status ${status}`);
    const alone = runPlain(program);
    const { loadMs, cpuMs, wallMs } = await measurePair(program);
    if (round < 0) continue;
    steps.push(JSON.parse(stdout) as LoadSteps);
    compared.push({ alone: { cpuMs: alone.cpuMs, wallMs: alone.programMs }, pair: { cpuMs, wallMs } });
    loads.push(loadMs);
  }
  const ms = (values: readonly number[]) => median(values).toFixed(0);
  const rows = [
    ['reading the file', '', ms(steps.map(({ readMs }) => readMs))],
    ['finding it in the module cache (three SHA-256)', '', ms(steps.map(({ cacheMs }) => cacheMs))],
    ['compiling it, with the machine code that is kept', '', ms(steps.map(({ compileMs }) => compileMs))],
    ['all before the first instruction, with Node’s own worker', '', ms(loads)],
    [
      'the program, to its end',
      ms(compared.map(({ alone }) => alone.cpuMs)),
      ms(compared.map(({ pair }) => pair.cpuMs)),
    ],
  ];
  return markdownTable([['step', 'node:wasi, CPU ms', 'primary’s guest thread, CPU ms'], ...rows], {
    align: ['l', 'r', 'r'],
  });
}

const CLOCK_CALLS = ofWork(2_000_000);

async function clockTable(): Promise<string> {
  const program = (calls: number): ProgramCase => ({
    ...named('sieve'),
    name: 'clock',
    program: () => buildProgram('clock.c'),
    arguments: [String(calls)],
  });
  const nsAlone: number[] = [];
  const ns: number[] = [];
  let logBytes = 0;
  for (let round = FIRST_ROUND; round < ROUNDS; round++) {
    const alone = runPlain(program(CLOCK_CALLS)).cpuMs;
    const none = await measurePair(program(1));
    const many = await measurePair(program(CLOCK_CALLS));
    if (round < 0) continue;
    nsAlone.push((alone * 1e6) / CLOCK_CALLS);
    ns.push(((many.cpuMs - Math.max(0, none.cpuMs)) * 1e6) / CLOCK_CALLS);
    logBytes = many.result.logBytes;
  }
  return markdownTable(
    [
      ['', 'ns of CPU a call (median)', 'least', 'log, bytes a call'],
      ['node:wasi', quantile(nsAlone, 0.5).toFixed(0), Math.min(...nsAlone).toFixed(0), ''],
      [
        'primary of a pair',
        quantile(ns, 0.5).toFixed(0),
        Math.min(...ns).toFixed(0),
        (logBytes / CLOCK_CALLS).toFixed(2),
      ],
    ],
    { align: ['l', 'r', 'r', 'r'] },
  );
}

async function rubySection(): Promise<string[]> {
  await keepCode();
  return [
    '## Start of the Ruby interpreter with its standard library, 31 MB, warm cache (aim: within 2 s of plain)',
    '',
    'The code that is kept was left by the loop above: V8 had not been done with the largest functions when a script ended that does',
    'nothing. Without it, which is the first run of all, V8 optimises some 450 functions in the background, in both replicas.',
    '',
    startTable(),
    '',
    await startStepsTable(),
    '',
  ];
}

const cpu = await cpuTable();
const sections = [
  `${ROUNDS} alternating rounds, medians; ratios are medians of the rounds' own. A pair keeps five threads busy, and this`,
  'host has two cores: wall times say what a user of such a host feels, CPU times what the guest thread costs.',
  '',
  '## CPU-bound programs (aim: 1.10 of plain CPU)',
  '',
  'From the first instruction to the last; `node:wasi` with `--no-turbo-fast-api-calls`. Of the first run nothing was kept but the',
  'rewritten module; later ones begin with the machine code that it has left. The start is such a later run of the same',
  'program with next to nothing to do; both compile functions when they are first called, and load the folder.',
  '',
  cpu,
  '',
  'Sieve and compressor spend their time in one function that is entered once: V8 leaves it in baseline code, the hints of',
  'the rewritten module (engine/instrument/hints.ts) have it optimised first. Ruby is optimised by V8 on either side, in the',
  'background, and runs in baseline code until then: rewritten, its functions take V8 more than twice as long, and a pair has',
  'it done twice, on the cores on which its guests run. That is the difference between the first run and later ones.',
  '',
  ...(values.ruby ? await rubySection() : []),
  '## clock_time_get in a tight loop (aims: 200 ns a call, 4 bytes of log)',
  '',
  await clockTable(),
];
if (values.ruby) publish('wasi', 'What a WASI program costs on a pair', sections.join('\n'));
else console.log(sections.join('\n'));
