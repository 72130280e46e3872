// The end of `epochvisor failover`: what is shown and written of its points, and the status; after a sweep, or of a report file of one.

import { createHash } from 'node:crypto';
import { EpochvisorError } from '../errors/errors.js';
import type { Fault, Victim } from '../testing/kill-hook.js';
import { nameOfRecord } from '../testing/planned-point.js';
import { readReport } from '../testing/report-file.js';
import { about } from './about.js';
import { quoted } from './failover-repeat.js';
import { asJson, asText, type VariantResult } from './failover-text.js';
import { print } from './output.js';
import { type ReportOutputs, refuseOutputs, writeOutputs } from './reporting/report-outputs.js';

const FAILED_STATUS = 1;

export interface ConclusionFlags extends ReportOutputs {
  readonly json?: true;
  readonly report?: string;
}

/** For people, and kept in a report file for them. */
export interface AboutSweep {
  readonly guest: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly host: string;
  /** When it was begun, by ISO 8601. */
  readonly at: string;
  /** Those that are to be swept. */
  readonly variants: readonly string[];
}

export interface SweepDescription {
  /** The guest's name and its arguments. */
  readonly program: readonly string[];
  /** The flags, as they were given. */
  readonly given: readonly string[];
  readonly module: Uint8Array;
  readonly flags: {
    readonly epochLength: number;
    readonly fault: Fault;
    readonly victim: Victim;
    readonly processes?: boolean;
    readonly variants: readonly string[];
  };
}

export function aboutSweep({ program, given, module, flags }: SweepDescription): AboutSweep {
  const { version, host, hardware } = about();
  const { epochLength, fault, victim, processes, variants } = flags;
  const done =
    victim === 'bus'
      ? { kill: 'killed, and started again', pause: 'stopped, and continued', cut: '', lose: '' }[fault]
      : {
          kill: 'killed',
          pause: 'stopped, and continued when another has taken over',
          cut: 'cut off',
          lose: 'killed, and what it said last lost',
        }[fault];
  return {
    guest: program.map(quoted).join(' '),
    facts: [
      ['module', `${module.length} bytes, sha256 ${createHash('sha256').update(module).digest('hex')}`],
      ['flags', given.length === 0 ? 'none' : given.map(quoted).join(' ')],
      ['epochs', `${epochLength} instructions`],
      ['fault', `the ${victim} is ${done}`],
      ['replicas', processes === true ? 'processes' : 'threads'],
      ['version', version],
      ['host', `${host}: ${hardware}`],
    ],
    host,
    at: new Date().toISOString(),
    variants,
  };
}

/** @param interrupted exit status of who was interrupted: it tells what it has */
export function conclude(
  results: readonly VariantResult[],
  flags: ConclusionFlags,
  told: AboutSweep,
  interrupted: number | undefined,
): void {
  const records = results.flatMap(result => result.records);
  const isInterrupted = interrupted !== undefined;
  if (!isInterrupted || records.length > 0) {
    if (flags.json) print(`${JSON.stringify(asJson(results, isInterrupted), null, 2)}\n`);
    else print(asText(results, isInterrupted));
  }
  if (isInterrupted) process.exitCode = interrupted;
  else process.exitCode = records.some(({ failed }) => failed) ? FAILED_STATUS : 0;
  const variants = results.map(({ variant, line, records }) => ({
    variant,
    undisturbed: line.replace(/^undisturbed: /, ''),
    records,
  }));
  writeOutputs(flags, { ...told, variants, interrupted: isInterrupted });
  if (isInterrupted) return;
  if (records.every(({ kill }) => kill === null)) {
    const { instructions, epochs } = results[0]!.undisturbed;
    throw new EpochvisorError(
      'NOT_REACHED',
      `nothing was struck: the guest ends after ${instructions} instructions, in epoch ${epochs}`,
      'name points before its end; --sweep takes those of a reference run',
    );
  }
  if (records.every(({ verdict }) => verdict === 'not reached')) {
    throw new EpochvisorError(
      'NOT_REACHED',
      'no second kill landed: each run ended before it',
      'strike first at points that are earlier, or take a guest that runs longer',
    );
  }
}

/** Of a report file: nothing is run again. @throws EpochvisorError BAD_USAGE, REPORT_FILE, REPORT_EMPTY, OUTPUT_FILE, NOT_REACHED */
export function tellAgain(flags: ConclusionFlags): void {
  const { report } = flags;
  if (report === undefined) {
    throw new EpochvisorError(
      'BAD_USAGE',
      'no GUEST.wasm is named',
      'name one, or, to tell a report again, give --report',
    );
  }
  refuseOutputs(flags, { '--report': report });
  const { about: told, sweeps, records } = readReport(report);
  if (!isAbout(told)) throw notWhole(report);
  if (records.length === 0) {
    throw new EpochvisorError('REPORT_EMPTY', `${report} has no point that was judged`, 'go on with its sweep');
  }
  let isWhole = told.variants.every(name => sweeps.some(({ variant }) => variant === name));
  const results = sweeps.map(({ variant, points, told }): VariantResult => {
    if (!isTold(told)) throw notWhole(report);
    const own = new Map(records.filter(one => one.variant === variant).map(one => [nameOfRecord(one), one]));
    const judged = points.map(name => own.get(name)).filter(record => record !== undefined);
    if (judged.length < points.length) isWhole = false;
    return { ...told, variant, records: judged };
  });
  conclude(results, flags, told, isWhole ? undefined : FAILED_STATUS);
}

function notWhole(report: string): EpochvisorError {
  return new EpochvisorError('REPORT_FILE', `${report} does not say what it is of`, 'run its sweep again');
}

function isTold(value: unknown): value is Pick<VariantResult, 'undisturbed' | 'line'> {
  const { undisturbed, line } = (value ?? {}) as Partial<VariantResult>;
  return typeof line === 'string' && typeof undisturbed === 'object' && undisturbed !== null;
}

function isAbout(value: unknown): value is AboutSweep {
  const { guest, facts, host, at, variants } = (value ?? {}) as Partial<AboutSweep>;
  const areFacts = Array.isArray(facts) && facts.every(fact => Array.isArray(fact) && fact.length === 2);
  return [guest, host, at].every(text => typeof text === 'string') && areFacts && Array.isArray(variants);
}
