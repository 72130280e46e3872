// The options of a machine in a test: those of `run`, as its flags name them, in camelCase. They are checked by the same parsers.

import { Command, CommanderError } from 'commander';
import { addRunFlags, type RunFlags, runFlags } from '../cli/run-preparation.js';
import { EpochvisorError } from '../errors/errors.js';
import type { Variant } from '../protocol/vocabulary.js';

type OneOrMore = string | readonly string[];

export interface TestOptions {
  /** The guest's arguments, without its name. */
  readonly args?: readonly string[];
  /** What it reads from stdin before its end; left out: what the test writes to `machine.stdin`, until it ends that. */
  readonly stdin?: string | Uint8Array;
  /** After so long the machine is ended, whatever the test does (default 120,000): no run hangs. */
  readonly limitMs?: number;
  readonly epochLength?: number | 'auto';
  readonly maxLatency?: number;
  readonly variant?: Variant;
  readonly counting?: 'block' | 'exact';
  readonly operationIds?: boolean;
  readonly maxMemory?: number | string;
  readonly cache?: boolean;
  readonly replicas?: number;
  readonly repair?: boolean;
  readonly suspicion?: number;
  readonly encrypt?: boolean;
  readonly arbiter?: string;
  /** Files and folders are copied, and the copies used: `machine.files`. */
  readonly disk?: OneOrMore;
  readonly teller?: string;
  readonly dir?: OneOrMore;
  readonly env?: OneOrMore;
  readonly argv0?: string;
  readonly listen?: OneOrMore;
  readonly connect?: OneOrMore;
  /** A host module: functions that the guest imports. */
  readonly host?: string;
  /** 'process': in one of its own, which can be killed and started again (`restartBus`); left out: in the process of the test. */
  readonly bus?: 'process';
}

export const LIMIT_MS = 120_000;

/** What is not a flag. */
const OWN = new Set<string>(['args', 'stdin', 'limitMs', 'bus']);

/** @throws EpochvisorError BAD_OPTION */
export function flagsOf(options: TestOptions): RunFlags {
  if (options.bus !== undefined && options.bus !== 'process') {
    const message = `an option of launch is wrong: bus is ${JSON.stringify(options.bus)}`;
    throw new EpochvisorError('BAD_OPTION', message, "it is 'process', or left out");
  }
  const command = addRunFlags(new Command('launch'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .action(() => undefined);
  const words = Object.entries(options)
    .filter(([name, value]) => !OWN.has(name) && value !== undefined)
    .flatMap(([name, value]) => wordsOf(name, value));
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const message = error.message.replace(/^error: /, '').replace(/\.$/, '');
    throw new EpochvisorError('BAD_OPTION', `an option of launch is wrong: ${message}`, 'options are the flags of run');
  }
  return { ...runFlags(command.opts()), quiet: true };
}

function wordsOf(name: string, value: unknown): string[] {
  const flag = name.replace(/[A-Z]/g, capital => `-${capital.toLowerCase()}`);
  if (Array.isArray(value)) return value.flatMap(one => wordsOf(name, one));
  if (name === 'operationIds') return [`--${flag}=${value === false ? 'off' : 'on'}`];
  if (value === true) return name === 'repair' || name === 'cache' ? [] : [`--${flag}`];
  if (value === false) return name === 'encrypt' ? [] : [`--no-${flag}`];
  return [`--${flag}=${String(value)}`];
}
