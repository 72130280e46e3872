// What an agent can tell of the replica that it keeps, as a launcher tells of its machine: status, counts and figures for metrics,
// and what happens to it for the journal. Of the machine's other hosts it knows what its replica is told.

import { NO_FIGURES_YET, withFigures } from '../launch/launch-figures.js';
import type { ReplicaEnding } from '../launch/launching.js';
import { haltedEvent } from '../launch/machine-journal.js';
import type { MachineCounts, MachineFigures, ObservedMachine } from '../observe/machine-figures.js';
import type { LastFailover, Status } from '../observe/status.js';
import { NOTHING_MEASURED } from '../protocol/measured-times.js';
import type { FromReplica } from '../replica/replica-configuration.js';
import type { ReplicaReport } from '../replica/replica-report.js';
import { NOBODY, statusOfReplica } from './part-status.js';
import { WatchedPart } from './watched-part.js';

/** A replica, by its process. */
interface Kept {
  readonly incarnation: string;
  readonly pid: number;
}

export class ReplicaAccount extends WatchedPart implements ObservedMachine {
  readonly #machine: string;
  readonly #counts = { failovers: 0, uncertain: 0, lost: 0, unjoined: 0, joined: 0 };
  #report: ReplicaReport | undefined;
  /** What those have measured that are gone. */
  #past: MachineFigures = NO_FIGURES_YET;
  #divergences = 0;
  #last: LastFailover | null = null;
  /** As the journal has it, of the replica that there is. */
  #told = { view: 0, role: 'starting' as ReplicaReport['role'] };

  /** @param guest path of the module */
  constructor(machine: string, guest: string) {
    super(guest);
    this.#machine = machine;
  }

  get status(): Status {
    return {
      ...statusOfReplica(this.#machine, this.#report),
      ...{ launcher: this.launcher, failovers: this.#counts.failovers, lastFailover: this.#last },
      ...(this.#divergences === 0 ? {} : { verification: { ...NOBODY.verification, divergences: this.#divergences } }),
    };
  }

  /** A backup would have noticed that there is no primary any more. */
  get isLive(): boolean {
    return this.#report?.role === 'primary' || this.#report?.role === 'backup';
  }

  get primaryHost(): string | undefined {
    return this.#report?.role === 'primary' ? this.part.host : undefined;
  }

  get counts(): MachineCounts {
    return { ...this.#counts, silences: NOTHING_MEASURED };
  }

  get figures(): MachineFigures {
    return withFigures(this.#past, [{ progress: this.#report }]);
  }

  // ---- what happens to it

  started(replica: Kept, isFirst: boolean): void {
    this.#told = { view: 0, role: 'starting' };
    this.journal({ event: isFirst ? 'begun' : 'joining', ...(isFirst ? {} : { rule: 'JN' }), replica });
  }

  heard(replica: Kept, message: FromReplica): void {
    switch (message.type) {
      case 'running':
        this.journal({ event: 'running', replica });
        return;
      case 'view': {
        const { number, primary, backups } = message.view;
        this.#viewed(replica, number, primary === replica.incarnation ? 'primary' : 'backup', {
          ...{ primary, backups, reason: message.reason },
        });
        return;
      }
      case 'live': {
        const { failoverEpoch, uncertain } = message;
        this.#counts.uncertain += uncertain;
        if (this.#last !== null) this.#last = { ...this.#last, failoverEpoch, uncertain };
        this.journal({ event: 'live', rule: 'P7', replica, failoverEpoch });
        if (uncertain > 0)
          this.journal({ event: 'uncertain', rule: 'P8', replica, failoverEpoch, operations: uncertain });
        return;
      }
      case 'waits':
        this.journal({ event: 'waits', replica, reason: message.reason });
        return;
      case 'unlogged': {
        const { code, message: why, isAwaited } = message;
        this.journal({ event: 'unlogged', rule: 'DU', replica, code, message: why, outputsWait: isAwaited });
        return;
      }
      case 'logWaits':
        this.journal({ event: message.why === '' ? 'logs on' : 'log waits', rule: 'DU', replica, why: message.why });
        return;
      default:
        return;
    }
  }

  reported(report: ReplicaReport): void {
    this.#report = report;
    const { incarnation, pid, role, view, backups } = report;
    if (role === 'primary' || role === 'backup') {
      const primary = role === 'primary' ? { primary: incarnation } : {};
      this.#viewed({ incarnation, pid }, view, role, { ...primary, backups });
    } else this.#told.role = role;
  }

  /** Once for each view, and each role in it. */
  #viewed(replica: Kept, view: number, role: 'primary' | 'backup', about: object): void {
    const before = this.#told;
    if (view < before.view || (view === before.view && role === before.role)) return;
    this.#told = { view, role };
    this.journal({ event: 'view', rule: 'VW', view, role, ...about });
    if (role === 'backup' && before.role === 'joining') {
      this.#counts.joined += 1;
      this.journal({ event: 'joined', rule: 'JN', view, incarnation: replica.incarnation });
    }
    if (role !== 'primary' || before.role === 'primary' || view === 1) return;
    this.#counts.failovers += 1;
    this.#last = { view, at: new Date().toISOString(), silentMs: null, failoverEpoch: null, uncertain: null };
    this.journal({ event: 'failover', rule: 'P7', view, to: replica.incarnation });
  }

  /** @param wasNamed by a view */
  ended(replica: Kept, { reason, halted }: ReplicaEnding, wasNamed: boolean): void {
    this.#past = this.figures;
    this.#report = undefined;
    if (halted?.code === 'DIVERGED') this.#divergences += 1;
    if (halted !== undefined) this.journal(haltedEvent(replica, halted.code, halted.message));
    this.#counts[wasNamed ? 'lost' : 'unjoined'] += 1;
    this.journal(wasNamed ? { event: 'lost', replica, reason } : { event: 'unjoined', rule: 'JN', replica, reason });
  }
}
