// A report file: a line of JSON for each point that was judged, kept as soon as it is, so that a sweep that was interrupted goes on
// where it stood.
//
//   {"format":"epochvisor failover","version":1,"subject":{...},...}  what was tested: guest, options, faults; and for people: about
//   {"variant":"deferred","points":["3:50000",...],"told":{...}}      a sweep begins: what is to be judged
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
  readonly about: unknown;
}

/** A sweep of one variant, as it begins. */
export interface BegunSweep {
  readonly variant: string;
  /** By their names, in order. */
  readonly points: readonly string[];
  /** What else whoever reads the file wants to know of it. */
  readonly told: unknown;
}

/** What is in a file of which nothing is to be judged any more. */
export interface ReadReport {
  readonly about: unknown;
  /** The last of each variant. */
  readonly sweeps: readonly BegunSweep[];
  readonly records: readonly PointRecord[];
}

/** @throws EpochvisorError REPORT_FILE */
export function readReport(path: string): ReadReport {
  const [first, ...others] = wholeLines(path) ?? [];
  if (first === undefined) throw notOurs(path);
  const { about } = headOf(path, first);
  const lines = others.map(text => parsed(path, text));
  const sweeps = new Map(lines.filter(isSweep).map(begun => [begun.variant, begun]));
  const records = lines.filter(value => !isSweep(value));
  if (!records.every(isRecord)) throw notOurs(path);
  return { about, sweeps: [...sweeps.values()], records };
}

export class ReportFile {
  readonly #path: string;
  /** What was judged before. */
  readonly records: readonly PointRecord[];

  /** Begins the file where there is none. @param about for people @throws EpochvisorError REPORT_FILE, REPORT_OTHER */
  constructor(path: string, subject: Subject, about: unknown = null) {
    this.#path = path;
    const lines = wholeLines(path);
    const [first, ...others] = lines ?? [];
    if (first === undefined) {
      write(path, () => writeFileSync(path, line({ format: FORMAT, version: VERSION, subject, about })));
      this.records = [];
      return;
    }
    const head = headOf(path, first);
    const other = differsIn(head.subject, subject);
    if (other !== undefined) {
      throw new EpochvisorError(
        'REPORT_OTHER',
        `${path} is the report of another test: its ${other} differs`,
        'name another file, or repeat the flags it was begun with',
      );
    }
    const judged = others.map(text => parsed(path, text)).filter(value => !isSweep(value));
    this.records = judged as unknown as PointRecord[];
    // What follows must not be joined to half a line.
    write(path, () =>
      writeFileSync(path, [JSON.stringify({ ...head, about }), ...others].map(text => `${text}\n`).join('')),
    );
  }

  begin(sweep: BegunSweep): void {
    write(this.#path, () => appendFileSync(this.#path, line(sweep)));
  }

  append(record: PointRecord): void {
    write(this.#path, () => appendFileSync(this.#path, line(record)));
  }
}

function headOf(path: string, text: string): Head {
  const head = parsed(path, text) as unknown as Head;
  if (head.format !== FORMAT || head.version !== VERSION) throw notOurs(path);
  return head;
}

function isSweep(value: object): value is BegunSweep {
  const { variant, points } = value as Partial<BegunSweep>;
  return typeof variant === 'string' && Array.isArray(points) && points.every(point => typeof point === 'string');
}

const TEXTS = ['asked', 'variant', 'fault', 'victim', 'verdict', 'detail', 'repeat'] as const;

/** So much that whatever is made of it has no holes. */
function isRecord(value: object): value is PointRecord {
  const record = value as Partial<PointRecord>;
  const { kill, secondKill, failover, failed, durationMs, timeline = [] } = record;
  return (
    TEXTS.every(name => typeof record[name] === 'string') &&
    typeof failed === 'boolean' &&
    typeof durationMs === 'number' &&
    [kill, secondKill, failover].every(part => typeof part === 'object') &&
    (kill === null || [kill?.epoch, kill?.count, kill?.atNs].every(number => typeof number === 'number')) &&
    Array.isArray(timeline)
  );
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

function parsed(path: string, text: string): object {
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
