// Every operation ended truly or uncertain: the rules on operations (IO1, IO2, P8, ON, OR) as they can be checked from outside.
//
// On one side stands what devices performed and answered, on the other what the survivor's guest asked for and was told
// (operation-record.ts). The survivor has executed the whole history, up to the failover by the log and from there on by itself,
// so whatever any device performed it has asked for; and whatever it was told must have happened.
//
//   true         what is told as performed was performed, with this result
//   uncertain    nothing is called so but at the end of a failover epoch, where all that is outstanding is
//   once         nothing is told twice, and what is asked for once is performed once
//   of a cause   nothing is performed that the survivor did not ask for
//   answered     nothing stays without an answer while the guest waits
//
// An operation may be asked for again: after a completion its id names another one; after an uncertain interrupt the same. Where the
// bus knows no ids (`operationIds` off, the paper's world) it performs that as often as it is asked, and calls what was under way
// uncertain at every fence (RS), not at failovers alone.

import { FIRST_CONNECTOR } from '../../devices/connector/connector-commands.js';
import { STATUS_REFUSED } from '../../devices/device-commands.js';
import { DEVICES_MAX } from '../../devices/device-kind.js';
import { kindNumbered } from '../../devices/device-kinds.js';

/** What a device was asked for. Ids and arguments in decimal, data as a digest. */
export interface Asked {
  readonly id: string;
  readonly device: number;
  readonly command: number;
  readonly argument: string;
  readonly length: number;
  readonly data: string;
}

export interface Answer {
  readonly status: number;
  readonly data: string;
}

/** By a device; without an answer it was still under way. */
export interface Performed extends Asked {
  readonly answer?: Answer;
}

/** At one guest, in the order of its thread. Of what was delivered, `epoch` is the one at whose end it was. */
export type GuestEvent = { readonly epoch: number; readonly atNs: number } & (
  | ({ readonly type: 'issued' } & Asked)
  | ({ readonly type: 'completed'; readonly id: string } & Answer)
  | { readonly type: 'uncertain'; readonly id: string }
);

/** A failover epoch. `own`: the survivor went through it as the survivor; else it was told by who did. */
export interface OwnFailover {
  readonly epoch: number;
  readonly own: boolean;
}

export interface OperationHistory {
  /** In the order in which the bus asked for them. */
  readonly performed: readonly Performed[];
  /** What the survivor's guest did. */
  readonly events: readonly GuestEvent[];
  readonly failovers: readonly OwnFailover[];
  /** Whether the bus performs an id once (ON). */
  readonly operationIds: boolean;
  /** The dead primary had released the guest's end: the survivor need not have come as far. */
  readonly endLeft: boolean;
  /** Of a run that was stopped because it did not end: what was asked for before this was to be answered. */
  readonly answeredBeforeNs?: number;
}

export interface OperationCheck {
  /** How many the survivor's guest asked for. */
  readonly operations: number;
  /** In words; undefined: the rules were kept. */
  readonly breach: string | undefined;
}

type Ended = 'completed' | 'uncertain';

/** What is known of one id. */
interface Known {
  readonly asked: (Asked & { readonly atNs: number })[];
  /** Operations that had this id, one after another. */
  operations: number;
  /** Undefined: it was never asked for. */
  state?: 'outstanding' | Ended;
  /** What devices performed under it, and nobody was told of so far. */
  untold: Performed[];
}

class Breach extends Error {}

export function checkOperations(history: OperationHistory): OperationCheck {
  const known = new Map<string, Known>();
  let breach: string | undefined;
  try {
    for (const performed of history.performed) knownOf(known, performed.id).untold.push(performed);
    follow(known, history);
    for (const { state, asked } of known.values()) {
      if (state === 'outstanding') checkAnswered(asked.at(-1)!, history);
    }
    checkPerformed(known, history);
  } catch (error) {
    if (!(error instanceof Breach)) throw error;
    breach = error.message;
  }
  return { operations: [...known.values()].reduce((sum, { operations }) => sum + operations, 0), breach };
}

function knownOf(all: Map<string, Known>, id: string): Known {
  const known = all.get(id) ?? { asked: [], operations: 0, untold: [] };
  all.set(id, known);
  return known;
}

/** The guest's side, in order. */
function follow(all: Map<string, Known>, { events, failovers, operationIds }: OperationHistory): void {
  const epochs = new Set(failovers.map(({ epoch }) => epoch));
  const own = failovers.flatMap(({ epoch, own }) => (own ? [epoch] : [])).sort((a, b) => a - b);
  for (const event of events) {
    for (; own[0] !== undefined && own[0] < event.epoch; own.shift()) checkAllUncertain(all, own[0]);
    const known = knownOf(all, event.id);
    if (event.type === 'issued') {
      if (known.state === 'outstanding') throw fault(event, 'is asked for while outstanding');
      // A repeat is the same operation.
      if (known.state !== 'uncertain') known.operations += 1;
      known.state = 'outstanding';
      known.asked.push(event);
      continue;
    }
    const asked = known.asked.at(-1);
    const told = event.type === 'completed' ? `is told as performed (status ${event.status})` : 'is told as uncertain';
    if (asked === undefined || known.state === undefined) throw fault(event, `${told}, and was never asked for`);
    if (known.state !== 'outstanding')
      throw fault(asked, `${told}, and was told as ${describeEnd(known.state)} before`);
    if (event.type === 'completed') {
      checkTrue(asked, event, known, operationIds);
    } else if (operationIds && !epochs.has(event.epoch)) {
      throw fault(asked, `${told} at the end of epoch ${event.epoch}, where there was no failover`);
    }
    known.state = event.type;
  }
}

function describeEnd(state: Ended): string {
  return state === 'completed' ? 'performed' : state;
}

/** P8: none was left out. */
function checkAllUncertain(all: ReadonlyMap<string, Known>, epoch: number): void {
  for (const { asked, state } of all.values()) {
    if (state === 'outstanding') {
      throw fault(asked.at(-1)!, `was outstanding at the failover in epoch ${epoch}, and is not told as uncertain`);
    }
  }
}

function checkTrue(asked: Asked, told: Answer, { untold }: Known, operationIds: boolean): void {
  // Where the bus knows ids the first that nobody was told of is meant; else it may be that of the first request, or of a repeat.
  const candidates = operationIds ? untold.slice(0, 1) : untold;
  const found = candidates.find(({ answer }) => answer?.status === told.status && answer.data === told.data);
  if (found !== undefined) {
    untold.splice(untold.indexOf(found), 1);
    return;
  }
  // By the bus: there is no such device, or no room.
  const isRefusal = told.status === STATUS_REFUSED && told.data === '';
  if (isRefusal && (candidates.length === 0 || !operationIds)) return;
  const what = `is told as performed, with ${describeAnswer(told)}`;
  const [first] = candidates;
  if (first === undefined) throw fault(asked, `${what}, and no device performed it`);
  const { answer } = first;
  throw fault(
    asked,
    answer === undefined
      ? `${what}, and the device was not done with it`
      : `${what}, and the device answered with ${describeAnswer(answer)}`,
  );
}

/** The devices' side. */
function checkPerformed(all: ReadonlyMap<string, Known>, { performed, operationIds, endLeft }: OperationHistory): void {
  const times = new Map<string, number>();
  for (const one of performed) {
    const { asked, operations } = all.get(one.id)!;
    if (asked.length === 0 && endLeft) continue;
    if (!asked.some(other => isSame(one, other))) {
      const other = asked.length === 0 ? '' : `; under its number it asked for ${describeAsked(asked[0]!)}`;
      throw fault(one, `was performed (${describeAsked(one)}), and the survivor never asked for that${other}`);
    }
    const performances = (times.get(one.id) ?? 0) + 1;
    times.set(one.id, performances);
    const most = operationIds ? operations : asked.length;
    if (performances > most) {
      throw fault(one, `was performed ${describeTimes(performances)}, and asked for ${describeTimes(most)}`);
    }
  }
}

function checkAnswered(
  asked: Asked & { readonly atNs: number },
  { performed, answeredBeforeNs = 0 }: OperationHistory,
): void {
  if (asked.atNs >= answeredBeforeNs) return;
  const last = performed.findLast(({ id }) => id === asked.id);
  const device =
    last === undefined ? 'never heard of it' : last.answer === undefined ? 'was not done with it' : 'had performed it';
  throw fault(asked, `was never answered, and the device ${device}`);
}

function isSame(one: Asked, other: Asked): boolean {
  return (['device', 'command', 'argument', 'length', 'data'] as const).every(name => one[name] === other[name]);
}

function fault(operation: { readonly id: string } & Partial<Asked>, what: string): Breach {
  const { id, device } = operation;
  return new Breach(`operation ${id}${device === undefined ? '' : ` at ${describeDevice(device)}`} ${what}`);
}

function describeTimes(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function describeAsked({ command, argument, length, data }: Asked): string {
  const moved = data === '' ? `${length} bytes` : `data ${data}`;
  return `command ${command}, argument ${argument}, ${moved}`;
}

function describeAnswer({ status, data }: Answer): string {
  return data === '' ? `status ${status}` : `status ${status} and data ${data}`;
}

function describeDevice(device: number): string {
  const kind = kindNumbered(device);
  if (kind !== undefined) return `${kind.name} ${device - kind.firstNumber}`;
  const connector = device - FIRST_CONNECTOR;
  return connector >= 0 && connector < DEVICES_MAX ? `connector ${connector}` : `device ${device}`;
}
