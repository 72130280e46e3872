// What can be done to a machine from its page: its primary or its backup is killed, a replica is stopped and goes on.
//
// Only processes that the launcher has started, and has not seen end, are sent signals: their numbers are nobody else's.

import { EpochvisorError } from '../errors/errors.js';
import type { LaunchedReplica } from '../launch/launching.js';
import type { Status } from '../observe/status.js';
import type { PageOrder } from '../page/page-frame.js';

export interface OrderedMachine {
  readonly status: Status;
  /** Those that have not ended. */
  readonly replicas: readonly LaunchedReplica[];
}

export class MachineOrders {
  readonly #machine: OrderedMachine;
  readonly #repairs: boolean;
  readonly #signal: (pid: number, signal: NodeJS.Signals) => void;
  readonly #paused = new Set<string>();

  /**
   * @param repairs whether a replacement is started for a replica that died
   * @param signal kill(2), or what takes its place in a test
   */
  constructor(
    machine: OrderedMachine,
    repairs: boolean,
    signal: (pid: number, signal: NodeJS.Signals) => void = process.kill,
  ) {
    this.#machine = machine;
    this.#repairs = repairs;
    this.#signal = signal;
  }

  /** Replicas that are stopped, whether a view names them or not. */
  get paused(): readonly LaunchedReplica[] {
    return [...this.#paused].flatMap(incarnation => {
      const replica = this.#find(incarnation);
      if (replica !== undefined) return [{ incarnation, pid: replica.pid }];
      // It has ended meanwhile.
      this.#paused.delete(incarnation);
      return [];
    });
  }

  /**
   * @returns what was done, in a sentence
   * @throws EpochvisorError NOT_PROTECTED: to kill a replica now would be no test; NO_REPAIR: nobody would take its place;
   * NO_REPLICA: it has ended
   */
  carryOut(order: PageOrder): string {
    switch (order.order) {
      case 'failover':
        return this.#kill(this.#machine.status.primary.incarnation, 'primary');
      case 'restart':
        if (this.#repairs) return this.#kill(this.#machine.status.backups[0]?.incarnation ?? '', 'backup');
        throw new EpochvisorError(
          'NO_REPAIR',
          'the backup is not restarted: the machine runs without repair, and no other would join',
          'start it without --no-repair',
        );
      case 'pause':
        return this.#pause(order.incarnation);
      case 'resume': {
        const { pid } = this.#replica(order.incarnation);
        this.#send(pid, 'SIGCONT');
        this.#paused.delete(order.incarnation);
        return `Process ${pid} goes on.`;
      }
    }
  }

  #kill(incarnation: string, role: string): string {
    const { protected: isProtected, reason } = this.#machine.status;
    if (!isProtected) {
      throw new EpochvisorError(
        'NOT_PROTECTED',
        `the machine is not protected (${reason}): to kill its ${role} now is no test`,
        'wait until it is Protected',
      );
    }
    const { pid } = this.#replica(incarnation);
    this.#send(pid, 'SIGKILL');
    return `The ${role}, process ${pid}, was killed.`;
  }

  #pause(incarnation: string): string {
    const { pid } = this.#replica(incarnation);
    this.#send(pid, 'SIGSTOP');
    this.#paused.add(incarnation);
    return `Process ${pid} is paused.`;
  }

  #find(incarnation: string): LaunchedReplica | undefined {
    return this.#machine.replicas.find(one => one.incarnation === incarnation && one.pid > 0);
  }

  #replica(incarnation: string): LaunchedReplica {
    const replica = this.#find(incarnation);
    if (replica === undefined) throw ended();
    return replica;
  }

  #send(pid: number, signal: NodeJS.Signals): void {
    try {
      this.#signal(pid, signal);
    } catch {
      throw ended();
    }
  }
}

function ended(): EpochvisorError {
  return new EpochvisorError('NO_REPLICA', 'that replica has ended meanwhile', 'look who is there now');
}

/** What a page says, as an order; undefined: it is none. */
export function parseOrder(text: string): PageOrder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { order, incarnation } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (order === 'failover' || order === 'restart') return { order };
  if ((order === 'pause' || order === 'resume') && typeof incarnation === 'string') return { order, incarnation };
  return undefined;
}
