// The plain machine as a process of its own, with real stdin, stdout and disks: what the figures compare with.
import { spawn } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TestFolder } from '../building/test-folder.js';
import { judgeTranscript } from './transcript.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist/bundle/plain-main.js');
const folder = new TestFolder();

const guest = (name: string) => join(root, 'guest/build', `${name}.wasm`);

interface Ending {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the plain machine. `input` is what its stdin is: a pipe fed by a function, or a file's path. */
function run(words: readonly string[], input?: string | ((stdin: NodeJS.WritableStream) => void)): Promise<Ending> {
  const stdin = typeof input === 'string' ? openSync(input, 'r') : 'pipe';
  const child = spawn(process.execPath, [main, ...words], { stdio: [stdin, 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', text => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', text => (stderr += text));
  if (typeof input === 'function') input(child.stdin!);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', status => resolve({ status, stdout, stderr }));
  });
}

describe('the plain machine as a process', () => {
  it('runs a guest and ends, though its stdin stays open', async () => {
    expect(await run([guest('hello')])).toEqual({
      status: 0,
      stdout: 'Hello from a machine that does not fail.\n',
      stderr: '',
    });
    expect((await run([guest('ticks'), '2', '5'])).stdout).toBe('tick 1\ntick 2\n');
  });

  it('echoes a pipe as it comes: an answer before the next question', async () => {
    const child = spawn(process.execPath, [main, guest('echo')], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdout.setEncoding('utf8');
    const nextOutput = () => new Promise<string>(resolve => child.stdout.once('data', resolve));
    for (const [n, word] of ['one', 'two', 'three'].entries()) {
      const answer = nextOutput();
      child.stdin.write(`${word}\n`);
      expect(await answer).toBe(`${n + 1}: ${word}\n`);
    }
    const last = nextOutput();
    child.stdin.end();
    expect(await last).toBe('3 lines\n');
  });

  it('reads a file as stdin, and a pipe longer than every buffer', async () => {
    const path = folder.file('lines');
    const lines = Array.from({ length: 200_000 }, (_, i) => `line ${i} and some more to fill it`);
    writeFileSync(path, lines.join('\n'));
    const expected = `${lines.map((line, i) => `${i + 1}: ${line}\n`).join('')}200000 lines\n`;
    expect((await run([guest('echo')], path)).stdout === expected).toBe(true);
    expect((await run([guest('echo')], stdin => stdin.end(lines.join('\n')))).stdout === expected).toBe(true);
    expect((await run([guest('echo')], '/dev/null')).stdout).toBe('0 lines\n');
  });

  it('keeps a disk in a file', async () => {
    const disk = folder.file('disk');
    writeFileSync(disk, new Uint8Array(64 * 512));
    const first = await run(['--disk', disk, guest('disk-log'), '3']);
    expect(first.stdout).toMatch(/^found 0 .*\nappended 0 .*\nappended 1 .*\nappended 2 .*\n$/);
    expect((await run([guest('disk-log'), '--disk', disk, '1'])).stdout).toMatch(/^found 3 .*\nappended 3 .*\n$/);
    expect(readFileSync(disk).subarray(0, 8).toString()).toBe('epchlog1');
    expect((await run([guest('disk'), '--disk', disk, '8', '3'])).stdout).toMatch(/\nread 8 blocks [0-9a-f]{16}\n$/);
  });

  it('gives clocks and random numbers that a machine could give', async () => {
    const { stdout } = await run([guest('clock-random'), '200', '100']);
    expect(judgeTranscript(stdout)).toBeNull();
    expect(stdout.split('\n')).toHaveLength(201);
  });

  it('ends with the status of the guest, 134 for a trap', async () => {
    expect((await run([guest('compute'), 'x'])).status).toBe(2);
    const trapped = await run([guest('trap'), 'divide']);
    expect(trapped.status).toBe(134);
    expect(trapped.stderr).toBe('plain: the guest trapped: divide by zero\n');
  });
});
