// `epochvisor failover` and `epochvisor demo` as verbs: what they show, how they end, and the paper's double payment.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { Bench, guest } from './command.js';
import { failoverOf } from './failover-report.js';

const bench = new Bench();
const failover = failoverOf(bench);
const SLOW_TELLER = fileURLToPath(new URL('slow-teller.wat', import.meta.url));

describe('a dispense that was performed, and whose completion nobody was told of', () => {
  const run = async (at: string, ids: string, variant: string) => {
    const module = bench.file('slow-teller.wasm');
    writeFileSync(module, wat(readFileSync(SLOW_TELLER, 'utf8')));
    const flags = ['--variant', variant, '--epoch-length', '1e9', '--at', at, '--operation-ids', ids];
    return failover(...flags, '--teller', bench.file('journal'), module);
  };

  test('is not repeated at the bus, where operations have ids', async () => {
    const { status, report } = await run('0:600000000', 'on', 'deferred');
    expect(report.points).toMatchObject([
      { verdict: 'same', kill: { epoch: 0, outstanding: 1 }, failover: { uncertain: 1 } },
    ]);
    expect(status).toBe(0);
  });

  test.each(['original', 'deferred'])("is paid twice in the paper's world, where they have none: %s", async variant => {
    // What it has heard there is the end of its stdin and the completion: the note is dispensed, on a busy host, too.
    const { status, report } = await run('bus:3:after', 'off', variant);
    expect(report.points).toMatchObject([{ verdict: 'different', failover: { uncertain: 1 } }]);
    // The second note is in the journal, after the first.
    expect(report.points[0]!.detail).toBe('teller, byte 8: expected end, found "1 1 100\\n2 1 100\\n"');
    expect(status).toBe(1);
  });
});

describe('epochvisor failover', () => {
  test('shows a table of verdicts, what was proved of each kill, and a summary', async () => {
    const { status, stdout } = await bench.run([
      'failover',
      '--epoch-length',
      '100_000',
      '--at',
      '2:5000',
      '--at',
      '9999:0',
      '--sweep',
      'every:2e6',
      guest('compute'),
      '5',
      '2',
    ]);
    // A point that was named, and never reached, is no pass.
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /\| +asked \| +killed at \| +count \| +outstanding \| +uncertain \| +live ms \| +first byte ms \| verdict/,
    );
    expect(stdout).toMatch(/\| +2:5000 \| +2:5\d\d\d \| +205\d\d\d \| +0 \| +0 \| +\d+ \| +\d+ \| same/);
    expect(stdout).toMatch(/\| +9999:0 \| .* \| NOT REACHED \| the run ended before this point +\|/);
    expect(stdout).toMatch(/\| +2000000 \| +\d+:\d+ \| +20000\d\d \|/);
    expect(stdout).toMatch(/^undisturbed: \d+ instructions, \d+ epochs, \d+ bytes of stdout, .*; the same twice$/m);
    expect(stdout).toMatch(/^\d points: \d same, 1 not reached; SIGKILL to live \d+ ms in the median/m);
  });

  test('writes nothing to the disks it was given', async () => {
    const disk = bench.file('disk');
    writeFileSync(disk, '');
    truncateSync(disk, 1 << 15);
    await failover('--points', '1', '--disk', disk, guest('disk-log'), '5');
    expect(readFileSync(disk).every(byte => byte === 0)).toBe(true);
  });

  test('compares what differs from run to run with what the survivor did', async () => {
    const { status, report } = await failover('--points', '1', guest('clock-random'), '20');
    expect(report.points).toMatchObject([
      {
        verdict: 'consistent',
        detail: expect.stringMatching(/^undisturbed runs differ: [1-9]\d* bytes are as the survivor put them out$/),
      },
    ]);
    expect(status).toBe(0);
  });

  test('gives the reason of a judge that refuses, and fails', async () => {
    const judge = 'echo "not today" >&2; exit 1';
    const { status, stderr } = await bench.run(['failover', '--judge', judge, guest('hello')]);
    expect(stderr).toBe(
      'epochvisor: the judge refuses an undisturbed run: not today [JUDGE_REFUSES]: mend the judge\n',
    );
    expect(status).toBe(2);
  });

  test('judges guests that end with a status of their own, or by a trap', async () => {
    for (const args of [
      [guest('compute'), 'x'],
      [guest('trap'), 'divide'],
    ]) {
      const { status, report } = await failover('--points', '2', '--epoch-length', '1000', ...args);
      expect(report.points.map(({ verdict }) => verdict)).toEqual(['same', 'same']);
      expect(status).toBe(0);
    }
  });
});

describe('another fault than a kill', () => {
  test.each([
    ['a cut of the links', ['--cut', '--at', 'message:2:after']],
    ['a kill of the backup', ['--backup', '--at', 'message:1']],
    ['a pause past suspicion', ['--pause', '--processes', '--at', 'message:2:after']],
    ['a second kill, in the takeover', ['--second-kill', 'takeover:fence', '--at', 'message:2:after']],
  ])('%s changes nothing', async (_, flags) => {
    const { status, report } = await failover('--epoch-length', '100000', ...flags, guest('compute'), '5', '3');
    expect(report.points).toMatchObject([{ verdict: 'same', failover: { view: expect.any(Number) } }]);
    expect(report.points[0]!.kill).not.toBeNull();
    expect(status).toBe(0);
  });
});

test('whoever joins afterwards dies, too, in each step of its joining', async () => {
  const sweep = (periodMs: number) => {
    const flags = ['--second-kill', 'joining', '--jobs', '8', '--at', 'message:2:after'];
    return failover(...flags, guest('ticks'), '4', String(periodMs));
  };
  const isTooShort = ({ report }: Awaited<ReturnType<typeof sweep>>) =>
    report.points.some(({ verdict }) => verdict === 'not reached');
  // It is over by itself; on a host so busy that nobody joins before, it takes longer.
  const quick = await sweep(1_000);
  const { status, report } = isTooShort(quick) ? await sweep(8_000) : quick;
  expect(report.points.map(({ second, verdict }) => `${second} ${verdict}`)).toEqual(
    ['ask', 'welcome', 'snapshot', 'named'].flatMap(step => [`join:${step}:before same`, `join:${step}:after same`]),
  );
  for (const { kill, second, secondKill } of report.points) {
    const [, step, when] = second!.split(':');
    expect(secondKill).toMatchObject({ what: `${when} ${step}`, replica: { owner: 'joining' } });
    expect(secondKill!.replica!.incarnation).not.toBe(kill!.replica!.incarnation);
  }
  expect(status).toBe(0);
}, 400_000);

test('a report file takes a sweep up where it stood, and refuses another', async () => {
  const file = bench.file('report');
  const flags = ['--report', file, '--variant', 'all', '--points', '2'];
  const first = await failover(...flags, guest('hello'));
  expect(first.report.points.map(({ verdict }) => verdict)).toEqual(Array(6).fill('same'));
  const kept = readFileSync(file, 'utf8');
  const again = await failover(...flags, guest('hello'));
  expect(again.report.points).toEqual(first.report.points);
  expect(readFileSync(file, 'utf8')).toBe(kept);
  const other = await bench.run(['failover', ...flags, '--cut', guest('hello')]);
  expect(other.stderr).toMatch(
    /^epochvisor: .* is the report of another test: its fault differs \[REPORT_OTHER\]: [^\n]*\n$/,
  );
  expect(other.status).toBe(2);
});

test('the command of a point repeats it', async () => {
  const { report } = await failover('--epoch-length', '1000', '--points', '1', guest('hello'));
  const [program, verb, ...args] = report.points[0]!.repeat.split(' ');
  expect([program, verb]).toEqual(['epochvisor', 'failover']);
  const again = await failover(...args);
  expect(again.report.points[0]!.kill).toMatchObject({ count: report.points[0]!.kill!.count });
});

test('a primary that dies in a flood of output leaves nothing behind that keeps the process', async () => {
  // 64 MiB: what its links had not sent, and its ring held, when it died.
  const { report } = await failover('--at', 'output:50:before', guest('flood'), '65536');
  expect(report.points[0]).toMatchObject({ verdict: 'same', kill: { what: 'before release stream' } });
});

test('the demo kills a primary in the middle of an epoch, its successor once healed, and finds both outputs equal', async () => {
  const { status, stdout, stderr } = await bench.run(['demo']);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/SIGKILL {4}process \d+ died at instruction 50,0\d\d of 100,000 in epoch 20,000/);
  expect(stdout).toMatch(/TAKEOVER {3}process \d+ is primary, in view 2, \d+ ms after the kill/);
  expect(stdout).toMatch(/ON AGAIN {3}the first byte from process \d+, \d+ ms after the kill/);
  expect(stdout).toMatch(/PROTECTED {2}process \d+ is the backup, in view 3, \d+ ms after the kill/);
  expect(stdout).toMatch(/SIGKILL {4}process \d+, wherever it is/);
  expect(stdout).toMatch(/TAKEOVER {3}process \d+ is primary, in view 4, \d+ ms after the kill/);
  const hashes = [...stdout.matchAll(/exit 0, 900 lines, .* sha256 ([0-9a-f]{64})/g)].map(([, hash]) => hash);
  expect(hashes).toHaveLength(2);
  expect(hashes[0]).toBe(hashes[1]);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('Not a byte lost or doubled.');
  expect(status).toBe(0);
});
