// The metrics of a machine, for Prometheus: gathered when they are asked for, and never before.
//
// One prefix, `epochvisor_`; base units, and what is counted ends in `_total`. Times that replicas have measured come as counts
// (protocol/measured-times.ts), which a histogram of the library can't be given: it is told what it has.

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type MeasuredTimes, TIME_ENDS_MS } from '../protocol/measured-times.js';
import type { ObservedMachine } from './machine-figures.js';
import type { ReplicaFigures, Status } from './status.js';

const ROLES = ['primary', 'backup', 'joining'] as const;

/** A histogram of times that others have measured. */
class TimesHistogram extends Histogram {
  readonly #about: { readonly name: string; readonly help: string };
  readonly #read: () => MeasuredTimes;

  constructor(name: string, help: string, registers: Registry[], read: () => MeasuredTimes) {
    super({ name, help, registers });
    this.#about = { name, help };
    this.#read = read;
  }

  /** As the library's own, which a registry asks for in place of `get`. */
  async getForPromString(): Promise<object> {
    const { name } = this.#about;
    const { counts, sumMs } = this.#read();
    let sum = 0;
    const values: object[] = [...TIME_ENDS_MS.map(ms => ms / 1000), '+Inf'].map((le, at) => {
      sum += counts[at]!;
      return { metricName: `${name}_bucket`, labels: { le }, value: sum };
    });
    values.push({ metricName: `${name}_sum`, labels: {}, value: sumMs / 1000 });
    values.push({ metricName: `${name}_count`, labels: {}, value: sum });
    return { ...this.#about, type: 'histogram', values };
  }
}

export class MachineMetrics {
  readonly #registry = new Registry();
  readonly #machine: ObservedMachine;
  /** Of the moment at which it is asked: the parts of an answer belong together. */
  #status: Status;
  /** A successor is told to have executed less until it has caught up with what its predecessor had told. */
  #instructions = 0;

  constructor(machine: ObservedMachine, version: string) {
    this.#machine = machine;
    this.#status = machine.status;
    this.#addMachine(version);
    this.#addReplicas();
    this.#addLog();
    this.#addOutputs();
    this.#addFailovers();
    this.#addVerification();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    this.#status = this.#machine.status;
    this.#instructions = Math.max(this.#instructions, this.#status.instructions);
    return this.#registry.metrics();
  }

  #gauge(name: string, help: string, read: () => number): void {
    const registers = [this.#registry];
    new Gauge({
      name: `epochvisor_${name}`,
      help,
      registers,
      collect: function () {
        this.set(read());
      },
    });
  }

  #counter(name: string, help: string, read: () => number): void {
    const collect = function (this: Counter) {
      this.reset();
      this.inc(read());
    };
    new Counter({ name: `epochvisor_${name}_total`, help, registers: [this.#registry], collect });
  }

  #times(name: string, help: string, read: () => MeasuredTimes): void {
    new TimesHistogram(`epochvisor_${name}_seconds`, help, [this.#registry], read);
  }

  #ofReplicas(name: string, help: string, read: (replica: ReplicaFigures) => number): void {
    const replicas = () => this.#status.replicas;
    const collect = function (this: Gauge) {
      this.reset();
      for (const one of replicas()) this.set({ role: one.role, pid: String(one.pid) }, read(one));
    };
    const labelNames = ['role', 'pid'];
    new Gauge({ name: `epochvisor_replica_${name}`, help, labelNames, registers: [this.#registry], collect });
  }

  #addMachine(version: string): void {
    const { machine, launcher } = this.#status;
    const labels = { machine, version, host: launcher?.host ?? '', guest: launcher?.guest ?? '' };
    const registers = [this.#registry];
    const labelNames = Object.keys(labels);
    new Gauge({ name: 'epochvisor_info', help: 'Which machine this is.', labelNames, registers }).set(labels, 1);
    const sinceMs = launcher === undefined ? 0 : Date.parse(launcher.since);
    this.#gauge('start_time_seconds', 'When the machine was started, since 1970.', () => sinceMs / 1000);
    this.#gauge('protected', '1 if the death of any replica would go unnoticed, else 0.', () =>
      this.#status.protected ? 1 : 0,
    );
    this.#gauge('live', '1 if the primary lives and its guest has begun, else 0.', () =>
      this.#machine.isLive ? 1 : 0,
    );
    this.#gauge('view', 'Number of the view.', () => this.#status.view);
    this.#gauge('epoch_length_instructions', 'Instructions an epoch.', () => this.#status.epochLength);
    this.#counter('instructions', 'Instructions that the guest has executed.', () => this.#instructions);
    this.#gauge('outstanding_operations', 'Operations of the guest at devices.', () => this.#status.outstanding);
  }

  #addReplicas(): void {
    const replicas = () => this.#status.replicas;
    const collect = function (this: Gauge) {
      for (const role of ROLES) this.set({ role }, replicas().filter(one => one.role === role).length);
    };
    const help = 'Replicas by role.';
    new Gauge({ name: 'epochvisor_replicas', help, labelNames: ['role'], registers: [this.#registry], collect });
    this.#ofReplicas('epoch', 'Epoch that the replica is in.', ({ epoch }) => epoch);
    this.#ofReplicas('instructions', 'Instructions that the replica has executed.', ({ instructions }) => instructions);
    this.#ofReplicas('resident_memory_bytes', 'Resident memory of its process.', ({ rssBytes }) => rssBytes);
  }

  #addLog(): void {
    this.#counter('log_bytes', 'Bytes of log shipped to backups.', () => this.#machine.figures.logBytes);
    this.#gauge('lag_seconds', 'How far the slowest backup is behind.', () => this.#status.lagMs / 1000);
    this.#gauge('lag_entries', 'Entries of the log that it has not executed.', () => this.#status.lagEntries);
    this.#times(
      'acknowledgement_round_trip',
      'From the shipping of a part of the log until all backups had acknowledged it.',
      () => this.#machine.figures.roundTrips,
    );
  }

  #addOutputs(): void {
    this.#gauge('held_output_bytes', 'Output that waits to leave.', () => this.#status.heldBytes);
    this.#gauge('held_output_age_seconds', 'Age of the oldest of it.', () => this.#status.heldMs / 1000);
    this.#times(
      'output_hold',
      'How long outputs were held before they left for the bus.',
      () => this.#machine.figures.heldFor,
    );
  }

  #addFailovers(): void {
    const counts = () => this.#machine.counts;
    this.#counter('failovers', 'Times that another replica became primary.', () => counts().failovers);
    this.#counter('uncertain_operations', 'Operations that ended uncertain.', () => counts().uncertain);
    this.#counter('replicas_lost', 'Replicas that ended after they were named.', () => counts().lost);
    this.#counter('replicas_unjoined', 'Replacements that ended before they were named.', () => counts().unjoined);
    this.#counter('replicas_joined', 'Replacements that have joined.', () => counts().joined);
    this.#times(
      'failover_silence',
      'From the last word of a dead primary to the fence of its successor, as the bus hears them.',
      () => counts().silences,
    );
    this.#gauge('last_failover_timestamp_seconds', 'When the last one was, since 1970; 0: there was none.', () => {
      const { lastFailover } = this.#status;
      return lastFailover == null ? 0 : Date.parse(lastFailover.at) / 1000;
    });
  }

  #addVerification(): void {
    const verification = () => this.#status.verification;
    this.#counter('comparisons', 'State digests compared and found equal.', () => verification().comparisons);
    this.#counter('divergences', 'Replicas that were found to differ.', () => verification().divergences);
    this.#gauge(
      'memory_compared_ratio',
      'Part of memory that was compared at least once.',
      () => verification().covered,
    );
  }
}
