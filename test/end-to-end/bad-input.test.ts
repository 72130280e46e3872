// What can't work is refused: one line on stderr with a code, no stack trace, a status that is not zero, nothing left.

import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  withCallInLoops,
  withLocals,
  withOperandsOverCall,
  withOperandsOverLoop,
  withSignature,
} from '../building/large.js';
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

describe.each(['run', 'failover', 'tune', 'inspect'])('%s refuses in one line', verb => {
  test('a guest that the engine of Node would not take', async () => {
    const many = file('parameters.wasm', withSignature(1_001, 0));
    expectRefused(await bench.run([verb, many]), 'MODULE_TOO_LARGE', /type at byte \d+ has more than 1000 parameters/);
    truncateSync(many, 2 ** 30 + 1);
    expectRefused(await bench.run([verb, many]), 'MODULE_TOO_LARGE', /parameters\.wasm has more than 1073741824 bytes/);
  });

  test('a guest that is there and cannot be had', async () => {
    symlinkSync('loop', bench.file('loop'));
    expectRefused(await bench.run([verb, bench.file('loop')]), 'GUEST_MISSING', /loop can't be read: ELOOP/);
    expectRefused(await bench.run([verb, 'a'.repeat(300)]), 'GUEST_MISSING', /ENAMETOOLONG/);
  });
});

describe('run refuses in one line', () => {
  test.each([
    ['a bound that is no number', ['--epoch-length', 'auto', '--max-latency', 'x'], /--max-latency.*milliseconds/],
    ['a bound of nothing', ['--epoch-length', 'auto', '--max-latency', '0'], /--max-latency.*milliseconds/],
    ['a bound for epochs of a given length', ['--epoch-length', '5000', '--max-latency', '1'], /--max-latency/],
    ['exact counting of epochs that change', ['--epoch-length', 'auto', '--counting', 'exact'], /exact/],
    ['nearly auto', ['--epoch-length', 'automatic'], /--epoch-length/],
  ])('%s', async (_, flags, why) => {
    expectRefused(await bench.run(['run', ...flags, guest('hello')]), 'BAD_USAGE', why);
  });

  test.each(['failover'])('auto, in %s, whose runs are compared', async verb => {
    expectRefused(await bench.run([verb, '--epoch-length', 'auto', guest('hello')]), 'BAD_USAGE', /--epoch-length/);
  });
});

describe('what rewriting makes too large', () => {
  const LARGE = [
    ['locals', () => withLocals(49_999), /function 0 at byte \d+ would have more than 50000 locals once rewritten/],
    [
      'operands over a loop',
      () => withOperandsOverLoop(60_000),
      /function 0 at byte \d+ would have more than 50000 locals/,
    ],
    ['parameters', () => withSignature(1_000, 0), /function 1 at byte \d+ would have more than 1000 parameters/],
    [
      'operands over a call',
      () => withOperandsOverCall(1_001),
      /function 0 at byte \d+ would have more than 1000 operands/,
    ],
    [
      'code to go on with',
      () => withCallInLoops(1, 4_000_000),
      /function 0 at byte \d+ would have more than 7654321 bytes/,
    ],
  ] as const;

  test.each(LARGE)('%s: run and failover end with 2 and one line, inspect names it', async (_, make, says) => {
    const path = file('large.wasm', make());
    for (const verb of ['run', 'failover']) {
      const ended = await bench.run([verb, path]);
      expectRefused(ended, 'MODULE_TOO_LARGE', says);
      expect(ended.status).toBe(2);
    }
    const inspected = await bench.run(['inspect', path]);
    expect(inspected).toMatchObject({ status: 2, stderr: '' });
    expect(inspected.stdout).toMatch(says);
    expect(inspected.stdout).toMatch(/^refused .*\[MODULE_TOO_LARGE\]: \w+/m);
  });

  test('is nothing at the limit: the guest runs', async () => {
    expect(await bench.run(['run', file('large.wasm', withLocals(49_998))])).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('run refuses', () => {
  test('an arbiter that is not there', async () => {
    expectRefused(await bench.run(['run', '--arbiter', bench.file('none'), guest('hello')]), 'ARBITER_FAILED', /none/);
    const unknown = await bench.run(['run', '--arbiter', 'consul://host:2379', guest('hello')]);
    expectRefused(unknown, 'ARBITER_UNSUPPORTED', /consul:.*folder:PATH/);
    // Port 1 is nobody's.
    const etcd = await bench.run(['run', '--arbiter', 'etcd://me:sesame@127.0.0.1:1', guest('hello')]);
    expectRefused(etcd, 'ARBITER_FAILED', /etcd:\/\/127.0.0.1:1: etcd can't be asked: 127.0.0.1:1: .*ECONNREFUSED/);
    expect(etcd.stderr).not.toContain('sesame');
  });

  test('what an etcd is to be given, and is not there', async () => {
    const etcd = ['run', '--arbiter', 'etcd://127.0.0.1:1'];
    const file = await bench.run([...etcd, '--etcd-cacert', bench.file('none.pem'), guest('hello')]);
    expectRefused(file, 'ARBITER_CREDENTIALS', /none.pem/);
    expectRefused(
      await bench.run([...etcd, '--etcd-user', 'me', guest('hello')]),
      'ARBITER_CREDENTIALS',
      /USER:PASSWORD/,
    );
    const folder = await bench.run(['run', '--etcd-user', 'me:sesame', guest('hello')]);
    expectRefused(folder, 'ARBITER_FAILED', /--etcd-user is given without an etcd/);
    expectRefused(await bench.run([...etcd, '--arbiter', 'etcd://h:x', guest('hello')]), 'ARBITER_MALFORMED', /"h:x"/);
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

  test('points that are never reached: nothing was struck, and nothing passes', async () => {
    const ended = await bench.run(['failover', '--at', 'message:9999', guest('hello')]);
    expect(ended.stderr).toMatch(
      /^epochvisor: nothing was struck: the guest ends after \d+ instructions.*\[NOT_REACHED\]/,
    );
    expect(ended.stdout).toContain('NOT REACHED');
    expect(ended.status).toBe(2);
  });

  test.each([
    ['--pause', '--pause stops a process'],
    ['--second-kill=takeover --cut', '--second-kill follows a kill'],
    ['--second-kill=takeover --second-kill=joining', 'a takeover or of joining'],
    ['--second-kill=join:told', 'is no second kill'],
    ['--variant=sideways', 'one of original, revised, deferred'],
    ['--bus --backup', 'are two victims'],
    ['--bus --cut', '--cut and --lose are of the links between replicas'],
    ['--cut --lose', '--cut and --lose are two faults'],
    ['--bus --sweep=every:1000', 'the bus executes no instructions'],
    ['--bus --at=3:50', 'the bus comes to no such place'],
    ['--bus --second-kill=takeover', 'of the bus that is started again'],
    ['--bus --pause --second-kill=restart', '--second-kill follows a kill'],
    ['--bus --listen=127.0.0.1:0 --load=true', 'connections end with the bus'],
    ['--bus --connect=echo=127.0.0.1:7', 'connections end with the bus'],
    ['--at=memory:1', 'are places of the bus'],
    ['--second-kill=restart', 'are places of the bus'],
    ['--sweep=memory', 'is of places of the bus'],
  ])('%s', async (flags, why) => {
    const ended = await bench.run(['failover', ...flags.split(' '), guest('hello')]);
    expect(ended.stderr).toContain(why);
    expect(ended.stderr).toMatch(/^epochvisor: [^\n]*\[(BAD_POINT|BAD_USAGE)\][^\n]*\n$/);
    expect(ended.status).toBe(2);
  });

  test('a judge that has not judged', async () => {
    const ended = await bench.run(['failover', '--judge', '/nowhere/at/all', guest('hello')]);
    expectRefused(ended, 'JUDGE_FAILED', /the judge can't be run/);
  });

  test("a teller's journal that is a folder", async () => {
    const ended = await bench.run(['failover', '--at', '1:1', '--teller', bench.folder, guest('teller')]);
    expectRefused(ended, 'TELLER_UNUSABLE', /can't be copied: EISDIR/);
  });

  test('a sweep of more points than anybody waits for', async () => {
    const ended = await bench.run(['failover', '--sweep', 'every:1', guest('recursive'), '10', '1']);
    expectRefused(ended, 'BAD_POINT', /at most 100000: take every:\d+ or more/);
  });
});

test('a verb that does not exist is refused', async () => {
  expectRefused(await bench.run(['levitate']), 'BAD_USAGE', /levitate/);
});

test('help for a verb: as much as the verb itself tells; for none of ours: one line', async () => {
  const helped = await bench.run(['help', 'run']);
  expect(helped).toMatchObject({ status: 0, stderr: '' });
  expect(helped.stdout).toBe((await bench.run(['run', '--help'])).stdout);
  expectRefused(await bench.run(['help', 'levitate']), 'BAD_USAGE', /no help for 'levitate'/);
  // A name that every object has.
  expectRefused(await bench.run(['toString']), 'BAD_USAGE', /unknown command 'toString' .*: see epochvisor --help/);
});

test('a cache in a place that takes no folders is done without', async () => {
  // Node's own way to make a folder with those around it never comes back from here.
  const ended = await bench.run(['run', guest('hello')], 'ignore', { EPOCHVISOR_CACHE: '/proc/none/cache' });
  expect(ended).toMatchObject({ status: 0, stderr: '' });
});

describe('stdout that takes nothing', () => {
  test('a reader that has gone ends inspect without a word', async () => {
    const command = bench.start(['inspect', guest('hello')]);
    command.closeOutput();
    expect(await command.ended).toMatchObject({ status: 141, stderr: '' });
  });

  test('a full disk is said in one line', async () => {
    const full = await bench.run(['inspect', guest('hello')], 'ignore', {}, openSync('/dev/full', 'w'));
    expectRefused(full, 'OUTPUT_FAILED', /ENOSPC/);
  });
});

/**
 * A fault that nobody foresaw, in a process that is as it is shipped: Node runs this code before the process's own, and it
 * waits until that is ready for the worst.
 */
const planted = (script: string) => {
  const code = `if (process.argv[1].endsWith('${script}')) {
    process.on('newListener', event => {
      if (event === 'unhandledRejection') setImmediate(() => undefined.planted);
    });
  }`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
};

describe('a defect is one line with a code, and a status of 70', () => {
  test('of the launcher', async () => {
    const ended = await bench.run(['run', guest('hello')], 'ignore', planted('cli-main.js'));
    expectRefused(ended, 'DEFECT', /a defect of epochvisor: Cannot read properties of undefined .*please report it/);
    expect(ended.status).toBe(70);
  });

  test('of all replicas', async () => {
    const ended = await bench.run(['run', '--quiet', guest('hello')], 'ignore', planted('replica-main.js'));
    expectRefused(ended, 'DEFECT', /a defect of epochvisor: Cannot read properties of undefined .*please report it/);
  });

  test('with its stack before the line where EPOCHVISOR_DEBUG=1 asks for it', async () => {
    const env = { ...planted('cli-main.js'), EPOCHVISOR_DEBUG: '1' };
    const { stderr, status } = await bench.run(['run', guest('hello')], 'ignore', env);
    expect(stderr).toMatch(
      /^TypeError: Cannot read properties of undefined.*\n {4}at [\s\S]*\nepochvisor: a defect of epochvisor/,
    );
    expect(status).toBe(70);
  });
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
