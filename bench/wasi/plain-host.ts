// One WASI program on Node's own WASI, in a process of its own: `node --no-turbo-fast-api-calls plain-host.js JSON`.
//
// Standard streams are this process's, the exit status is the program's (134 after a trap). With `timeFile`, the CPU
// time of this thread and the time that passed from the program's first instruction to its last go there, in ms, as JSON.

import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { WASI } from 'node:wasi';
import type { Imports } from '../../engine/instance/webassembly.js';

/** What a plain run is given. */
export interface PlainRun {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Folders of this host, by the names that the program knows. */
  readonly folders: Readonly<Record<string, string>>;
  readonly timeFile?: string;
}

export interface PlainTimes {
  readonly cpuMs: number;
  readonly programMs: number;
}

const TRAPPED = 134;

/** CPU time of the calling thread, ns. */
function cpuNs(): number {
  const buffer = Buffer.alloc(64);
  const file = openSync('/proc/thread-self/schedstat', 'r');
  const length = readSync(file, buffer);
  closeSync(file);
  return Number(buffer.toString('latin1', 0, length).split(' ')[0]);
}

function main(run: PlainRun): number {
  const wasi = new WASI({
    version: 'preview1',
    args: [...run.arguments],
    env: { ...run.environment },
    preopens: { ...run.folders },
    returnOnExit: true,
  });
  const module = new WebAssembly.Module(readFileSync(run.program));
  const instance = new WebAssembly.Instance(module, wasi.getImportObject() as Imports);
  const start = cpuNs();
  const startMs = performance.now();
  try {
    return wasi.start(instance);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return TRAPPED;
  } finally {
    const times: PlainTimes = { cpuMs: (cpuNs() - start) / 1e6, programMs: performance.now() - startMs };
    if (run.timeFile !== undefined) writeFileSync(run.timeFile, JSON.stringify(times));
  }
}

process.exit(main(JSON.parse(process.argv[2]!) as PlainRun));
