// What a soak has shown: what was wrong, if anything, and the figures.

import type { Executioner } from './executioner.js';
import type { Held } from './held.js';
import type { MillEnding } from './mill.js';

export interface SoakResult {
  readonly ended: MillEnding;
  /** Stdout of the plain machine. */
  readonly expected: string;
  /** That of the soaked machine and that of the plain one. */
  readonly disks: readonly [Buffer, Buffer];
  /** The teller's journal. */
  readonly dispensed: string;
  readonly lines: number;
  readonly executioner: Executioner;
  readonly settings: { readonly replicas: string; readonly mebibytes: string; readonly seed: string };
}

export interface SoakReport extends SoakResult {
  readonly wrong: readonly string[];
}

/** Growth of the launcher from the first third of the run to the last that is not noise. */
const GROWTH_MEBIBYTES_MAX = 64;
const GROWTH_DESCRIPTORS_MAX = 4;
/** Samples from which on growth can be told from noise. */
const SAMPLES_MIN = 30;

export function judge(result: SoakResult): SoakReport {
  const { ended, expected, disks, dispensed, lines, executioner } = result;
  const wrong: string[] = [];
  if (executioner.failure !== undefined) wrong.push(executioner.failure);
  if (ended.status !== 0) wrong.push(`exit status ${ended.status}: ${ended.stderr.split('\n').slice(-4).join(' | ')}`);
  if (ended.stdout !== expected) wrong.push(`stdout differs at byte ${firstDifference(ended.stdout, expected)}`);
  if (!disks[0].equals(disks[1])) wrong.push('the disk differs');
  const notes = dispensed.split('\n').length - 1;
  if (notes !== lines) wrong.push(`the teller dispensed ${notes} times for ${lines} lines`);
  wrong.push(...growth(executioner.held));
  return { ...result, wrong };
}

function growth(held: readonly Held[]): string[] {
  if (held.length < SAMPLES_MIN) return [];
  const third = Math.floor(held.length / 3);
  const grown = (of: (one: Held) => number) =>
    median(held.slice(-third).map(of)) - median(held.slice(0, third).map(of));
  const wrong: string[] = [];
  const descriptors = grown(one => one.launcherDescriptors);
  if (descriptors > GROWTH_DESCRIPTORS_MAX) wrong.push(`the launcher has ${descriptors} descriptors more than before`);
  for (const of of ['launcherMebibytes', 'mebibytes'] as const) {
    const mebibytes = grown(one => one[of]);
    if (mebibytes > GROWTH_MEBIBYTES_MAX) wrong.push(`${of} has grown by ${Math.round(mebibytes)} MiB`);
  }
  return wrong;
}

export function describeReport(report: SoakReport): string {
  const { executioner, settings, lines, wrong, ended } = report;
  const { kills, protectedAgainMs, held } = executioner;
  const seconds = (performance.now() - executioner.startedMs) / 1000;
  const of = (values: readonly number[]) =>
    `${Math.round(median(values))} / ${Math.round(quantile(values, 0.95))} / ${Math.round(Math.max(...values))}`;
  const rows = [
    [
      'kills (primary / backup / joining)',
      `${executioner.total} (${kills.primary} / ${kills.backup} / ${kills.joining})`,
    ],
    ['duration, s', seconds.toFixed(0)],
    ['lines of the transcript, bytes', `${lines}, ${ended.stdout.length}`],
    ['death to Protected again, ms (median / 95 % / most)', of(protectedAgainMs)],
    ['memory of all processes, MiB (median / 95 % / most)', of(held.map(one => one.mebibytes))],
    ['memory of the launcher, MiB (median / 95 % / most)', of(held.map(one => one.launcherMebibytes))],
    ['descriptors of the launcher (median / 95 % / most)', of(held.map(one => one.launcherDescriptors))],
  ];
  const verdict =
    wrong.length === 0 ? 'Transcript, disk and journal are those of the plain machine.' : wrong.join('\n');
  return [
    '# Soak: kill after kill after kill',
    '',
    `\`npm run soak\`: guest \`mill\` with ${settings.mebibytes} MiB in use, ${settings.replicas} replicas, seed ${settings.seed}.`,
    '',
    '| what | figure |',
    '| --- | --- |',
    ...rows.map(([what, figure]) => `| ${what} | ${figure} |`),
    '',
    verdict,
    '',
  ].join('\n');
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}
