// What does a WASI program cost on a pair, against node:wasi with the same module? CPU, start and clocks.
//
//   --rounds N   (default 3)

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { publish, quantile, ROOT } from '../host.js';
import { FOLDER, PROGRAMS, type ProgramCase, RUBY_CASE, sampleText } from './cases.js';
import { differenceFromPlain, type PairResult, runPair } from './pair.js';
import { runPlain } from './plain.js';
import { buildProgram, buildRuby } from './programs.js';
import { GuestThreadTime } from './thread-time.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const ROUNDS = Number(values.rounds);

function named(name: string): ProgramCase {
  return PROGRAMS.find(program => program.name === name)!;
}

/** Long enough that starting and tiering up weigh little. */
const CPU_BOUND: readonly ProgramCase[] = [
  { ...named('sieve'), arguments: ['250000000', '1000000'] },
  { ...named('compressor'), files: { text: sampleText(300_000) } },
  {
    ...RUBY_CASE,
    name: 'ruby, a loop',
    arguments: [`${FOLDER}/loop.rb`],
    files: {
      'loop.rb': 'sum = 0.0\n1.upto(3_000_000) { |k| sum += (k.odd? ? 1.0 : -1.0) / (2 * k - 1) }\nputs sum * 4\n',
    },
  },
];

interface Measured {
  readonly cpuMs: number;
  readonly wallMs: number;
}

async function measurePair(program: ProgramCase): Promise<Measured & { readonly result: PairResult }> {
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
  return { cpuMs: time!.stop(), wallMs, result };
}

async function cpuTable(): Promise<string> {
  const rows: string[][] = [];
  for (const program of CPU_BOUND) {
    const plain: Measured[] = [];
    const pair: Measured[] = [];
    // One round more, for the caches; it is not counted.
    for (let round = -1; round < ROUNDS; round++) {
      const alone = runPlain(program);
      const { result, ...measured } = await measurePair(program);
      const difference = differenceFromPlain(alone, result);
      if (difference !== undefined) throw new Error(`${program.name} differs from plain: ${difference}`);
      if (round < 0) continue;
      plain.push({ cpuMs: alone.cpuMs, wallMs: alone.programMs });
      pair.push(measured);
    }
    const ratio = (of: keyof Measured) =>
      quantile(
        pair.map((each, round) => each[of] / plain[round]![of]),
        0.5,
      );
    const median = (all: readonly Measured[], of: keyof Measured) =>
      quantile(
        all.map(each => each[of]),
        0.5,
      ).toFixed(0);
    rows.push([
      program.name,
      median(plain, 'cpuMs'),
      median(pair, 'cpuMs'),
      ratio('cpuMs').toFixed(2),
      median(plain, 'wallMs'),
      median(pair, 'wallMs'),
      ratio('wallMs').toFixed(2),
    ]);
  }
  const head = [
    'program',
    'CPU alone, ms',
    'CPU of the guest thread, ms',
    'ratio',
    'wall alone, ms',
    'wall, ms',
    'ratio',
  ];
  return markdownTable([head, ...rows], { align: ['l', 'r', 'r', 'r', 'r', 'r', 'r'] });
}

/** Whole commands with a script that does nothing, alternating. */
function startTable(): string {
  const base = mkdtempSync(join(tmpdir(), 'epochvisor-ruby-'));
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
    const main = join(ROOT, 'dist', 'engine', 'cli', 'main.js');
    const flags = ['--dir', `${base}::${FOLDER}`, program, script];
    const host = join(ROOT, 'dist', 'bench', 'wasi', 'plain-host.js');
    const commands = {
      'node:wasi': ['--no-warnings', '--no-turbo-fast-api-calls', host, JSON.stringify(plain)],
      'run --replicas 1': [main, 'run', '--replicas', '1', ...flags],
      run: [main, 'run', ...flags],
    };
    const times = new Map<string, number[]>(Object.keys(commands).map(name => [name, []]));
    for (let round = -1; round < ROUNDS; round++) {
      for (const [name, args] of Object.entries(commands)) {
        const start = performance.now();
        const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
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
    rmSync(base, { recursive: true, force: true });
  }
}

const CLOCK_CALLS = 2_000_000;

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
  for (let round = -1; round < ROUNDS; round++) {
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

const sections = [
  `${ROUNDS} alternating rounds, medians; ratios are medians of the rounds' own. A pair keeps five threads busy, and this`,
  'host has two cores: wall times say what a user of such a host feels, CPU times what the guest thread costs.',
  '',
  '## CPU-bound programs (aim: 1.10 of plain CPU)',
  '',
  'From the first instruction to the last; `node:wasi` with `--no-turbo-fast-api-calls`.',
  '',
  await cpuTable(),
  '',
  '## Start of the Ruby interpreter with its standard library, 31 MB, warm cache (aim: within 2 s of plain)',
  '',
  startTable(),
  '',
  '## clock_time_get in a tight loop (aims: 200 ns a call, 4 bytes of log)',
  '',
  await clockTable(),
];
publish('wasi', 'What a WASI program costs on a pair', sections.join('\n'));
