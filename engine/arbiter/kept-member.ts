// A member's record under a lease: it stands while this process keeps the lease alive, and goes by itself soon after its host died.
//
// A process that was stopped for longer, or that an etcd did not hear of for so long, finds its lease lapsed. Then it puts the
// record back under a new one, with the number that it had: who calls whom depends on that (members.ts).

import { EpochvisorError } from '../errors/errors.js';
import type { EtcdClient, Put } from './etcd-client.js';

/** What the dead leave behind is found for so long, seconds: each costs a call that nobody answers. */
export const LEASE_SECONDS = 10;
/** Renewals come so often in a lease's time that some may be lost; after one that failed, soon again. */
const RENEWALS = 3;
const HURRIED_RENEWALS = 10;

export class KeptMember {
  readonly #client: EtcdClient;
  readonly #record: Omit<Put, 'lease'>;
  readonly #seconds: number;
  #lease: string;
  /** Whether the record was written under the present lease. */
  #stands = true;
  #over = false;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> = Promise.resolve();

  /** @param lease the record stands under it */
  constructor(client: EtcdClient, record: Omit<Put, 'lease'>, lease: string, seconds: number) {
    this.#client = client;
    this.#seconds = seconds;
    this.#record = record;
    this.#lease = lease;
    this.#renewAfter(RENEWALS);
  }

  get lease(): string {
    return this.#lease;
  }

  /** Keeps it no longer; when it is resolved, nothing is put back any more. */
  async release(): Promise<void> {
    this.#over = true;
    clearTimeout(this.#timer);
    await this.#renewal;
  }

  #renewAfter(part: number): void {
    if (this.#over) return;
    this.#timer = setTimeout(
      () => {
        this.#renewal = this.#renew();
      },
      (1000 * this.#seconds) / part,
    );
    // It keeps a process in the list, not alive.
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    let part = RENEWALS;
    try {
      if (!this.#stands || !(await this.#client.keepAlive(this.#lease))) await this.#putBack();
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      part = HURRIED_RENEWALS;
    }
    this.#renewAfter(part);
  }

  async #putBack(): Promise<void> {
    this.#stands = false;
    if (this.#over) return;
    this.#lease = await this.#client.grant(this.#seconds);
    const { key } = this.#record;
    await this.#client.putIf([], [{ ...this.#record, lease: this.#lease }], { key });
    this.#stands = true;
  }
}
