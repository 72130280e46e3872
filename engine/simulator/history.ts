// The history of one guest: the environment results and interrupts it was given, and what it put out. Given to a fresh
// guest without any protocol, the first must bring forth the second: this is how the judge knows what is right.

import { assert } from '../errors/errors.js';
import type { Interrupt, Operation, Outcome } from '../protocol/vocabulary.js';
import { Guest, type GuestAction, type GuestOptions } from './toy-guest.js';
import { Transcript } from './transcript.js';
import { CLOSE_MARK, END_MARK } from './visitors.js';

/** What happened to a guest, in order. */
export type Happening =
  | { readonly type: 'value'; readonly source: number; readonly value: bigint }
  /** An epoch ended after `count` instructions. */
  | { readonly type: 'boundary'; readonly count: number; readonly interrupts: readonly Interrupt[] };

/** What a guest put out: bytes of each stream, operations in the order they were started, and how it ended. */
export interface Production {
  readonly streams: ReadonlyMap<number, Transcript>;
  readonly operations: readonly Operation[];
  /** How much of each input was consumed; of a source, told. */
  readonly consumed: ReadonlyMap<number, number>;
  /** Opened streams that it has closed. */
  readonly closed: ReadonlySet<number>;
  readonly outcome: Outcome | undefined;
  /** Why a single machine cannot have had this history. */
  readonly complaint: string | undefined;
}

/** What a guest went through: `actions` of its program, with these results and interrupts. */
export interface History {
  readonly happenings: readonly Happening[];
  readonly actions: number;
}

/** Runs a fresh guest through `history`, as far as that goes. */
export function replay(options: GuestOptions, { happenings, actions }: History): Production {
  const guest = new Guest(options);
  const program = guest.run();
  const streams = new Map<number, Transcript>();
  const operations: Operation[] = [];
  const consumed = new Map<number, number>();
  const closed = new Set<number>();
  let outcome: Outcome | undefined;
  let at = 0;
  let answer = 0n;

  const boundariesUpTo = (count: number): void => {
    for (;;) {
      const next = happenings[at];
      if (next?.type !== 'boundary' || next.count > count) return;
      at += 1;
      guest.executed(next.count - guest.count);
      for (const interrupt of next.interrupts) guest.deliver(interrupt);
    }
  };

  const production = (complaint?: string): Production => {
    return { streams, operations, consumed, closed, outcome, complaint: complaint ?? guest.complaint };
  };

  for (let action = 1; action <= actions; action++) {
    const next = program.next(answer);
    if (next.done === true) return production('the program is over before its history');
    const { value: act } = next;
    const end = guest.count + (act.type === 'compute' ? act.instructions : 1);
    if (act.type === 'environment') {
      const value = happenings[at];
      if (value === undefined) return production();
      if (value.type !== 'value' || value.source !== act.source) {
        return production(`at ${guest.count} the guest reads source ${act.source}, its history says otherwise`);
      }
      at += 1;
      answer = value.value;
    } else if (act.type === 'write' || act.type === 'endStream' || act.type === 'closeStream') {
      const bytes = streams.get(act.stream) ?? new Transcript();
      streams.set(act.stream, bytes);
      bytes.push(act.type === 'write' ? act.bytes : act.type === 'endStream' ? END_MARK : CLOSE_MARK);
      if (act.type === 'closeStream') closed.add(act.stream);
    } else if (act.type === 'start') {
      operations.push(act.operation);
    } else if (act.type === 'consumed') {
      consumed.set(act.stream, act.offset);
    } else if (act.type === 'outcome') {
      outcome = act.outcome;
    }
    boundariesUpTo(end);
    guest.executed(end - guest.count);
    if (act.type === 'wait' && guest.arrived === act.seen && action < actions) {
      return production(`at ${guest.count} the guest waits for ever, its history goes on`);
    }
  }
  return production(at < happenings.length ? 'the history goes on after the program' : undefined);
}

/** A guest as it stands at a boundary: its program is at `action`, of which `left` instructions are not executed. */
export interface Standing {
  readonly guest: Guest;
  readonly program: Generator<GuestAction, void, bigint>;
  readonly action: GuestAction;
  readonly left: number;
  /** The result of `action`. */
  readonly answer: bigint;
}

/** The toy guest's snapshot is its history: a fresh guest that lives through it stands where the other did. */
export function restore(options: GuestOptions, { happenings, actions }: History): Standing {
  const guest = new Guest(options);
  const program = guest.run();
  let at = 0;
  let answer = 0n;
  for (let count = 1; ; count++) {
    const next = program.next(answer);
    assert(next.done !== true, 'a program goes on as far as it did before');
    const { value: action } = next;
    const end = guest.count + (action.type === 'compute' ? action.instructions : 1);
    const value = happenings[at];
    if (action.type === 'environment' && value?.type === 'value') {
      at += 1;
      answer = value.value;
    }
    for (let next = happenings[at]; next?.type === 'boundary' && next.count <= end; next = happenings[at]) {
      at += 1;
      guest.executed(next.count - guest.count);
      for (const interrupt of next.interrupts) guest.deliver(interrupt);
    }
    if (count < actions) {
      guest.executed(end - guest.count);
      continue;
    }
    assert(at === happenings.length, 'a guest is restored with all that happened to it');
    return { guest, program, action, left: end - guest.count, answer };
  }
}
