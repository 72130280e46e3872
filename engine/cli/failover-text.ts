// What `epochvisor failover` shows of its points: a table and a summary, or JSON.

import { markdownTable } from 'markdown-table';
import { describeOutcome } from '../protocol/describe.js';
import type { FailoverTest } from '../testing/failover-test.js';
import type { PointRecord } from '../testing/point-record.js';

/** Points of one variant. */
export interface VariantResult {
  readonly variant: string;
  /** Of the undisturbed runs. */
  readonly undisturbed: Undisturbed;
  readonly line: string;
  readonly records: readonly PointRecord[];
}

type Undisturbed = ReturnType<typeof undisturbedOf>;

/** Read before the test is closed. */
export function undisturbedOf(test: FailoverTest) {
  return {
    instructions: test.instructions,
    epochs: test.undisturbed.epochs,
    stdoutBytes: test.undisturbed.stdout.length,
    outcome: test.reference.outcome ?? null,
    stdoutRepeats: test.reference.stdoutRepeats,
    ...transcriptOf(test),
    unstableFiles: test.unstableFiles,
  };
}

/** Of the client, where one drives the guest. */
function transcriptOf({ undisturbed, reference }: FailoverTest) {
  const { client } = undisturbed;
  if (client === undefined) return {};
  return { transcriptBytes: client.stdout.length, transcriptRepeats: reference.transcriptRepeats };
}

/** A longer table is nobody's to read: of more points those are shown that say something. */
const ROWS_MAX = 200;

function isTold({ failed, verdict }: PointRecord): boolean {
  return failed || !['same', 'accepted', 'consistent', 'ended'].includes(verdict);
}

const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(0));

export function asText(results: readonly VariantResult[], interrupted: boolean): string {
  const reports = results.flatMap(({ records }) => records);
  const rows = reports.map(
    ({ asked, second, variant, kill, failover, restart, verdict, failed, detail, stderrDiffers }) => [
      ...(results.length > 1 ? [variant] : []),
      second === undefined ? asked : `${asked} ${second}`,
      kill === null ? '-' : `${kill.epoch}:${kill.instruction ?? kill.what}`,
      kill === null ? '-' : String(kill.count),
      kill === null ? '-' : String(kill.outstanding),
      failover === null ? '-' : String(failover.uncertain),
      ms((failover ?? restart)?.liveMs),
      ms((failover ?? restart)?.firstByteMs),
      failed ? verdict.toUpperCase() : verdict,
      [detail, stderrDiffers ? 'stderr differs' : ''].filter(text => text !== '').join('; '),
    ],
  );
  const head = [
    ...(results.length > 1 ? ['variant'] : []),
    'asked',
    'killed at',
    'count',
    'outstanding',
    'uncertain',
    'live ms',
    'first byte ms',
    'verdict',
    '',
  ];
  const align = [...(results.length > 1 ? ['l'] : []), 'r', 'r', 'r', 'r', 'r', 'r', 'r', 'l', 'l'];
  const shortened = rows.length > ROWS_MAX ? rows.filter((_, index) => isTold(reports[index]!)) : rows;
  const table = shortened.length === 0 ? '' : `${markdownTable([head, ...shortened], { align })}\n\n`;
  const hidden = rows.length - shortened.length;
  const failures = reports.filter(({ failed }) => failed);
  return [
    table,
    ...(hidden === 0 ? [] : [`${hidden} points that changed nothing are not in the table (--json has them)\n`]),
    ...failures.map(({ asked, repeat }) => `${asked}: again by  ${repeat}\n`),
    ...results.map(({ variant, line }) => `${results.length > 1 ? `${variant}: ` : ''}${line}\n`),
    `${summaryLine(reports)}\n`,
    ...(interrupted ? ['interrupted: the points above are those that were judged\n'] : []),
  ].join('');
}

export function undisturbedLine(test: FailoverTest): string {
  const { undisturbed, instructions, reference, unstableFiles } = test;
  const { ending, client } = undisturbed;
  const outcome = ending.kind === 'outcome' ? describeOutcome(ending.outcome) : 'stopped after its client';
  const differ = [
    ...(reference.stdoutRepeats ? [] : ['stdout']),
    ...(reference.transcriptRepeats === false ? ['the transcript'] : []),
    ...(reference.outcome === undefined ? ['the outcome'] : []),
    ...unstableFiles,
  ];
  const repeat = differ.length === 0 ? 'the same twice' : `not the same twice: ${differ.join(', ')}`;
  return (
    `undisturbed: ${instructions} instructions, ${undisturbed.epochs} epochs, ${undisturbed.stdout.length} bytes of ` +
    `stdout, ${client === undefined ? '' : `${client.stdout.length} bytes of transcript, `}${outcome}; ${repeat}`
  );
}

/** A bus that is struck performs in a process of its own, where nobody notes it. */
const UNSEEN = '; operations not checked, but by what came of them';

function summaryLine(reports: readonly PointRecord[]): string {
  const counts = new Map<string, number>();
  for (const { verdict } of reports) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  const times = timesOf(reports);
  const show = (name: string, sorted: readonly number[]) =>
    sorted.length === 0 ? '' : `; ${name} ${ms(median(sorted))} ms in the median, ${ms(sorted.at(-1))} at worst`;
  const points = reports.length === 1 ? '1 point' : `${reports.length} points`;
  const operations = reports.reduce((sum, { operations = 0 }) => sum + operations, 0);
  const isUnseen = reports.some(({ victim }) => victim === 'bus');
  const checked = isUnseen ? UNSEEN : operations === 0 ? '' : `; ${operations} operations checked`;
  return `${points}: ${kinds}${checked}${show('SIGKILL to live', times.live)}${show('to the first new byte', times.firstByte)}`;
}

function timesOf(reports: readonly PointRecord[]): { live: number[]; firstByte: number[] } {
  const sorted = (values: (number | undefined)[]) => values.filter(value => value !== undefined).sort((a, b) => a - b);
  return {
    live: sorted(reports.map(({ failover, restart }) => (failover ?? restart)?.liveMs)),
    firstByte: sorted(reports.map(({ failover, restart }) => (failover ?? restart)?.firstByteMs)),
  };
}

function median(sorted: readonly number[]): number | undefined {
  return sorted[Math.floor(sorted.length / 2)];
}

export function asJson(results: readonly VariantResult[], interrupted: boolean): unknown {
  const records = results.flatMap(result => result.records);
  const { live, firstByte } = timesOf(records);
  return {
    undisturbed: results[0]?.undisturbed ?? null,
    variants: results.map(({ variant, undisturbed }) => ({ variant, undisturbed })),
    interrupted,
    points: records,
    failures: records.filter(({ failed }) => failed).length,
    medianLiveMs: median(live) ?? null,
    medianFirstByteMs: median(firstByte) ?? null,
  };
}
