// What is kept of a cell, and the report that is made of all of them.

import { cpus } from 'node:os';
import { markdownTable } from 'markdown-table';
import { quantile } from '../host.js';
import { type Cell, nameOf, type Part } from './subjects.js';

export interface Figures
  extends Pick<Cell, 'part' | 'guest' | 'args' | 'variant' | 'victim' | 'fault' | 'epochLength'> {
  /** At most so many were asked for; null: as many as the part has. */
  readonly asked: number | null;
  readonly points: number;
  readonly instructions: number;
  /** Points by verdict. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly asked: string; readonly verdict: string; readonly detail: string }[];
  /** Where somebody was struck, by what was about to happen there, or had happened: `send log`. */
  readonly struckAt: Readonly<Record<string, number>>;
  /** Strikes with operations outstanding at the guest, and uncertain interrupts raised in all. */
  readonly withOutstanding: number;
  readonly uncertain: number;
  readonly liveMs: readonly [median: number, worst: number];
  readonly firstByteMs: readonly [median: number, worst: number];
  /** Null: it was gone on with, and what it took in all is not known. `cpuSeconds` of all its processes, and of clients. */
  readonly seconds: number | null;
  readonly cpuSeconds: number | null;
  readonly node: string;
}

/** The part of `failover --json` that is used here. */
export interface Report {
  readonly undisturbed: { readonly instructions: number };
  readonly points: readonly {
    readonly asked: string;
    readonly verdict: string;
    readonly failed: boolean;
    readonly detail: string;
    readonly kill: { readonly outstanding: number; readonly what?: string } | null;
    readonly failover: {
      readonly uncertain: number;
      readonly liveMs: number;
      readonly firstByteMs?: number;
    } | null;
  }[];
}

type Took = Pick<Figures, 'asked' | 'seconds' | 'cpuSeconds'>;

export function figuresOf(cell: Cell, { undisturbed, points }: Report, took: Took): Figures {
  const { part, guest, args, variant, victim, fault, epochLength } = cell;
  const times = (values: readonly (number | undefined)[]): [number, number] => {
    const known = values.filter(value => value !== undefined).map(value => Math.round(value));
    return [quantile(known, 0.5), Math.max(...known)];
  };
  const struck = points.flatMap(({ kill }) => (kill === null ? [] : [kill]));
  return {
    ...{ part, guest, args, variant, victim, fault, epochLength, ...took },
    points: points.length,
    instructions: undisturbed.instructions,
    verdicts: counted(points.map(({ verdict }) => verdict)),
    failures: points.filter(({ failed }) => failed).map(({ asked, verdict, detail }) => ({ asked, verdict, detail })),
    struckAt: counted(struck.map(({ what = 'instruction' }) => what.replace(/^(before|after) /, ''))),
    withOutstanding: struck.filter(({ outstanding }) => outstanding > 0).length,
    uncertain: points.reduce((sum, { failover }) => sum + (failover?.uncertain ?? 0), 0),
    liveMs: times(points.map(({ failover }) => failover?.liveMs)),
    firstByteMs: times(points.map(({ failover }) => failover?.firstByteMs)),
    node: process.versions.node,
  };
}

function counted(all: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of all) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
const grouped = (value: number) => value.toLocaleString('en-US');
const listed = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([what, count]) => `${grouped(count)} ${what}`)
    .join(', ');
const landed = ({ struckAt }: Figures) => sum(Object.values(struckAt));

const TITLES: Readonly<Record<Part, readonly [title: string, about: string]>> = {
  every: [
    'Every instruction of a small guest',
    'Replicas are threads. Struck at each instruction of the run, at the first safe point at or after it.',
  ],
  programs: [
    'Programs, and a server with its client',
    "Replicas are threads. Half of the points are places (boundaries, I/O instructions, messages, outputs), half instructions. The server's client is examples/failover/keyvalue-client.mjs: what it is answered is compared.",
  ],
  processes: [
    'Real processes and signals, at messages',
    'SIGKILL, or SIGSTOP past suspicion and SIGCONT, before or after a message that the victim sends or hears. Where messages fall differs from run to run: points that never came are no strikes.',
  ],
  instructions: [
    'Real processes, all along the run',
    'SIGKILL at instructions spread over the run. clock-random is judged by its transcript, keyvalue by that of its client.',
  ],
};

/** @param cells in their order */
export function asText(cells: readonly Figures[], parts: readonly Part[]): string {
  const failures = cells.flatMap(cell =>
    cell.failures.map(({ asked, verdict, detail }) => `- ${nameOf(cell)}, at ${asked}: ${verdict}: ${detail}`),
  );
  const sections = parts.flatMap(part => {
    const of = cells.filter(cell => cell.part === part);
    return of.length === 0 ? [] : [sectionOf(part, of)];
  });
  return `# A kill at any instruction

\`npm run sweep\`, Node ${process.versions.node}, ${cpus().length} cores, two runs at a time (which makes failovers slower than they are: see
takeover.md). What comes out of each run is compared with undisturbed ones: stdout, files, disks, the teller's journal, the exit status,
what a client is answered; and every operation must have ended truly or uncertain.
${grouped(sum(cells.map(landed)))} strikes, ${failures.length} failures.

${sections.join('\n\n')}
${failures.length === 0 ? '' : `\n## Failures\n\n${failures.join('\n')}\n`}`;
}

function sectionOf(part: Part, cells: readonly Figures[]): string {
  const head = [
    ...['guest', 'variant', 'struck', 'instructions', 'strikes', 'verdicts', 'with operations outstanding'],
    ...['uncertain interrupts', 'live, ms: median', 'worst', 'first byte, ms: median', 'worst', 's', 'CPU ms a point'],
  ];
  const rows = cells.map(cell => [
    [cell.guest, ...(part === 'programs' && cell.guest !== 'keyvalue' ? [] : cell.args)].join(' '),
    cell.variant,
    `${cell.victim}${cell.fault === 'pause' ? ', paused' : ''}`,
    grouped(cell.instructions),
    grouped(landed(cell)),
    listed(cell.verdicts),
    ...[cell.withOutstanding, cell.uncertain].map(grouped),
    ...[...cell.liveMs, ...cell.firstByteMs].map(ms => (Number.isFinite(ms) ? grouped(ms) : '-')),
    cell.seconds === null ? '-' : grouped(Math.round(cell.seconds)),
    cell.cpuSeconds === null ? '-' : grouped(Math.round((cell.cpuSeconds * 1000) / cell.points)),
  ]);
  const align = ['l', 'l', 'l', 'r', 'r', 'l', ...Array<string>(8).fill('r')];
  const [title, about] = TITLES[part];
  const [lengths] = cells.map(({ epochLength }) => `Epochs of ${grouped(epochLength)} instructions.`);
  const times = cells.map(({ seconds }) => seconds);
  const total = times.some(seconds => seconds === null) ? '' : `, in ${grouped(Math.round(sum(times.map(Number))))} s`;
  const faults = (['kill', 'pause'] as const)
    .map(fault => [fault, sum(cells.filter(cell => cell.fault === fault).map(landed))] as const)
    .filter(([, count]) => count > 0)
    .map(([fault, count]) => `${grouped(count)} ${fault}s`);
  const kinds = part === 'processes' ? `\n\n${kindsOf(cells)}` : '';
  return `## ${title}\n\n${about} ${lengths} ${faults.join(' and ')}${total}.\n\n${markdownTable([head, ...rows], { align })}${kinds}`;
}

/** How strikes are spread over kinds of messages. */
function kindsOf(cells: readonly Figures[]): string {
  const kinds = [...new Set(cells.flatMap(({ struckAt }) => Object.keys(struckAt)))].sort();
  const count = (kind: string, fault: string, victim: string) =>
    sum(
      cells.filter(cell => cell.fault === fault && cell.victim === victim).map(({ struckAt }) => struckAt[kind] ?? 0),
    );
  const head = ['message', 'kills of a primary', 'of a backup', 'pauses of a primary', 'of a backup'];
  const rows = kinds.map(kind => [
    kind,
    ...['kill', 'pause'].flatMap(fault => ['primary', 'backup'].map(victim => String(count(kind, fault, victim)))),
  ]);
  return markdownTable([head, ...rows], { align: ['l', 'r', 'r', 'r', 'r'] });
}
