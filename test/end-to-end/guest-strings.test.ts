// What a guest is given: as large as Linux allows it, and in whatever bytes; the same on each replica, and after a resume.

import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import { Bench, until, Watched } from './command.js';

const bench = new Bench();
let program: string;
beforeAll(() => {
  program = buildProgram('strings.c');
});

/** A variable of 131,000 characters, as often as is said, and an argument as long as one can be. */
const EXPORT_LARGE = `export LARGE=$(head -c 130994 /dev/zero | tr '\\0' x)`;
/** Of WASI. */
const EFAULT = 21;
const ARGUMENT = 'y'.repeat(131_071);
const largeVariables = (times: number) => Array.from({ length: times }, () => ['--env', 'LARGE']).flat();
/** With the argument and the program's name, what is left of 2 MiB is less than one more variable. */
const TIMES_MAX = 15;

/** What strings.c says of strings. */
function told(bytes: Buffer, count: number): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return `${count}, ${bytes.length} bytes, error 0, ${hash.toString(16).padStart(16, '0')}`;
}

/** Each given as its bytes, one character a byte. */
function line(programArguments: readonly string[], environment: readonly string[]): string {
  const bytes = (strings: readonly string[]) => Buffer.from(strings.map(text => `${text}\0`).join(''), 'latin1');
  const own = told(bytes(programArguments), programArguments.length);
  return ` arguments ${own} variables ${told(bytes(environment), environment.length)}\n`;
}

/** Starts `run` by a shell text that ends its command line. */
function start(text: string, args: readonly string[]): Watched {
  const statusFile = bench.file(`status-${Math.random()}.json`);
  return new Watched(bench.startByShell(text, ['run', '--status-file', statusFile, ...args], 'pipe'), statusFile);
}

/** Asks the guest once more, and waits for its answer. */
async function ask({ command }: Watched, number: number): Promise<void> {
  command.write('say\n');
  const lines = () => command.stdout.split('\n').length - 1;
  await until(() => (lines() >= number ? true : undefined));
}

/** Asks before and after each of two kills, the second of which leaves it to a replica that has joined, and goes on elsewhere. */
async function survivesAll(machine: Watched, expected: string): Promise<void> {
  let status = await machine.isProtected();
  await ask(machine, 1);
  for (const number of [2, 3]) {
    const { view, primary } = status;
    process.kill(primary.pid, 'SIGKILL');
    status = await machine.status(one => one.protected && one.view > view + 1);
    await ask(machine, number);
  }
  const snapshot = bench.file('snapshot');
  expect(await bench.run(['snapshot', '--status-file', machine.statusFile, snapshot])).toMatchObject({ status: 0 });
  machine.command.endInput();
  const lines = [1, 2, 3, 4].map(number => `${number}${expected}`);
  expect(await machine.command.ended).toMatchObject({ status: 7, stdout: lines.slice(0, 3).join('') });
  for (const replicas of ['1', '2']) {
    const resumed = bench.start(['resume', '--replicas', replicas, snapshot], 'pipe');
    resumed.write('say\n');
    resumed.endInput();
    expect(await resumed.ended).toMatchObject({ status: 7, stdout: lines[3] });
  }
}

describe('strings as large as Linux lets a program be given them', () => {
  const expected = () => {
    const large = `LARGE=${'x'.repeat(130_994)}`;
    return line(
      ['strings', ARGUMENT],
      Array.from({ length: TIMES_MAX }, () => large),
    );
  };
  const args = (times: number) => [...largeVariables(times), '--argv0', 'strings', program, ARGUMENT];

  test('reach a guest without a backup', async () => {
    const machine = start(`${EXPORT_LARGE}; exec "$@"`, ['--replicas', '1', ...args(TIMES_MAX)]);
    machine.command.write('say\n');
    machine.command.endInput();
    expect(await machine.command.ended).toEqual({ status: 7, signal: null, stdout: `1${expected()}`, stderr: '' });
  });

  test('reach a guest on a pair, after kills, on a replica that has joined, and after a resume', async () => {
    await survivesAll(start(`${EXPORT_LARGE}; exec "$@"`, args(TIMES_MAX)), expected());
  });

  test.each(['1', '2'])(
    'are the limit: those that are larger by a little or tenfold are refused, for %s replicas',
    async replicas => {
      for (const times of [TIMES_MAX + 1, 10 * TIMES_MAX]) {
        const ended = await start(`${EXPORT_LARGE}; exec "$@"`, ['--replicas', replicas, ...args(times)]).command.ended;
        expect(ended).toMatchObject({ status: 2, stdout: '' });
        expect(ended.stderr).toMatch(
          /^epochvisor: what the guest is given has \d+ bytes in all, and 2097152 are the most \[GUEST_STRINGS\]: .*\n$/,
        );
      }
    },
  );

  test('are an error to a guest that has no memory for them, and no more than that', async () => {
    const machine = start(`${EXPORT_LARGE}; exec "$@"`, ['--max-memory', '1536K', ...args(TIMES_MAX)]);
    machine.command.write('say\n');
    machine.command.endInput();
    const [own] = expected().split(' variables ');
    const stdout = `1${own} variables ${TIMES_MAX}, ${TIMES_MAX * 131_001} bytes, error ${EFAULT}, no room\n`;
    expect(await machine.command.ended).toEqual({ status: 7, signal: null, stdout, stderr: '' });
  });
});

describe('strings that are not UTF-8', () => {
  const text = `export NAME=$(printf 'caf\\351'); exec "$@" --env NAME --env "L=$(printf '\\377=\\303')" \
    --argv0 "$(printf 'p\\200')" "$PROGRAM" "$(printf '\\303\\050\\355\\240\\200')" "$(printf 'good \\303\\251')"`;
  const expected = () => line(['p\x80', '\xc3\x28\xed\xa0\x80', 'good \xc3\xa9'], ['NAME=caf\xe9', 'L=\xff=\xc3']);

  test('reach the guest as their bytes, after kills, on a replica that has joined, and after a resume', async () => {
    await survivesAll(start(`PROGRAM=${program}; ${text}`, []), expected());
  });

  test.each([
    ['a folder', ['--dir', '%']],
    ['the status file', ['--status-file', '%']],
    ['the guest', ['%']],
  ])('are refused where %s of this host is meant, in one line', async (_, words) => {
    const line = words.map(word => (word === '%' ? `"$(printf '/caf\\351')"` : word)).join(' ');
    const ended = await bench.startByShell(`exec "$@" ${line} ${program}`, ['run']).ended;
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    expect(ended.stderr).toMatch(
      new RegExp(`^epochvisor: (${words[0]}|<GUEST.wasm>) '/caf.*' is not UTF-8 \\[NOT_UTF8\\]: .*\\n$`),
    );
  });

  test('are refused below npm, which has lost them', async () => {
    const lost = `npm_command=exec exec "$@" ${program} "$(printf 'caf\\357\\277\\275')"`;
    const ended = await bench.startByShell(lost, ['run']).ended;
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^epochvisor: argument 3 of the command line, 'caf.*npm.*\[NOT_UTF8\]: .*\n$/);
  });
});
