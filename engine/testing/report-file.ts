// A report file: a line of JSON for each point that was judged, kept as soon as it is, so that a sweep that was interrupted goes on
// where it stood.
//
//   {"format":"epochvisor failover","version":1,"subject":{...}}      what was tested: guest, options, faults
//   {"asked":"3:50000","verdict":"same",...}                          a PointRecord, and so on
//
// A last line that is not whole was being written when the process died: its point is judged again. A file of another subject is
// refused, for its verdicts would be taken for this one's.

import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { EpochvisorError } from '../errors/errors.js';
import type { PointRecord } from './point-record.js';

const FORMAT = 'epochvisor failover';
const VERSION = 1;

/** What has to be the same for verdicts to be of the same test, by name. */
export type Subject = Readonly<Record<string, unknown>>;

interface Head {
  readonly format: string;
  readonly version: number;
  readonly subject: Subject;
}

export class ReportFile {
  readonly #path: string;
  /** What was judged before. */
  readonly records: readonly PointRecord[];

  /** Begins the file where there is none. @throws EpochvisorError REPORT_FILE, REPORT_OTHER */
  constructor(path: string, subject: Subject) {
    this.#path = path;
    const lines = wholeLines(path);
    const [first, ...others] = lines ?? [];
    if (first === undefined) {
      write(path, () => writeFileSync(path, line({ format: FORMAT, version: VERSION, subject })));
      this.records = [];
      return;
    }
    const head = parsed(path, first) as Head;
    if (head.format !== FORMAT || head.version !== VERSION) throw notOurs(path);
    const other = differsIn(head.subject, subject);
    if (other !== undefined) {
      throw new EpochvisorError(
        'REPORT_OTHER',
        `${path} is the report of another test: its ${other} differs`,
        'name another file, or repeat the flags it was begun with',
      );
    }
    this.records = others.map(text => parsed(path, text) as PointRecord);
    // What follows must not be joined to half a line.
    write(path, () => writeFileSync(path, [first, ...others].map(text => `${text}\n`).join('')));
  }

  append(record: PointRecord): void {
    write(this.#path, () => appendFileSync(this.#path, line(record)));
  }
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function wholeLines(path: string): string[] | undefined {
  if (!existsSync(path)) return undefined;
  let text = '';
  write(path, () => {
    text = readFileSync(path, 'utf8');
  });
  if (text === '') return undefined;
  const lines = text.split('\n').slice(0, -1);
  if (lines.length === 0) throw notOurs(path);
  return lines;
}

function parsed(path: string, text: string): unknown {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw notOurs(path);
}

function notOurs(path: string): EpochvisorError {
  return new EpochvisorError('REPORT_FILE', `${path} is no report of a failover test`, 'name another file');
}

function differsIn(found: Subject = {}, expected: Subject): string | undefined {
  const names = new Set([...Object.keys(found), ...Object.keys(expected)]);
  return [...names].find(name => JSON.stringify(found[name]) !== JSON.stringify(expected[name]));
}

function write(path: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EpochvisorError('REPORT_FILE', `${path} can't be used: ${code ?? message}`, 'name a file');
  }
}
