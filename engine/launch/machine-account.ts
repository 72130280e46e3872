// What a launcher can tell of its machine, for whoever looks at it: its status, and what has happened to it so far.

import { hostname } from 'node:os';
import type { MachineCounts, MachineFigures, ObservedMachine } from '../observe/machine-figures.js';
import type { LastFailover, Status } from '../observe/status.js';
import { TimeCounts } from '../protocol/measured-times.js';
import type { View } from '../protocol/vocabulary.js';
import type { LaunchedMachine } from './launched-machine.js';

export class MachineAccount implements ObservedMachine {
  readonly #machine: LaunchedMachine;
  /** Absolute path of the guest. */
  readonly #guest: string;
  readonly #since = new Date().toISOString();
  readonly #silences = new TimeCounts();
  readonly #counts = { failovers: 0, uncertain: 0, lost: 0, unjoined: 0, joined: 0 };
  #view: View | undefined;
  #primary: string;
  #last: LastFailover | null = null;
  #runs = false;
  /** Where its metrics are, and its page. */
  metrics: string | undefined;
  dashboard: string | undefined;
  /** The fence of a view may be heard of before the view. */
  #fence = { view: 0, silentMs: 0 };

  /** To be made before the machine is started. */
  constructor(machine: LaunchedMachine, guest: string) {
    this.#machine = machine;
    this.#guest = guest;
    this.#primary = machine.status.primary.incarnation;
    machine.once('running', () => {
      this.#runs = true;
    });
    machine.on('view', view => this.#viewed(view));
    machine.on('fenced', (view, _, silentMs) => this.#fenced(view, silentMs));
    machine.on('live', (_, failoverEpoch, uncertain) => {
      this.#counts.uncertain += uncertain;
      if (this.#last !== null) this.#last = { ...this.#last, failoverEpoch, uncertain };
    });
    machine.on('lost', () => {
      this.#counts.lost += 1;
    });
    machine.on('unjoined', () => {
      this.#counts.unjoined += 1;
    });
  }

  get status(): Status {
    return this.told(this.#machine.status);
  }

  /** With what only the launcher knows. */
  told(status: Status): Status {
    const metrics = this.metrics === undefined ? {} : { metrics: this.metrics };
    const dashboard = this.dashboard === undefined ? {} : { dashboard: this.dashboard };
    const places = { ...metrics, ...dashboard };
    const launcher = { pid: process.pid, host: hostname(), guest: this.#guest, since: this.#since, ...places };
    return { ...status, launcher, failovers: this.#counts.failovers, lastFailover: this.#last };
  }

  get isLive(): boolean {
    const { primary, replicas } = this.#machine;
    return this.#runs && replicas.some(({ incarnation }) => incarnation === primary?.incarnation);
  }

  get primaryHost(): string | undefined {
    return this.isLive ? hostname() : undefined;
  }

  get counts(): MachineCounts {
    return { ...this.#counts, silences: this.#silences.measured };
  }

  get figures(): MachineFigures {
    return this.#machine.figures;
  }

  #viewed(view: View): void {
    const before = this.#view?.backups ?? this.#machine.status.backups.map(({ incarnation }) => incarnation);
    if (view.primary === this.#primary) {
      this.#counts.joined += view.backups.filter(backup => !before.includes(backup)).length;
    } else {
      this.#counts.failovers += 1;
      const silentMs = this.#fence.view === view.number ? this.#fence.silentMs : null;
      const at = new Date().toISOString();
      this.#last = { view: view.number, at, silentMs, failoverEpoch: null, uncertain: null };
    }
    this.#view = view;
    this.#primary = view.primary;
  }

  #fenced(view: number, silentMs: number | undefined): void {
    if (silentMs === undefined) return;
    const rounded = Math.round(silentMs);
    this.#silences.add(silentMs);
    this.#fence = { view, silentMs: rounded };
    if (this.#last?.view === view) this.#last = { ...this.#last, silentMs: rounded };
  }
}
