// What the bus of a machine on several hosts can tell of it: the parts are asked what they know, once a second, as `epochvisor
// status` asks them; what happened to the machine it counts itself.

import type { Arbiter } from '../arbiter/arbiter.js';
import { EpochvisorError } from '../errors/errors.js';
import { NO_FIGURES_YET, withFigures } from '../launch/launch-figures.js';
import type { MachineCounts, MachineFigures, ObservedMachine } from '../observe/machine-figures.js';
import type { LastFailover, Status } from '../observe/status.js';
import { type MeasuredTimes, TIME_ENDS_MS, TimeCounts } from '../protocol/measured-times.js';
import { NO_PROGRESS, type ReplicaReport } from '../replica/replica-report.js';
import type { MachineFolder } from './machine-folder.js';
import { type MachineStatus, type PartStatus, readStatus } from './machine-status.js';
import { figuresOf, NOBODY, replicaFigures } from './part-status.js';
import { WatchedPart } from './watched-part.js';

const ASK_EVERY_MS = 1_000;

export class MachineWatch extends WatchedPart implements ObservedMachine {
  readonly #folder: MachineFolder;
  readonly #arbiter: Arbiter;
  readonly #silences = new TimeCounts();
  #failovers = 0;
  #last: LastFailover | null = null;
  #owner: string | undefined;
  #found: MachineStatus | undefined;
  /** The last word of each replica that was asked. */
  readonly #reports = new Map<string, ReplicaReport>();
  /** What those have measured that are on record no more. */
  #past: MachineFigures = NO_FIGURES_YET;
  #asking: NodeJS.Timeout | undefined;

  constructor(folder: MachineFolder, arbiter: Arbiter, guest: string) {
    super(guest);
    this.#folder = folder;
    this.#arbiter = arbiter;
  }

  get status(): Status {
    const { machine } = this.#folder.description;
    const primary = this.#primary?.report;
    const found = this.#found;
    return {
      machine,
      ...NOBODY,
      ...(primary === undefined ? {} : figuresOf(primary)),
      ...(found === undefined ? {} : { view: found.view, protected: found.protected, reason: found.reason }),
      replicas: this.#parts.map(({ report }) => replicaFigures(report)),
      ...{ launcher: this.launcher, failovers: this.#failovers, lastFailover: this.#last },
    };
  }

  get isLive(): boolean {
    return this.#primary?.report.bus === true;
  }

  get primaryHost(): string | undefined {
    return this.isLive ? this.#primary?.host : undefined;
  }

  /** What becomes of operations and replicas their own hosts count. */
  get counts(): MachineCounts {
    const ofOthers = { uncertain: 0, lost: 0, unjoined: 0, joined: 0 };
    return { failovers: this.#failovers, ...ofOthers, silences: this.#silences.measured };
  }

  get figures(): MachineFigures {
    return withFigures(
      this.#past,
      [...this.#reports.values()].map(progress => ({ progress })),
    );
  }

  /** A view that is new has fenced the bus. @param silentMs since the last word of the old primary */
  fenced(view: number, incarnation: string, silentMs: number | undefined): void {
    const rounded = silentMs === undefined ? undefined : Math.round(silentMs);
    const silence = rounded === undefined ? {} : { silentMs: rounded };
    this.journal({ event: 'fenced', rule: 'FN', view, incarnation, ...silence });
    const from = this.#owner;
    this.#owner = incarnation;
    if (from === undefined || from === incarnation) return;
    if (silentMs !== undefined) this.#silences.add(silentMs);
    this.#failovers += 1;
    const at = new Date().toISOString();
    this.#last = { view, at, silentMs: rounded ?? null, failoverEpoch: null, uncertain: null };
    this.journal({ event: 'failover', rule: 'P7', view, from, to: incarnation });
  }

  /** Whoever wants no metrics needs nobody asked. */
  ask(): void {
    this.#asking = setInterval(() => void this.#ask(), ASK_EVERY_MS);
    void this.#ask();
  }

  stop(): void {
    clearInterval(this.#asking);
  }

  async #ask(): Promise<void> {
    try {
      this.#found = await readStatus(this.#folder, this.#arbiter);
    } catch (error) {
      // The arbiter is out of reach, or its record is none: whoever needs it says so.
      if (!(error instanceof EpochvisorError)) throw error;
      return;
    }
    const present = new Set(this.#found.parts.map(({ incarnation }) => incarnation));
    for (const [incarnation, report] of this.#reports) {
      if (present.has(incarnation)) continue;
      this.#past = withFigures(this.#past, [{ progress: report }]);
      this.#reports.delete(incarnation);
    }
    for (const { report } of this.#parts) this.#reports.set(report.incarnation, report);
  }

  get #parts(): { readonly host: string; readonly role: PartStatus['role']; readonly report: ReplicaReport }[] {
    return (this.#found?.parts ?? []).flatMap(({ kind, host, role, incarnation, report }) =>
      kind === 'bus' || report === undefined ? [] : [{ host, role, report: reportIn(report, incarnation) }],
    );
  }

  get #primary() {
    return this.#parts.find(({ role, report }) => role === 'primary' && report.view === this.#found?.view);
  }
}

/** What another process says of itself, where it is what it is to be. */
function reportIn(said: Readonly<Record<string, unknown>>, incarnation: string): ReplicaReport {
  const unsaid: ReplicaReport = {
    ...NO_PROGRESS,
    ...{ kind: 'replica', incarnation, host: '', pid: 0, role: 'starting', view: 0, backups: [], bus: false },
  };
  const told = Object.entries(unsaid).map(([name, usual]) => [name, isLike(said[name], usual) ? said[name] : usual]);
  return Object.fromEntries(told) as ReplicaReport;
}

function isLike(value: unknown, usual: unknown): boolean {
  if (typeof usual === 'number') return Number.isFinite(value) && (value as number) >= 0;
  if (typeof usual !== 'object') return typeof value === typeof usual;
  if (Array.isArray(usual)) return Array.isArray(value);
  const fields = Object(value) as Record<string, unknown>;
  if ('counts' in usual!) return isMeasured(fields);
  return Object.entries(usual!).every(([name, one]) => isLike(fields[name], one));
}

function isMeasured({ counts, sumMs }: Partial<Record<keyof MeasuredTimes, unknown>>): boolean {
  return (
    Number.isFinite(sumMs) &&
    Array.isArray(counts) &&
    counts.length === TIME_ENDS_MS.length + 1 &&
    counts.every(count => Number.isSafeInteger(count))
  );
}
