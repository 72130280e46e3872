// The console: the contract, real pipes, files and readers that go away.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Console } from '../../../devices/console/console.js';
import { STDERR, STDIN, STDOUT } from '../../../devices/console/console-streams.js';
import { Recorder, streamDeviceConforms } from '../conformance.js';

streamDeviceConforms('the console', () => {
  const stdin = new PassThrough();
  const taken: Buffer[] = [];
  const stdout = new Writable({
    write: (chunk, _, done) => {
      taken.push(chunk);
      setImmediate(done);
    },
  });
  return {
    device: new Console({ stdin, stdout, stderr: new PassThrough() }),
    give: bytes => void stdin.write(bytes),
    giveEnd: () => void stdin.end(),
    taken: () => Buffer.concat(taken),
  };
});

describe('a console whose outside fails', () => {
  const failing = (code: string) =>
    new Writable({ write: (_, __, done) => done(Object.assign(new Error(`write ${code}`), { code })) });

  test('a reader that has gone is said once, with the stream', async () => {
    const sink = new Recorder();
    const device = new Console({ stdin: new PassThrough(), stdout: failing('EPIPE'), stderr: new PassThrough() });
    device.start(sink);
    device.write(STDOUT, 0, Uint8Array.of(1));
    device.write(STDOUT, 1, Uint8Array.of(2));
    await expect.poll(() => sink.failures).toHaveLength(1);
    device.write(STDOUT, 2, Uint8Array.of(3));
    device.write(STDERR, 0, Uint8Array.of(4));
    await expect.poll(() => sink.offsets.get(STDERR)).toBe(1);
    expect(sink.failures).toMatchObject([
      [STDOUT, { code: 'OUTPUT_CLOSED', message: 'the reader of stdout has gone' }],
    ]);
    expect(sink.offsets.has(STDOUT)).toBe(false);
    await device.close();
  });

  test('a full file system is said with its reason', async () => {
    const sink = new Recorder();
    const device = new Console({ stdin: new PassThrough(), stdout: new PassThrough(), stderr: failing('ENOSPC') });
    device.start(sink);
    device.write(STDERR, 0, Uint8Array.of(1));
    await expect.poll(() => sink.failures).toMatchObject([[STDERR, { code: 'OUTPUT_FAILED' }]]);
    await device.close();
  });

  test('an input that fails is said', async () => {
    const sink = new Recorder();
    const stdin = new Readable({ read: () => {} });
    const device = new Console({ stdin, stdout: new PassThrough(), stderr: new PassThrough() });
    device.start(sink);
    stdin.destroy(new Error('EISDIR: illegal operation'));
    await expect.poll(() => sink.failures).toMatchObject([[STDIN, { code: 'STDIN_UNREADABLE' }]]);
    await device.close();
  });
});

describe('the console of a process', () => {
  const module = new URL('../../../dist/devices/console/console.js', import.meta.url);
  let folder: string;
  let children: ChildProcess[] = [];
  beforeEach(() => {
    expect(existsSync(module), 'npm run build comes first').toBe(true);
    folder = mkdtempSync(join(tmpdir(), 'epochvisor-console-'));
  });
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children = [];
    rmSync(folder, { recursive: true, force: true });
  });

  /** Copies stdin to stdout; ends when all is written; says on stderr what failed. */
  const COPY = `
    const { Console } = await import(${JSON.stringify(module.href)});
    let read = 0, ended = false, written = 0, device;
    const check = async () => {
      if (!ended || written < read) return;
      await device.close();
      process.stderr.write('copied ' + read);
    };
    try {
      device = Console.ofProcess();
      device.start({
        input: (_, bytes, end) => {
          if (bytes.length > 0) device.write(1, read, bytes);
          read += bytes.length;
          ended = end;
          void check();
        },
        written: (_, offset) => { written = offset; void check(); },
        failed: (stream, reason) => { process.stderr.write(stream + ' ' + reason.code); process.exit(3); },
      });
    } catch (error) {
      process.stderr.write(error.code);
    }`;

  function copy(stdin: 'pipe' | 'ignore' | number, stdout: 'pipe' | number) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', COPY], { stdio: [stdin, stdout, 'pipe'] });
    children.push(child);
    let said = '';
    child.stderr!.on('data', chunk => {
      said += chunk;
    });
    const exit = once(child, 'close').then(([status]) => ({ status: status as number, said }));
    return { child, exit };
  }

  const content = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 7919) >>> 5));

  test('from pipe to pipe, with a reader that takes its time', async () => {
    const { child, exit } = copy('pipe', 'pipe');
    child.stdin!.end(content);
    await new Promise(resolve => setTimeout(resolve, 100));
    const chunks: Buffer[] = [];
    for await (const chunk of child.stdout!) chunks.push(chunk);
    expect(await exit).toEqual({ status: 0, said: 'copied 1000000' });
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
  });

  test('from file to file', async () => {
    writeFileSync(join(folder, 'in'), content);
    const { exit } = copy(openSync(join(folder, 'in'), 'r'), openSync(join(folder, 'out'), 'w'));
    expect(await exit).toEqual({ status: 0, said: 'copied 1000000' });
    expect(readFileSync(join(folder, 'out')).equals(content)).toBe(true);
  });

  test('from nothing', async () => {
    expect(await copy('ignore', 'pipe').exit).toEqual({ status: 0, said: 'copied 0' });
  });

  test('closed at the start: an empty input', async () => {
    const child = spawn('sh', ['-c', 'exec "$0" --input-type=module -e "$1" <&-', process.execPath, COPY]);
    children.push(child);
    let said = '';
    child.stderr.on('data', chunk => {
      said += chunk;
    });
    await once(child, 'close');
    expect(said).toBe('copied 0');
  });

  test('from a directory: one error, no stack', async () => {
    expect(await copy(openSync(folder, 'r'), 'pipe').exit).toEqual({ status: 0, said: 'STDIN_UNREADABLE' });
  });

  test('from a file opened for writing only', async () => {
    const { exit } = copy(openSync(join(folder, 'in'), 'w'), 'pipe');
    expect(await exit).toEqual({ status: 3, said: '0 STDIN_UNREADABLE' });
  });

  test('to a reader that goes away', async () => {
    const { child, exit } = copy('pipe', 'pipe');
    child.stdin!.on('error', () => {});
    child.stdin!.write(content);
    await once(child.stdout!, 'readable');
    child.stdout!.destroy();
    expect(await exit).toEqual({ status: 3, said: '1 OUTPUT_CLOSED' });
  });

  test('to a device that is full', async () => {
    const { child, exit } = copy('pipe', openSync('/dev/full', 'w'));
    child.stdin!.end('x');
    expect(await exit).toEqual({ status: 3, said: '1 OUTPUT_FAILED' });
  });
});
