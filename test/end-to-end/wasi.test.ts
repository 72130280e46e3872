// Unmodified WASI programs on a pair: as alone on Node's own WASI, whatever happens to the primary.

import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { PROGRAMS, RUBY_CASE } from '../../bench/wasi/cases.js';
import type * as Pair from '../../bench/wasi/pair.js';
import { runPlain } from '../../bench/wasi/plain.js';
import { buildProgram } from '../../bench/wasi/programs.js';
import { wat } from '../building/wat.js';
import { needs } from '../setup/needs.js';
import { Bench, until } from './command.js';
import { failoverOf } from './failover-report.js';

// Compiled, for it starts processes from files beside it.
const pair = fileURLToPath(new URL('../../dist/bench/wasi/pair.js', import.meta.url));
const { differenceFromPlain, runPair, VARIANTS } = (await import(pair)) as typeof Pair;

const bench = new Bench();
let probe: string;
const buildProbe = () => {
  probe = buildProgram('probe.c');
};

describe('a program gives what it gives alone: output, files, exit status', () => {
  for (const program of [...PROGRAMS, RUBY_CASE]) {
    test(program.name, { ...needs(program.language), timeout: 300_000 }, async () => {
      const plain = runPlain(program);
      const undisturbed = await runPair(program);
      expect(differenceFromPlain(plain, undisturbed), 'undisturbed').toBeUndefined();
      for (const [index, variant] of VARIANTS.entries()) {
        const count = Math.floor((undisturbed.instructions * (index + 1)) / (VARIANTS.length + 1));
        const run = await runPair(program, { variant, kill: { at: 'count', count } });
        expect(run.kill?.count, 'the primary killed itself').toBeGreaterThanOrEqual(count);
        expect(run.failover, 'the backup went on').toBeDefined();
        expect(differenceFromPlain(plain, run), `${variant}, killed at ${count}`).toBeUndefined();
      }
    });
  }
});

describe('a program and its world', needs('c'), () => {
  beforeAll(buildProbe);

  test('it sees its arguments and the variables it was given, and no others', async () => {
    const { stdout, status } = await bench.run([
      'run',
      '--env',
      'A=1=2',
      '--env',
      'EMPTY=',
      probe,
      'world',
      'x y',
      '-v',
    ]);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^argument 0: probe-\w+\.wasm$/);
    expect(lines.slice(1)).toEqual([
      'argument 1: world',
      'argument 2: x y',
      'argument 3: -v',
      'variable: A=1=2',
      'variable: EMPTY=',
      '',
    ]);
    expect(status).toBe(0);
  });

  test('--argv0 names it; --env NAME hands a variable on, if there is one', async () => {
    const args = ['--argv0', 'another', '--env', 'EPOCHVISOR_TEST', '--env', 'EPOCHVISOR_NO_SUCH'];
    const { stdout } = await bench.run(['run', ...args, probe, 'world']);
    expect(stdout).toBe(`argument 0: another\nargument 1: world\nvariable: EPOCHVISOR_TEST=${bench.folder}\n`);
  });

  test.each([0, 1, 42, 255])('its exit status %i is ours', async status => {
    const ended = await bench.run(['run', probe, 'exit', String(status)]);
    expect(ended).toMatchObject({ status, stdout: '', stderr: '' });
  });

  test('a trap is reported, with status 134, and nothing fails over', async () => {
    const { status, stderr } = await bench.run(['run', probe, 'abort']);
    expect(status).toBe(134);
    expect(stderr).toMatch(/^epochvisor: trap: unreachable in (abort|function \d+) after \d+ instructions\n$/);
  });

  test('stdin may be a pipe, a file, or closed', async () => {
    const words = buildProgram('words.c');
    const expected = '1 lines, 3 words, 13 bytes, 2 different words\n     2 two\n     1 one\n';
    const piped = bench.start(['run', words], 'pipe');
    for (const piece of ['one tw', 'o two', ' \n']) piped.write(piece);
    piped.endInput();
    expect((await piped.ended).stdout).toBe(expected);
    writeFileSync(bench.file('input'), 'one two two \n');
    const file = openSync(bench.file('input'), 'r');
    expect((await bench.run(['run', words], file)).stdout).toBe(expected);
    closeSync(file);
    expect(await bench.run(['run', words])).toMatchObject({
      status: 1,
      stdout: '0 lines, 0 words, 0 bytes, 0 different words\n',
    });
  });

  test('it sleeps through the death of its primary', async () => {
    // As soon as it has said that it sleeps.
    const { report } = await failoverOf(bench)('--at', 'output:1:after', probe, 'sleep', '300');
    expect(report.undisturbed.stdoutBytes).toBe('asleep\nawake\n'.length);
    expect(report.points).toMatchObject([{ verdict: 'same', kill: { what: 'after release stream' } }]);
  });
});

describe('the folder of a program', needs('c'), () => {
  beforeAll(buildProbe);

  const folder = () => bench.file('folder');

  test('has what it wrote, under the name it was given', async () => {
    mkdirSync(folder());
    const run = bench.start(['run', '--dir', `${folder()}::/somewhere`, probe, 'append', '/somewhere/log'], 'pipe');
    run.write('first\nsecond\n');
    run.endInput();
    expect(await run.ended).toMatchObject({ status: 0, stdout: 'ok\nok\n', stderr: '' });
    expect(readFileSync(join(folder(), 'log'), 'utf8')).toBe('first\nsecond\n');
  });

  test('survives the loss of either replica while it writes, each line once', async () => {
    mkdirSync(folder());
    const run = bench.startWatched(['--quiet', '--dir', `${folder()}::/d`, probe, 'append', '/d/log'], 'pipe');
    const { primary } = await run.isProtected();
    const lines = Array.from({ length: 40 }, (_, line) => `line ${line}\n`);
    for (const [index, line] of lines.entries()) {
      run.command.write(line);
      if (index === 20) process.kill(primary.pid, 'SIGKILL');
    }
    run.command.endInput();
    expect(await run.command.ended).toMatchObject({ status: 0, stdout: 'ok\n'.repeat(40) });
    expect(readFileSync(join(folder(), 'log'), 'utf8')).toBe(lines.join(''));
  });

  test('read-only, it can be read and not changed', async () => {
    mkdirSync(folder());
    writeFileSync(join(folder(), 'file'), 'x');
    const { stdout } = await bench.run(['run', '--dir', `${folder()}::/d:ro`, probe, 'open', '/d/file', '/d/new']);
    expect(stdout.split('\n').filter(line => line.includes('ok'))).toEqual(['read /d/file: ok']);
    expect(readdirSync(folder())).toEqual(['file']);
  });

  test('is all that it can reach, whatever links are in it', async () => {
    mkdirSync(folder());
    writeFileSync(bench.file('secret'), 'secret');
    symlinkSync('../secret', join(folder(), 'up'));
    symlinkSync(bench.file('secret'), join(folder(), 'absolute'));
    symlinkSync('..', join(folder(), 'parent'));
    const paths = ['/d/up', '/d/absolute', '/d/parent/secret', '/d/../secret', '/etc/passwd', 'secret'];
    const { stdout } = await bench.run(['run', '--dir', `${folder()}::/d`, probe, 'open', ...paths]);
    expect(stdout.trim().split('\n')).toHaveLength(2 * paths.length);
    expect(stdout).not.toMatch(/: ok$/m);
    expect(readFileSync(bench.file('secret'), 'utf8')).toBe('secret');
    expect(readdirSync(folder()).sort()).toEqual(['absolute', 'parent', 'up']);
  });

  test('that vanishes is an error of the next sync, the same before and after a failover', async () => {
    mkdirSync(folder());
    const run = bench.startWatched(['--quiet', '--dir', `${folder()}::/d`, probe, 'append', '/d/log'], 'pipe');
    const { primary } = await run.isProtected();
    const said = (lines: number) => until(() => run.command.stdout.split('\n').length > lines || undefined);
    run.command.write('first\n');
    await said(1);
    rmSync(folder(), { recursive: true });
    run.command.write('second\n');
    await said(2);
    process.kill(primary.pid, 'SIGKILL');
    run.command.write('third\n');
    await said(3);
    run.command.endInput();
    const { status, stdout } = await run.command.ended;
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'ok',
      expect.stringMatching(/^sync: ./),
      expect.stringMatching(/^sync: ./),
    ]);
    expect(status).toBe(1);
  });

  test('that is missing is one line, and nothing is started', async () => {
    const { status, stdout, stderr } = await bench.run(['run', '--dir', bench.file('none'), probe, 'world']);
    expect(stderr).toBe(
      `epochvisor: the folder ${bench.file('none')} does not exist [DIR_MISSING]: create it, or name another\n`,
    );
    expect([status, stdout]).toEqual([2, '']);
  });
});

describe('a program that cannot be run is one line', () => {
  const refusal = async (args: readonly string[]) => {
    const { status, stdout, stderr } = await bench.run(['run', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^epochvisor: [^\n]+\n$/);
    return stderr;
  };
  const module = (text: string) => {
    writeFileSync(bench.file('program.wasm'), wat(`(module ${text})`));
    return bench.file('program.wasm');
  };
  const exit = '(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))';

  test('not there, not a module, no program, or for another machine', async () => {
    expect(await refusal([bench.file('none.wasm')])).toContain('[GUEST_MISSING]');
    writeFileSync(bench.file('text.wasm'), '#!/bin/sh\n');
    expect(await refusal([bench.file('text.wasm')])).toContain('[NOT_WASM]');
    expect(await refusal([module(`${exit} (memory (export "memory") 1)`)])).toContain('[GUEST_NO_START]');
    const both = `${exit} (import "epochvisor" "wait" (func)) (memory (export "memory") 1) (func (export "_start"))`;
    expect(await refusal([module(both)])).toContain('[GUEST_IMPORT]');
  });

  test('a bare guest with a folder', async () => {
    const bare = module('(func (export "_start"))');
    expect(await refusal(['--dir', bench.folder, bare])).toContain('[NOT_WASI]');
  });
});
