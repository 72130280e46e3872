// One WASI program on Node's own WASI, in a process of its own: `node --no-turbo-fast-api-calls plain-host.js JSON`.
//
// Standard streams are this process's, the exit status is the program's (134 after a trap). With `cpuFile`, the CPU time
// that this thread used from the program's first instruction to its last goes there, in nanoseconds.

import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { WASI } from 'node:wasi';
import type { Imports } from '../../engine/machine/webassembly.js';

/** What a plain run is given. */
export interface PlainRun {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Folders of this host, by the names that the program knows. */
  readonly folders: Readonly<Record<string, string>>;
  readonly cpuFile?: string;
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
  try {
    return wasi.start(instance);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return TRAPPED;
  } finally {
    if (run.cpuFile !== undefined) writeFileSync(run.cpuFile, String(cpuNs() - start));
  }
}

process.exit(main(JSON.parse(process.argv[2]!) as PlainRun));
