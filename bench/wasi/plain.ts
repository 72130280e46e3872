// Running a case on Node's own WASI, alone and undisturbed: what every other run of it has to equal.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { listFolder } from '../../engine/testing/folder-listing.js';
import { FOLDER, fillFolder, type ProgramCase } from './cases.js';
import type { PlainRun, PlainTimes } from './plain-host.js';

/** `cpuMs`, `programMs`: of the program's thread, from its first instruction to its last. */
export interface PlainResult extends PlainTimes {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly status: number;
  /** What is in the folder afterwards (engine/testing/folder-listing.ts); empty where there is none. */
  readonly listing: string;
}

const OUTPUT_BYTES_MAX = 1 << 28;

export function runPlain(program: ProgramCase): PlainResult {
  const base = mkdtempSync(join(tmpdir(), 'epochvisor-plain-'));
  try {
    const path = program.program();
    const folder = join(base, 'folder');
    mkdirSync(folder);
    if (program.files !== undefined) fillFolder(folder, program.files);
    const run: PlainRun = {
      program: path,
      arguments: [basename(path), ...program.arguments],
      environment: Object.fromEntries(program.environment.map(each => each.split(/=(.*)/s).slice(0, 2))),
      folders: program.files === undefined ? {} : { [FOLDER]: folder },
      timeFile: join(base, 'times'),
    };
    // Without the flag node:wasi may corrupt memory through V8's fast calls.
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--no-warnings', '--no-turbo-fast-api-calls', HOST, JSON.stringify(run)],
      { input: program.stdin, maxBuffer: OUTPUT_BYTES_MAX },
    );
    if (status === null) throw new Error(`${program.name} on node:wasi was killed`);
    const times = JSON.parse(readFileSync(run.timeFile!, 'utf8')) as PlainTimes;
    return { stdout, stderr, status, listing: program.files ? listFolder(folder) : '', ...times };
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

const HOST = resolve('dist', 'bench', 'wasi', 'plain-host.js');
