// The files that a failover test is reported in: `--html`, `--junit`. What can be wrong with them is said before an hour of runs.

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EpochvisorError } from '../../errors/errors.js';
import { tryWriting } from '../writable-file.js';
import type { FailoverReport } from './failover-report.js';
import { asJunit } from './junit.js';
import { asPage } from './page.js';

export interface ReportOutputs {
  readonly html?: string;
  readonly junit?: string;
}

/** A page is about as large. */
const TRIAL_BYTES = 256 * 1024;

/**
 * @param read what is read, and would be overwritten, by the flag or the word that names it
 * @throws EpochvisorError BAD_USAGE, OUTPUT_FILE
 */
export function refuseOutputs(
  { html, junit }: ReportOutputs,
  read: Readonly<Record<string, string | undefined>>,
): void {
  const named = Object.entries({ ...read, '--html': html, '--junit': junit });
  const seen = new Map<string, string>();
  for (const [name, path] of named) {
    if (path === undefined) continue;
    const other = seen.get(resolve(path));
    const isWritten = name === '--html' || name === '--junit';
    if (other !== undefined && isWritten) {
      throw new EpochvisorError('BAD_USAGE', `${name} and ${other} are one file, ${path}`, 'name another file');
    }
    seen.set(resolve(path), name);
  }
  for (const path of [html, junit]) {
    if (path === undefined) continue;
    try {
      tryWriting(path, TRIAL_BYTES);
    } catch (error) {
      throw unwritable(path, error);
    }
  }
}

function unwritable(path: string, error: unknown): EpochvisorError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new EpochvisorError('OUTPUT_FILE', `${path} can't be written: ${code ?? message}`, 'name another file');
}

/** Both, whatever becomes of the first. @throws EpochvisorError OUTPUT_FILE */
export function writeOutputs({ html, junit }: ReportOutputs, report: FailoverReport): void {
  const failures: EpochvisorError[] = [];
  const write = (path: string | undefined, text: () => string) => {
    if (path === undefined) return;
    const whole = text();
    try {
      writeFileSync(path, whole);
    } catch (error) {
      failures.push(unwritable(path, error));
    }
  };
  write(junit, () => asJunit(report));
  write(html, () => asPage(report));
  if (failures[0] !== undefined) throw failures[0];
}
