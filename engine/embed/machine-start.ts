// The options of a machine in a program: those of `run`, as its flags name them, in camelCase, and where its streams are.

import { Readable, type Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { RunFlags } from '../cli/run-preparation.js';
import { flagsOf, type TestOptions } from '../harness/launch-options.js';

export interface MachineStart extends Omit<TestOptions, 'stdin' | 'limitMs' | 'bus' | 'host'> {
  /** A host module: functions of the program that the guest imports. Relative paths are this process's. */
  readonly host?: string | URL;
  /** What the guest reads; left out: nothing. */
  readonly stdin?: string | Uint8Array | Readable;
  /** Where its output goes; left out: to this process's own. They are not ended. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

/** @throws EpochvisorError BAD_OPTION */
export function startFlags(options: MachineStart): RunFlags {
  const { stdin: _, stdout: __, stderr: ___, host, ...flags } = options;
  const path = host instanceof URL ? fileURLToPath(host) : host;
  return flagsOf({ ...flags, ...(path === undefined ? {} : { host: path }) });
}

export function startStreams({ stdin = '', stdout = process.stdout, stderr = process.stderr }: MachineStart) {
  const given = stdin instanceof Readable ? stdin : Readable.from([Buffer.from(stdin)], { objectMode: false });
  return { stdin: given, stdout, stderr };
}
