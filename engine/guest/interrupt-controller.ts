// The interrupt controller: what is delivered and not yet dispatched to the guest's handler. Guest state: the same on
// every replica at the same instruction.

import { assert } from '../errors/errors.js';

/** Kinds of interrupts as the guest's handler sees them. */
export const INTERRUPT_TIMER = 1;
export const INTERRUPT_STREAM = 2;
export const INTERRUPT_COMPLETION = 3;
export const INTERRUPT_UNCERTAIN = 4;
export const INTERRUPT_OPENED = 5;
export const INTERRUPT_ROOM = 6;
export const INTERRUPT_RESET = 7;

/** One call of the guest's handler: (kind, id, status). */
export interface Dispatch {
  readonly kind: number;
  readonly id: bigint;
  readonly status: number;
}

/** The controller as plain data. */
export interface InterruptsState {
  readonly pending: readonly Dispatch[];
  readonly enabled: boolean;
  readonly forced: boolean;
  readonly interrupted: readonly boolean[];
}

export class InterruptController {
  #pending: Dispatch[] = [];
  /** The interrupt enable flag; off at reset and while a handler runs. */
  #enabled = false;
  /** The wait that is in progress delivers whatever the flag says. */
  #forced = false;
  /** The flag as each handler in progress found it, innermost last: a handler may wait, and be interrupted there. */
  readonly #interrupted: boolean[] = [];

  constructor(state?: InterruptsState) {
    if (state === undefined) return;
    this.#pending = [...state.pending];
    this.#enabled = state.enabled;
    this.#forced = state.forced;
    this.#interrupted = [...state.interrupted];
  }

  save(): InterruptsState {
    const [pending, interrupted] = [[...this.#pending], [...this.#interrupted]];
    return { pending, enabled: this.#enabled, forced: this.#forced, interrupted };
  }

  /** A handler is running. */
  get isDispatching(): boolean {
    return this.#interrupted.length > 0;
  }

  get isPending(): boolean {
    return this.#pending.length > 0;
  }

  raise(dispatch: Dispatch): void {
    this.#pending.push(dispatch);
  }

  enable(on: boolean): boolean {
    const before = this.#enabled;
    this.#enabled = on;
    return before;
  }

  /** The guest waits: what is pending, now or at the end of the wait, is dispatched once. */
  force(): void {
    this.#forced = true;
  }

  /** At a boundary: whether the handler is to be called. Then `next` until it answers undefined. */
  get dispatches(): boolean {
    return this.#pending.length > 0 && (this.#enabled || this.#forced);
  }

  /** Enters dispatching at a boundary that `dispatches`. */
  begin(): void {
    assert(this.dispatches, 'there is something to dispatch');
    this.#forced = false;
    this.#interrupted.push(this.#enabled);
    this.#enabled = false;
  }

  /** The next call of the handler; undefined: all are done, the flag is as it was before. */
  next(): Dispatch | undefined {
    const dispatch = this.#pending.shift();
    if (dispatch !== undefined) return dispatch;
    const before = this.#interrupted.pop();
    assert(before !== undefined, 'a dispatch was begun');
    this.#enabled = before;
    return undefined;
  }

  /** A guest without a handler: what is delivered is not dispatched. */
  drop(): void {
    this.#pending = [];
    this.#forced = false;
  }
}
