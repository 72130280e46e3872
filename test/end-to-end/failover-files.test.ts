// `epochvisor failover --junit --html --report`: the files of a sweep, made once and told again, and what is refused before it.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { descendants, parseXml, textOf } from '../cli/reporting/strict-xml.js';
import { Bench, guest } from './command.js';

const bench = new Bench();
const SLOW_TELLER = fileURLToPath(new URL('slow-teller.wat', import.meta.url));
const xml = (name: string) => parseXml(readFileSync(bench.file(name), 'utf8'));
const outputs = () => ['--junit', bench.file('junit.xml'), '--html', bench.file('page.html')];

test('a sweep that passes is a green suite and a page with timelines, and its report tells the same again', async () => {
  const report = ['--report', bench.file('report')];
  const points = ['--sweep', 'all', '--limit', '4', '--variant', 'original', '--variant', 'deferred'];
  const swept = await bench.run(['failover', ...points, ...report, ...outputs(), guest('hello')]);
  expect(swept.stderr).toBe('');
  expect(swept.status).toBe(0);
  const junit = xml('junit.xml');
  expect(junit.attributes).toMatchObject({ tests: '8', failures: '0', errors: '0' });
  expect(junit.children.map(({ attributes }) => attributes.name)).toEqual([
    'failover hello.wasm (original)',
    'failover hello.wasm (deferred)',
  ]);
  const page = xml('page.html');
  expect(descendants(page, 'article')).toHaveLength(8);
  expect(descendants(page, 'svg').filter(({ attributes }) => attributes.class === 'timeline')).toHaveLength(8);
  expect(textOf(page)).toContain('--sweep all --limit 4');

  const before = [readFileSync(bench.file('junit.xml'), 'utf8'), readFileSync(bench.file('page.html'), 'utf8')];
  const again = await bench.run(['failover', ...report, ...outputs()]);
  expect(again).toEqual(swept);
  expect([readFileSync(bench.file('junit.xml'), 'utf8'), readFileSync(bench.file('page.html'), 'utf8')]).toEqual(
    before,
  );
});

test('a report of which points are missing is told as what it is', async () => {
  const report = ['--report', bench.file('report')];
  expect((await bench.run(['failover', '--points', '2', ...report, guest('hello')])).status).toBe(0);
  const lines = readFileSync(bench.file('report'), 'utf8').trimEnd().split('\n');
  writeFileSync(bench.file('report'), `${lines.slice(0, -1).join('\n')}\n`);
  const again = await bench.run(['failover', ...report, ...outputs()]);
  expect(again.stdout).toMatch(/^interrupted: /m);
  expect(again.status).toBe(1);
  expect(descendants(xml('junit.xml'), 'error')).toHaveLength(1);
  expect(textOf(xml('page.html'))).toContain('and yet no pass');
});

test('a judge that refuses is shown in its own words, whatever they are', async () => {
  // It accepts the undisturbed runs.
  const count = bench.file('count');
  const words = '</failure> & "so on"';
  const judge = `echo >> ${count}; cat > ${count}.in; [ $(wc -l < ${count}) -le 2 ] || { echo '${words}'; exit 1; }`;
  const { status } = await bench.run(['failover', '--at', 'output:1', '--judge', judge, ...outputs(), guest('hello')]);
  expect(status).toBe(1);
  const [failure] = descendants(xml('junit.xml'), 'failure');
  expect(failure!.attributes).toEqual({ type: 'refused', message: `refused: ${words}` });
  expect(failure!.text).toMatch(/the primary [0-9a-f]{8} was killed before release stream, in epoch/);
  const [article] = descendants(xml('page.html'), 'article');
  expect(textOf(article!)).toContain(words);
  expect(descendants(article!, 'svg')).toHaveLength(1);
});

test("the paper's double payment is a failure whose command repeats it", async () => {
  const module = bench.file('slow-teller.wasm');
  writeFileSync(module, wat(readFileSync(SLOW_TELLER, 'utf8')));
  // What it has heard by then is the end of its stdin and the completion, which nobody else knows of.
  const flags = ['--epoch-length', '1e9', '--at', 'bus:3:after', '--operation-ids', 'off'];
  const args = ['failover', ...flags, ...outputs(), '--teller', bench.file('a journal'), module];
  expect((await bench.run(args)).status).toBe(1);
  const [failure] = descendants(xml('junit.xml'), 'failure');
  expect(failure!.text).toContain('teller, byte 8\n  expected: end\n');
  expect(failure!.text).toContain('operations outstanding: ');
  const [command] = descendants(xml('page.html'), 'pre').map(textOf);
  expect(failure!.text.endsWith(`again by:\n  ${command}`)).toBe(true);
  const again = await bench.startByShell(command!.replace(/^epochvisor/, '"$1" "$2"'), []).ended;
  expect(again.stdout).toContain('teller, byte 8: expected end, found "1 1 100\\n2 1 100\\n"');
  expect(again.status).toBe(1);
});

describe('refused before anything is run', () => {
  const refused = async (args: readonly string[], line: RegExp) => {
    const { status, stdout, stderr } = await bench.run(['failover', ...args]);
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect([status, stdout]).toEqual([2, '']);
  };

  test.each(['--html', '--junit'])('%s in a folder that is none, or is one', async flag => {
    await refused(
      [flag, bench.file('none/page'), guest('hello')],
      /none\/page can't be written: ENOENT \[OUTPUT_FILE\]/,
    );
    mkdirSync(bench.file('folder'));
    await refused([flag, bench.file('folder'), guest('hello')], /it is a folder \[OUTPUT_FILE\]/);
  });

  test('a file in what is no folder, or where there is no room', async () => {
    await refused(['--html', '/dev/full/page', guest('hello')], /page can't be written: ENOTDIR \[OUTPUT_FILE\]/);
    // In blocks of half a kilobyte, and enough for what there is before.
    const text = `ulimit -f 300; exec "$1" "$2" failover --html ${bench.file('page')} ${guest('hello')}`;
    const { status, stderr } = await bench.startByShell(text, []).ended;
    expect(stderr).toMatch(/page can't be written: EFBIG \[OUTPUT_FILE\]/);
    expect(status).toBe(2);
    expect(readdirSync(bench.folder).filter(name => name.startsWith('page'))).toEqual([]);
  });

  test('one file for two things, also for the guest', async () => {
    const file = bench.file('file');
    await refused(['--html', file, '--junit', file, guest('hello')], /--junit and --html are one file.*\[BAD_USAGE\]/);
    await refused(['--html', file, '--report', file, guest('hello')], /--html and --report are one file/);
    const module = bench.file('hello.wasm');
    writeFileSync(module, readFileSync(guest('hello')));
    await refused(['--junit', module, module], /--junit and the guest are one file/);
    expect(readFileSync(module)).toEqual(readFileSync(guest('hello')));
  });

  test('nothing to tell of', async () => {
    const report = bench.file('report');
    await refused(['--html', bench.file('page')], /no GUEST\.wasm is named \[BAD_USAGE\]/);
    await refused(['--at', '3:5', '--report', report], /points are named, and no guest \[BAD_USAGE\]/);
    await refused(['--report', report], /is no report of a failover test \[REPORT_FILE\]/);
    expect(existsSync(report)).toBe(false);
    writeFileSync(report, '{"format":"epochvisor failover","version":1,"subject":{}}\n{"asked":"3:5"}\n');
    await refused(['--report', report], /is no report of a failover test \[REPORT_FILE\]/);
    await refused(['--live', '--html', bench.file('page'), bench.folder], /are for sweeps \[BAD_USAGE\]/);
  });
});
