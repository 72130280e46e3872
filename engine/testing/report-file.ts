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

/** What people want to know of it. */
export type About = Readonly<Record<string, unknown>>;

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
  const records = lines.filter(value => !isSweep(value));
  if (!records.every(isRecord)) throw notOurs(path);
  return { about, sweeps: [...lastSweeps(lines).values()], records };
}

export class ReportFile {
  readonly #path: string;
  /** What was judged before. */
  readonly records: readonly PointRecord[];
  /** The last of each variant. */
  readonly #sweeps: Map<string, BegunSweep>;

  /** Begins the file where there is none. @param about for people, and `at`, when it was begun @throws EpochvisorError REPORT_FILE, REPORT_OTHER */
  constructor(path: string, subject: Subject, about: About = {}) {
    this.#path = path;
    const lines = wholeLines(path);
    const [first, ...others] = lines ?? [];
    if (first === undefined) {
      write(path, () => writeFileSync(path, line({ format: FORMAT, version: VERSION, subject, about })));
      this.records = [];
      this.#sweeps = new Map();
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
    const values = others.map(text => parsed(path, text));
    this.records = values.filter(value => !isSweep(value)) as unknown as PointRecord[];
    this.#sweeps = lastSweeps(values);
    // What follows must not be joined to half a line.
    write(path, () =>
      writeFileSync(
        path,
        [isNews(head.about, about) ? JSON.stringify({ ...head, about }) : first, ...others]
          .map(text => `${text}\n`)
          .join(''),
      ),
    );
  }

  /** Written where it is another than the last of its variant. */
  begin(sweep: BegunSweep): void {
    if (JSON.stringify(this.#sweeps.get(sweep.variant)) === JSON.stringify(sweep)) return;
    this.#sweeps.set(sweep.variant, sweep);
    write(this.#path, () => appendFileSync(this.#path, line(sweep)));
  }

  append(record: PointRecord): void {
    write(this.#path, () => appendFileSync(this.#path, line(record)));
  }
}

function lastSweeps(values: readonly object[]): Map<string, BegunSweep> {
  return new Map(values.filter(isSweep).map(begun => [begun.variant, begun]));
}

/** Another time alone is none. */
function isNews(before: unknown, now: About): boolean {
  const { at } = (before ?? {}) as About;
  return JSON.stringify(before) !== JSON.stringify('at' in now ? { ...now, at } : now);
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
