// The status of a machine, and the file that keeps it current.

import { renameSync, writeFileSync } from 'node:fs';

/** One replica as the status names it. */
export interface ReplicaStatus {
  readonly pid: number;
  readonly incarnation: string;
}

/** What `--status-file` holds, as JSON. */
export interface Status {
  readonly machine: string;
  readonly view: number;
  /** Epoch the primary's guest is in. */
  readonly epoch: number;
  /** Instructions executed at the end of the epoch before. */
  readonly instructions: number;
  /** Whether the death of either replica now would go unnoticed. */
  readonly protected: boolean;
  /** Why not; empty while protected. As VMware words it: `starting`, `need secondary`, `disabled`. */
  readonly reason: string;
  readonly primary: ReplicaStatus;
  readonly backups: readonly ReplicaStatus[];
  /** How far the backup's execution is behind, ms. */
  readonly lagMs: number;
  /** Operations outstanding at the guest. */
  readonly outstanding: number;
  /** Bytes of log that the primary has shipped since it started. */
  readonly logBytes: number;
}

/** Writes the status whenever it has changed: a reader sees the old one or the new one, never half of one. */
export class StatusFile {
  readonly #path: string;
  #last = '';

  constructor(path: string) {
    this.#path = path;
  }

  write(status: Status): void {
    const text = `${JSON.stringify(status, null, 2)}\n`;
    if (text === this.#last) return;
    this.#last = text;
    const temporary = `${this.#path}.${process.pid}.tmp`;
    writeFileSync(temporary, text);
    renameSync(temporary, this.#path);
  }
}
