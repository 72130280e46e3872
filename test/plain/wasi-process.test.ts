// WASI programs on the plain machine, in a process of its own: real stdin, folders, clocks, sockets and endings.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FOLDER, fillFolder, PROGRAMS } from '../../bench/wasi/cases.js';
import { runPlain as runOnNode } from '../../bench/wasi/plain.js';
import { buildProgram } from '../../bench/wasi/programs.js';
import { listFolder } from '../../engine/testing/folder-listing.js';
import { TestFolder } from '../building/test-folder.js';
import { wat } from '../building/wat.js';
import { Client, question } from '../end-to-end/tcp-client.js';
import { needs } from '../setup/needs.js';
import { builtProgram } from '../wasi/built.js';
import { endingOf, runPlain, startPlain } from './plain-command.js';

const folder = new TestFolder();
const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

let probe: string;
const buildProbe = () => {
  probe = buildProgram('probe.c');
};

function madeFolder(name: string): string {
  mkdirSync(folder.file(name));
  return folder.file(name);
}

describe('a WASI program on the plain machine', needs('c'), () => {
  beforeAll(buildProbe);

  it('sees its arguments, its name and the variables that it was given', async () => {
    const flags = ['--argv0', 'another', '--env', 'A=1=2', '--env', 'GIVEN', '--env', 'EPOCHVISOR_NO_SUCH'];
    const env = { ...process.env, GIVEN: 'on' };
    expect(await runPlain([...flags, probe, 'world', 'x y'], { env })).toEqual({
      status: 0,
      stdout: 'argument 0: another\nargument 1: world\nargument 2: x y\nvariable: A=1=2\nvariable: GIVEN=on\n',
      stderr: '',
    });
  });

  it.each([0, 1, 42, 255])('ends with its exit status %i, though its stdin stays open', async status => {
    expect(await runPlain([probe, 'exit', String(status)])).toEqual({ status, stdout: '', stderr: '' });
  });

  it('ends with 134 after a trap', async () => {
    const { status, stderr } = await runPlain([probe, 'abort']);
    expect({ status, stderr }).toEqual({ status: 134, stderr: 'plain: the guest trapped: unreachable\n' });
  });

  it('sleeps and goes on', async () => {
    expect(await runPlain([probe, 'sleep', '50'])).toEqual({ status: 0, stdout: 'asleep\nawake\n', stderr: '' });
  });

  it('waits for its stdin or a timer, whichever comes first', async () => {
    const child = startPlain([builtProgram('patience')]);
    running.add(child);
    const ended = endingOf(child);
    let seen = '';
    child.stdout!.on('data', text => (seen += text));
    for (const word of ['one', 'two']) {
      while (!seen.endsWith('nothing\n')) await once(child.stdout!, 'data');
      seen = '';
      child.stdin!.write(`${word}\n`);
    }
    while (!seen.endsWith('nothing\n')) await once(child.stdout!, 'data');
    child.stdin!.end();
    const stdout = 'nothing\none\nnothing\ntwo\nnothing\nthe end\n';
    expect(await ended).toEqual({ status: 0, stdout, stderr: '' });
  });

  it('gets what a pipe brings as it comes, and has it in its folder before it says so', async () => {
    const data = madeFolder('data');
    const child = startPlain(['--dir', `${data}::/data`, probe, 'append', '/data/log']);
    running.add(child);
    const ended = endingOf(child);
    let expected = '';
    for (const word of ['one', 'two', 'three']) {
      const answer = once(child.stdout!, 'data');
      child.stdin!.write(`${word}\n`);
      await answer;
      expected += `${word}\n`;
      expect(readFileSync(join(data, 'log'), 'utf8')).toBe(expected);
    }
    child.stdin!.end();
    expect(await ended).toEqual({ status: 0, stdout: 'ok\nok\nok\n', stderr: '' });
  });

  it('reads a file as stdin', async () => {
    const path = folder.file('lines');
    const lines = Array.from({ length: 50_000 }, (_, at) => `line ${at} and some more to fill it\n`).join('');
    writeFileSync(path, lines);
    const { stdout } = await runPlain([buildProgram('words.c')], { stdio: [openSync(path, 'r'), 'pipe', 'pipe'] });
    expect(stdout).toContain(`50000 lines, 400000 words, ${lines.length} bytes`);
  });

  it('changes nothing in a folder for reading only', async () => {
    const data = madeFolder('data');
    writeFileSync(join(data, 'there'), 'x');
    const { stdout } = await runPlain(['--dir', `${data}::/data:ro`, probe, 'open', '/data/there', '/data/new']);
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      'read /data/there: ok',
      'write /data/there: Read-only file system',
    ]);
    expect(stdout).toContain('write /data/new: Read-only file system');
  });

  it.each([
    ['return', 0],
    ['exit', 0],
    ['trap', 134],
  ])('has in its folder all that it had written, when it ends by %s', async (ending, status) => {
    const data = madeFolder('data');
    expect((await runPlain(['--dir', `${data}::.`, builtProgram('endings'), 'out', ending])).status).toBe(status);
    expect(readFileSync(join(data, 'out')).equals(Buffer.alloc(701 * 65536, 'x'))).toBe(true);
  });

  it.each(PROGRAMS.filter(({ language }) => language === 'c'))(
    "gives what it gives on Node's own WASI: $name",
    async program => {
      const alone = runOnNode(program);
      const data = madeFolder('data');
      fillFolder(data, program.files ?? {});
      const child = startPlain(['--dir', `${data}::${FOLDER}`, program.program(), ...program.arguments]);
      const ended = endingOf(child);
      child.stdin!.on('error', () => undefined).end(program.stdin);
      const { status, stdout, stderr } = await ended;
      expect({ status, stderr }).toEqual({ status: alone.status, stderr: Buffer.from(alone.stderr).toString() });
      expect(stdout === Buffer.from(alone.stdout).toString()).toBe(true);
      expect(listFolder(data)).toBe(alone.listing);
    },
  );
});

describe('a WASI program that listens', needs('c'), () => {
  it('answers several clients at once, with more than every window, and ends at the word of one', async () => {
    const path = folder.file('socket');
    const child = startPlain(['--listen', `unix:${path}`, buildProgram('echoes.c')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const ended = endingOf(child);
    await once(child.stdout!, 'data');
    const clients = Array.from({ length: 20 }, () => new Client(path));
    for (const round of [1, 2, 3]) {
      await Promise.all(clients.map((client, index) => client.asks(question(index, round, 100))));
    }
    await clients[0]!.asks(question(0, 4, 4 << 20));
    await clients[1]!.leaves();
    clients[2]!.socket.write('quit');
    expect(await ended).toEqual({ status: 0, stdout: 'listening\n', stderr: `plain: listens on unix:${path}\n` });
    for (const { socket } of clients) socket.destroy();
  });
});

describe('what the plain machine refuses', () => {
  const memory = '(memory (export "memory") 1) (func (export "_start"))';
  const module = (text: string) => {
    const path = folder.file('program.wasm');
    writeFileSync(path, wat(`(module ${text} ${memory})`));
    return path;
  };

  it('a folder that is not there', async () => {
    const program = module('(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))');
    const { status, stderr } = await runPlain(['--dir', folder.file('nowhere'), program]);
    expect(status).toBe(2);
    expect(stderr).toContain('DIR_MISSING');
  });

  it('a folder or a variable for a bare guest', async () => {
    for (const flags of [
      ['--dir', folder.path],
      ['--env', 'A=1'],
    ]) {
      const { status, stderr } = await runPlain([...flags, module('')]);
      expect(status).toBe(2);
      expect(stderr).toContain('NOT_WASI');
    }
  });

  it('a module that is no guest', async () => {
    writeFileSync(folder.file('text'), 'no module');
    const { status, stderr } = await runPlain([folder.file('text')]);
    expect(status).toBe(2);
    expect(stderr).toContain('NOT_WASM');
  });
});
