// Operations that this machine's embedder performs: started one after another, repeated by their ids where they ended uncertain, each
// with a result that is kept until it is fetched.

import { FIRST_HOST_OPERATION } from '../../devices/host/host-commands.js';
import type { Interrupt, Operation } from '../protocol/vocabulary.js';

export type OperationEnd =
  | { readonly kind: 'completed'; readonly status: number; readonly data: Uint8Array }
  | { readonly kind: 'uncertain' };

interface Started {
  readonly operation: Operation;
  /** Where it ends uncertain that is its end; else it is repeated. */
  readonly endsUncertain: boolean;
  /** Nobody fetches its end. */
  readonly isForgotten: boolean;
}

export interface HostOperationsState {
  readonly nextId: bigint;
  readonly started: readonly Started[];
  readonly uncertain: readonly bigint[];
  readonly ended: readonly (readonly [id: bigint, end: OperationEnd])[];
}

export class HostOperations {
  readonly #start: (operation: Operation) => void;
  #nextId: bigint;
  readonly #started: Map<bigint, Started>;
  #uncertain: bigint[];
  readonly #ended: Map<bigint, OperationEnd>;

  constructor(start: (operation: Operation) => void, state?: HostOperationsState) {
    this.#start = start;
    this.#nextId = state?.nextId ?? FIRST_HOST_OPERATION;
    this.#started = new Map(state?.started.map(one => [one.operation.id, one]));
    this.#uncertain = [...(state?.uncertain ?? [])];
    this.#ended = new Map(state?.ended);
  }

  get idle(): boolean {
    return this.#started.size === 0;
  }

  start(
    asked: Omit<Operation, 'id' | 'argument'>,
    { endsUncertain = false, isForgotten = false }: Partial<Omit<Started, 'operation'>> = {},
  ): bigint {
    const operation = { ...asked, id: this.#nextId, argument: 0n };
    this.#nextId += 1n;
    this.#started.set(operation.id, { operation, endsUncertain, isForgotten });
    this.#start(operation);
    return operation.id;
  }

  /** How it ended, once. */
  fetch(id: bigint): OperationEnd | undefined {
    const end = this.#ended.get(id);
    if (end !== undefined) this.#ended.delete(id);
    return end;
  }

  /** Whether the interrupt was of one of these. */
  deliver(interrupt: Interrupt): boolean {
    if (interrupt.kind !== 'completion' && interrupt.kind !== 'uncertain') return false;
    const started = this.#started.get(interrupt.operation);
    if (started === undefined) return false;
    if (interrupt.kind === 'uncertain' && !started.endsUncertain) {
      this.#uncertain.push(interrupt.operation);
      return true;
    }
    this.#started.delete(interrupt.operation);
    if (started.isForgotten) return true;
    const { kind } = interrupt;
    this.#ended.set(
      interrupt.operation,
      kind === 'uncertain' ? { kind } : { kind: 'completed', status: interrupt.status, data: interrupt.data.slice() },
    );
    return true;
  }

  settle(): void {
    const uncertain = this.#uncertain;
    this.#uncertain = [];
    for (const id of uncertain) this.#start(this.#started.get(id)!.operation);
  }

  save(): HostOperationsState {
    return {
      nextId: this.#nextId,
      started: [...this.#started.values()],
      uncertain: [...this.#uncertain],
      ended: [...this.#ended],
    };
  }
}
