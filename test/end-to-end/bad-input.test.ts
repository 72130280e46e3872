// What can't work is refused: one line on stderr with a code, no stack trace, a status that is not zero, nothing left.

import { closeSync, mkdirSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { Bench, guest } from './command.js';

const bench = new Bench();

/** One line of ours, with a code. */
function expectRefused(ended: { status: number | null; stdout: string; stderr: string }, code: string, says: RegExp) {
  expect(ended.stderr).toMatch(/^epochvisor: [^\n]*\n$/);
  expect(ended.stderr).toContain(`[${code}]`);
  expect(ended.stderr).toMatch(says);
  expect(ended.stdout).toBe('');
  expect(ended.status).toSatisfy(status => typeof status === 'number' && status > 0 && status < 128);
}

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(bench.file(name), content);
  return bench.file(name);
}

const module = (text: string) => file('guest.wasm', wat(text));

describe.each(['run', 'failover'])('%s refuses', verb => {
  test('a guest that is not there', async () => {
    expectRefused(await bench.run([verb, bench.file('none.wasm')]), 'GUEST_MISSING', /no such file: .*none\.wasm/);
  });

  test('a folder', async () => {
    expectRefused(await bench.run([verb, bench.folder]), 'GUEST_MISSING', /is not a file/);
  });

  test('what is not WebAssembly', async () => {
    expectRefused(await bench.run([verb, file('text.wasm', 'hello, I am a text\n')]), 'NOT_WASM', /wasm/i);
    expectRefused(await bench.run([verb, file('empty.wasm', '')]), 'NOT_WASM', /wasm/i);
  });

  test('a truncated module', async () => {
    const whole = readFileSync(guest('compute'));
    const half = file('half.wasm', whole.subarray(0, whole.length / 2));
    const ended = await bench.run([verb, half]);
    expect(ended.stderr).toMatch(/^epochvisor: [^\n]*\[[A-Z_]+\][^\n]*\n$/);
    expect(ended.status).toBe(2);
  });

  test('a module without _start', async () => {
    expectRefused(await bench.run([verb, module('(module (memory (export "memory") 1))')]), 'GUEST_NO_START', /_start/);
  });

  test('an import that this machine does not have, by its name', async () => {
    const guestFile = module(
      '(module (import "env" "launch_missiles" (func)) (memory (export "memory") 1) (func (export "_start")))',
    );
    expectRefused(await bench.run([verb, guestFile]), 'GUEST_IMPORT', /launch_missiles/);
  });

  test('flags that it does not know', async () => {
    expectRefused(await bench.run([verb, '--frobnicate', guest('hello')]), 'BAD_USAGE', /--frobnicate/);
    // One that is nearly right is said to be, in the same line.
    expectRefused(await bench.run([verb, '--varian', guest('hello')]), 'BAD_USAGE', /--varian'.*--variant/);
    expectRefused(await bench.run([verb]), 'BAD_USAGE', /GUEST\.wasm/);
  });

  test.each([
    ['--epoch-length', '0'],
    ['--epoch-length', 'many'],
    ['--epoch-length', '1e30'],
    ['--variant', 'newest'],
    ['--counting', 'fingers'],
    ['--operation-ids', 'maybe'],
    ['--max-memory', '1'],
  ])('%s %s', async (flag, value) => {
    expectRefused(await bench.run([verb, flag, value, guest('hello')]), 'BAD_USAGE', new RegExp(flag));
  });

  test('a disk that is not there, or is no disk', async () => {
    const missing = await bench.run([verb, '--disk', bench.file('none'), guest('disk')]);
    expectRefused(missing, 'DISK_MISSING', /none/);
    const odd = file('odd', '');
    truncateSync(odd, 1000);
    expectRefused(await bench.run([verb, '--disk', odd, guest('disk')]), 'DISK_SIZE', /512/);
    expectRefused(await bench.run([verb, '--disk', bench.folder, guest('disk')]), 'DISK_UNUSABLE', /disk/);
  });
});

describe('run refuses', () => {
  test('an arbiter that is not there', async () => {
    expectRefused(await bench.run(['run', '--arbiter', bench.file('none'), guest('hello')]), 'ARBITER_FAILED', /none/);
  });

  test('a status file in a folder that is not there', async () => {
    const ended = await bench.run(['run', '--status-file', bench.file('none/status.json'), guest('hello')]);
    expectRefused(ended, 'STATUS_FILE', /status/);
  });

  test('to begin without a place for temporary files', async () => {
    rmSync(bench.file('tmp'), { recursive: true });
    expectRefused(await bench.run(['run', guest('hello')]), 'TEMPORARY_FOLDER', /TMPDIR/);
    const withStatus = await bench.run(['run', '--status-file', bench.file('status.json'), guest('hello')]);
    expectRefused(withStatus, 'TEMPORARY_FOLDER', /TMPDIR/);
    expect(withStatus.status).toBe(2);
  });

  test('a folder as stdin', async () => {
    const stdin = openSync(bench.folder, 'r');
    expectRefused(await bench.run(['run', guest('echo')], stdin), 'STDIN_UNREADABLE', /directory/);
    closeSync(stdin);
  });

  test("a teller's journal that can't be written", async () => {
    const ended = await bench.run(['run', '--teller', bench.file('none/journal'), guest('teller')]);
    expectRefused(ended, 'TELLER_UNUSABLE', /journal/);
  });

  test.each(['0', '6', 'two'])('--replicas %s', async replicas => {
    expectRefused(await bench.run(['run', '--replicas', replicas, guest('hello')]), 'BAD_USAGE', /--replicas/);
  });
});

describe('failover refuses', () => {
  test.each([
    ['--at', '5'],
    ['--at', '1:x'],
    ['--at', '-1:5'],
    ['--sweep', '1000'],
    ['--sweep', 'every:0'],
    ['--points', '0'],
    ['--stdin', '/nowhere/at/all'],
  ])('%s %s', async (flag, value) => {
    const ended = await bench.run(['failover', flag, value, guest('hello')]);
    expect(ended.stderr).toMatch(/^epochvisor: [^\n]*\[(BAD_POINT|BAD_USAGE|STDIN_UNREADABLE)\][^\n]*\n$/);
    expect(ended.status).toBe(2);
  });

  test('a sweep of more points than anybody waits for', async () => {
    const ended = await bench.run(['failover', '--sweep', 'every:1', guest('recursive'), '10', '1']);
    expectRefused(ended, 'BAD_POINT', /at most 10000: take every:\d+ or more/);
  });
});

test('a verb that does not exist', async () => {
  expectRefused(await bench.run(['levitate']), 'BAD_USAGE', /levitate/);
});

test('without a verb, help is on stderr', async () => {
  const { status, stdout, stderr } = await bench.run([]);
  expect(status).toBe(2);
  expect(stdout).toBe('');
  for (const verb of ['run', 'failover', 'tune', 'inspect', 'demo']) expect(stderr).toContain(verb);
});

test('a file of its own making in the way does no harm: an arbiter folder used twice', async () => {
  mkdirSync(bench.file('arbiter'));
  for (let time = 0; time < 2; time++) {
    const ended = await bench.run(['run', '--arbiter', bench.file('arbiter'), guest('hello')]);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
  }
});
