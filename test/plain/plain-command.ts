// The plain machine as a process of its own, watched to its end.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../dist/bundle/plain-main.js');

export interface Ending {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function startPlain(words: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(process.execPath, [MAIN, ...words], { stdio: 'pipe', ...options });
}

export function endingOf(child: ChildProcess): Promise<Ending> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', text => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', text => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', status => resolve({ status, stdout, stderr }));
  });
}

/** Runs it to its end; its stdin stays open. */
export function runPlain(words: readonly string[], options: SpawnOptions = {}): Promise<Ending> {
  return endingOf(startPlain(words, options));
}
