// The verdict at the end of a run: what the outside saw is what one machine, without any protocol, does when it is
// given the environment results and interrupts of the replica that is the machine now.

import { TELLER } from '../../devices/teller/teller-commands.js';
import { STATUS_REFUSED } from '../protocol/bus/bus.js';
import { describeOutcome, sameOutcome } from '../protocol/describe.js';
import { FIRST_OPENED_STREAM, type Interrupt, type Operation, type OperationId } from '../protocol/vocabulary.js';
import { interruptBytesMax, putInterrupt } from '../wire/interrupts.js';
import { type Happening, type History, type Production, replay } from './history.js';
import type { Judge, Performed } from './run-judge.js';
import { type GuestOptions, STREAM_INPUT } from './toy-guest.js';
import { joinedBytes, Transcript } from './transcript.js';
import type { Visit } from './visitors.js';

export interface End {
  readonly judge: Judge;
  readonly guest: GuestOptions;
  /** Of the replica that owns the bus. */
  readonly history: History;
  /** Those of the latest view who came to the end of the machine. */
  readonly others: readonly { readonly name: string; readonly history: History }[];
  /** All that standard input holds. */
  readonly input: Uint8Array;
  readonly visits: readonly Visit[];
}

type Completion = Interrupt & { readonly kind: 'completion' };

/** What is wrong, or undefined. */
export function verdict(end: End): string | undefined {
  const { judge, guest, history } = end;
  if (judge.violation !== undefined) return judge.violation;
  const production = replay(guest, history);
  return (
    production.complaint ??
    sameHistories(end) ??
    sameStreams(judge, production) ??
    (judge.isCutShort ? undefined : ofOneMachine(end, production))
  );
}

/** What one that lacks what had left can't tell of that. */
function ofOneMachine(end: End, production: Production): string | undefined {
  return (
    sameEnd(end.judge, production) ?? inputOnce(end) ?? operationsOnce(end, production) ?? allReleased(end, production)
  );
}

/** As far as two of them have come, the same happened to them. */
function sameHistories({ history, others }: End): string | undefined {
  for (const other of others) {
    const common = Math.min(history.happenings.length, other.history.happenings.length);
    for (let at = 0; at < common; at++) {
      if (sameHappening(history.happenings[at], other.history.happenings[at])) continue;
      return `to ${other.name} something else happened than to its primary, at ${at} of its history (P5, P6)`;
    }
  }
  return undefined;
}

function sameHappening(a: Happening | undefined, b: Happening | undefined): boolean {
  if (a?.type === 'value') return b?.type === 'value' && a.source === b.source && a.value === b.value;
  if (a?.type !== 'boundary' || b?.type !== 'boundary') return false;
  if (a.count !== b.count || a.interrupts.length !== b.interrupts.length) return false;
  return a.interrupts.every((interrupt, at) => sameInterrupt(interrupt, b.interrupts[at]!));
}

function sameInterrupt(a: Interrupt, b: Interrupt): boolean {
  // Most are one object: the log carries entries as they are.
  if (a === b) return true;
  return sameBytes(bytesOf(a), bytesOf(b));
}

function bytesOf(interrupt: Interrupt): Uint8Array {
  const bytes = new Uint8Array(interruptBytesMax(interrupt));
  return bytes.subarray(0, putInterrupt(bytes, 0, interrupt));
}

/** No byte is lost, doubled or of another history. Before the end, either side may be ahead. */
function sameStreams(judge: Judge, production: Production): string | undefined {
  for (const stream of new Set([...judge.transcript.keys(), ...production.streams.keys()])) {
    const seen = judge.transcript.get(stream) ?? new Transcript();
    const right = production.streams.get(stream) ?? new Transcript();
    if (judge.isCutShort && stream >= FIRST_OPENED_STREAM) continue;
    const at = seen.difference(right);
    if (at !== undefined) return `stream ${stream} differs from what one machine writes at byte ${at} (OF)`;
    // Who has broken off takes no more.
    if (judge.outcome !== undefined && seen.length !== right.length && !judge.broken.has(stream)) {
      return `stream ${stream} has ${seen.length} bytes at the end, one machine writes ${right.length} (OF, XT)`;
    }
  }
  return undefined;
}

function sameEnd({ outcome }: Judge, production: Production): string | undefined {
  if (outcome === undefined) return undefined;
  if (production.outcome === undefined) return `the machine ends with ${describeOutcome(outcome)}, its guest does not`;
  if (sameOutcome(outcome, production.outcome)) return undefined;
  return `the machine ends with ${describeOutcome(outcome)}, its guest with ${describeOutcome(production.outcome)} (XT)`;
}

/** What the guest was given of an input is what stands in it, in order, once; its end after all of it (RL). */
function inputOnce({ judge, history, input, visits }: End): string | undefined {
  const given = new Map<number, number>();
  for (const happening of history.happenings) {
    if (happening.type !== 'boundary') continue;
    for (const interrupt of happening.interrupts) {
      if (interrupt.kind !== 'stream') continue;
      const { stream } = interrupt;
      const visit = visits[judge.visitOf.get(stream) ?? -1];
      const right = stream === STREAM_INPUT ? input : joinedBytes(visit?.says ?? []);
      let at = given.get(stream) ?? 0;
      for (const byte of interrupt.bytes) {
        if (byte !== right[at]) return `byte ${at} of input ${stream} reached the guest changed`;
        at += 1;
      }
      given.set(stream, at);
      if (interrupt.end && at !== right.length) return `input ${stream} ended at byte ${at} of ${right.length}`;
    }
  }
  return undefined;
}

/** RL: the bus keeps nothing for a machine that is over but operations whose end its guest was never told. */
function allReleased({ judge, history }: End, production: Production): string | undefined {
  if (judge.left === undefined) return undefined;
  const { completed } = ends(history);
  const kept = judge.left.operations.find(id => completed.has(id));
  if (kept !== undefined) return `operation ${kept} has ended, and the bus was never told (RL)`;
  const forgotten = judge.left.open.find(stream => production.closed.has(stream));
  if (forgotten !== undefined) return `stream ${forgotten} is closed, and the bus still has it (RL)`;
  for (const [stream, offset] of production.consumed) {
    // A release is not waited for: where it is lost, what it released is told once more.
    if (production.closed.has(stream) || judge.wentDown.has(stream) || judge.forgot) continue;
    const released = judge.left.released.find(one => one.stream === stream)?.offset ?? 0;
    // Who has gone on from a checkpoint has released what had come to its guest.
    if (judge.hasRecovered && released > offset) continue;
    if (released !== offset) return `input ${stream} was consumed up to ${offset} and released up to ${released} (RL)`;
  }
  return undefined;
}

/** What the devices did is what the guest asked for; with ids, once; and it heard of what was done. */
function operationsOnce({ judge, guest, history }: End, production: Production): string | undefined {
  const asked = new Map<OperationId, Operation>();
  const attempts = new Map<OperationId, number>();
  for (const operation of production.operations) {
    asked.set(operation.id, operation);
    attempts.set(operation.id, (attempts.get(operation.id) ?? 0) + 1);
  }
  const done = new Map<OperationId, Performed[]>();
  for (const performed of judge.performances) {
    const { operation } = performed;
    const right = asked.get(operation.id);
    if (right === undefined && judge.outcome !== undefined) return `operation ${operation.id} was never asked for (OR)`;
    if (right !== undefined && !sameOperation(right, operation))
      return `operation ${operation.id} is of another history`;
    done.set(operation.id, [...(done.get(operation.id) ?? []), performed]);
  }
  const { completed, uncertain } = ends(history);
  for (const id of new Set([...asked.keys(), ...done.keys()])) {
    const times = done.get(id)?.length ?? 0;
    if (guest.operationIds) {
      // A bus that was started again asks an idempotent device once more, and makes another connection.
      const repeats = judge.coverage.restarts > 0 && asked.get(id)?.device !== TELLER;
      if (times > 1 && !repeats) return `operation ${id} was performed ${times} times (ON)`;
      // The guest may end without an answer to an uncertain interrupt: then nobody promised anything (IO2).
      const unanswered = (attempts.get(id) ?? 0) <= (uncertain.get(id) ?? 0);
      // Past the bounds of the bus an operation is refused, and the guest is told.
      if (times === 0 && judge.outcome !== undefined && !unanswered && !judge.refused.has(id))
        return `operation ${id} was never performed (ON)`;
    } else if (asked.get(id)?.device === TELLER && attempts.get(id) === 1 && times > 1) {
      return `operation ${id} was asked for once and performed ${times} times`;
    }
    for (const { status, data } of completed.get(id) ?? []) {
      if (status === STATUS_REFUSED) continue;
      const match = done.get(id)?.some(is => is.status === status && sameBytes(is.data, data)) ?? false;
      if (!match) return `operation ${id} completed with what no device answered (IO1)`;
    }
  }
  return undefined;
}

/** How the guest heard of the end of its operations: completions, and how often 'uncertain'. */
function ends({ happenings }: History): {
  completed: Map<OperationId, Completion[]>;
  uncertain: Map<OperationId, number>;
} {
  const completed = new Map<OperationId, Completion[]>();
  const uncertain = new Map<OperationId, number>();
  for (const happening of happenings) {
    if (happening.type !== 'boundary') continue;
    for (const interrupt of happening.interrupts) {
      const { kind } = interrupt;
      if (kind === 'completion') {
        completed.set(interrupt.operation, [...(completed.get(interrupt.operation) ?? []), interrupt]);
      } else if (kind === 'uncertain') {
        uncertain.set(interrupt.operation, (uncertain.get(interrupt.operation) ?? 0) + 1);
      }
    }
  }
  return { completed, uncertain };
}

function sameOperation(a: Operation, b: Operation): boolean {
  return a.device === b.device && a.command === b.command && a.argument === b.argument && sameBytes(a.data, b.data);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
