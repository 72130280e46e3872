// `epochvisor failover` of guests that are servers or clients: what their other side is told is judged, and how it ends.

import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { descendants, parseXml, textOf } from '../cli/reporting/strict-xml.js';
import { Bench, guest, until } from './command.js';
import { failoverOf, type Report } from './failover-report.js';

const bench = new Bench();
const failover = failoverOf(bench);
const CLIENT = fileURLToPath(new URL('../../examples/failover/keyvalue-client.mjs', import.meta.url));
const client = (args: string) => `"${process.execPath}" "${CLIENT}" ${args}`;
const served = (load: string) => ['--listen', '127.0.0.1:0', '--load', load];

const told = ({ points }: Report) => points.map(({ verdict, detail }) => `${verdict} ${detail}`);

describe('a server', () => {
  test.each([
    ['in every variant, at messages', ['--variant', 'all', '--sweep', 'messages', '--limit', '2'], 6],
    ['in real processes, at outputs', ['--processes', '--sweep', 'outputs', '--limit', '1'], 1],
  ])('is killed %s, and its clients are told the same', async (_, flags, points) => {
    const { status, report } = await failover(...flags, ...served(client('3')), guest('keyvalue'));
    expect(report.undisturbed).toMatchObject({ transcriptRepeats: true, outcome: { kind: 'exit', status: 0 } });
    expect(report.points).toHaveLength(points);
    for (const { verdict, kill, client } of report.points) {
      // Where messages fall differs from run to run: the last may never come.
      expect(['same', 'ended', 'not reached']).toContain(verdict);
      expect(verdict === 'not reached').toBe(kill === null);
      expect(client).toMatchObject({ failure: null, bytes: expect.any(Number) });
    }
    expect(report.points.filter(({ verdict }) => verdict === 'same').length).toBeGreaterThan(points / 2);
    expect(status).toBe(0);
  });

  test('that never ends is stopped; a client that fails, or is told something else, is a failure that is shown', async () => {
    // Two undisturbed runs, then one a point.
    const runs = bench.file('runs');
    const worse = '3) echo "an answer is missing" >&2; exit 7;; 4) echo "a byte too many";;';
    const load = `${client('1 stay')} && echo >> ${runs} && case $(wc -l < ${runs}) in ${worse} esac`;
    const outputs = ['--junit', bench.file('junit.xml'), '--html', bench.file('page.html')];
    const points = ['--at', 'message:2', '--at', 'message:4', '--at', 'output:2'];
    const { status, report } = await failover(...points, ...outputs, ...served(load), guest('keyvalue'));
    expect(report.undisturbed).toMatchObject({ outcome: 'stopped' });
    const different = /^different transcript, byte \d+ \(line \d+\): expected end, found ".*a byte too m"$/;
    expect(told(report).sort()).toEqual([
      'client the client ended with status 7: an answer is missing',
      expect.stringMatching(different),
      'same ',
    ]);
    expect(report.points.map(({ parting }) => parting?.where).filter(where => where !== undefined)).toEqual([
      'transcript',
    ]);
    for (const { failover } of report.points) expect(failover).toMatchObject({ view: 2 });
    expect(status).toBe(1);
    const failures = descendants(parseXml(readFileSync(bench.file('junit.xml'), 'utf8')), 'failure');
    expect(failures.map(({ text }) => text).join('\n')).toContain('the histories part: transcript, byte ');
    expect(textOf(parseXml(readFileSync(bench.file('page.html'), 'utf8')))).toContain('transcript, byte ');
  });

  test('whose client is told another thing each time is judged by a judge, else by what the survivor did', async () => {
    const load = `${client('1')} && date +%N`;
    const judged = await failover('--at', 'message:3', '--judge', 'grep -q ended', ...served(load), guest('keyvalue'));
    expect(told(judged.report)).toEqual(['accepted ']);
    const { report, status } = await failover('--at', 'message:3', ...served(load), guest('keyvalue'));
    expect(report.undisturbed.transcriptRepeats).toBe(false);
    expect(told(report)).toEqual([
      expect.stringMatching(/^consistent the transcript is not compared: undisturbed runs differ; \d+ bytes are as/),
    ]);
    expect(status).toBe(0);
  });

  test('whose client waits is ended with it by Ctrl-C', async () => {
    const begun = bench.file('begun');
    const command = bench.start(['failover', ...served(`touch ${begun}; sleep 600; :`), guest('keyvalue')]);
    await until(() => existsSync(begun) || undefined);
    command.kill('SIGINT');
    expect(await command.ended).toMatchObject({ status: 130, stderr: '' });
  });

  test('without a client, and a client that fails undisturbed, are refused in one line', async () => {
    const refused = async (args: readonly string[], line: RegExp) => {
      const { status, stdout, stderr } = await bench.run(['failover', ...args, guest('keyvalue')]);
      expect(stderr).toMatch(line);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expect([status, stdout]).toEqual([2, '']);
    };
    await refused(['--listen', '127.0.0.1:0'], /nothing would drive a guest that serves \[NO_LOAD\]/);
    await refused(['--load', 'true'], /--load drives a guest that listens \[NO_LISTEN\]/);
    await refused(served('echo "not me" >&2; exit 4'), /--load ended with status 4: not me \[LOAD_FAILED\]/);
  });
});

test('a client is killed while it connects and after: each operation ends truly or uncertain', async () => {
  const upstream = createServer(socket => void socket.on('error', () => undefined).pipe(socket));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const input = bench.file('input');
  writeFileSync(input, 'one\ntwo\nthree\n');
  const flags = ['--stdin', input, '--connect', `upstream=127.0.0.1:${port}`, '--sweep', 'io', '--limit', '4'];
  const { status, report } = await failover(...flags, guest('caller'));
  upstream.close();
  expect(told(report)).toEqual(Array(4).fill('same '));
  expect(report.points.map(({ operations }) => operations)).toEqual(Array(4).fill(1));
  expect(status).toBe(0);
});
