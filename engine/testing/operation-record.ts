// What guests asked of devices and were told, and what devices performed: the two sides that operation-rules.ts compares.
//
// A guest's side is noted on its thread, a line each in a file of the trial, before anything follows from it; the devices' side in
// the process that has them. Data is noted as a digest.

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationDevice } from '../../devices/device.js';
import type { BoundaryHook, Place } from '../guest/boundary-hook.js';
import type { Interrupt, Operation } from '../protocol/vocabulary.js';
import type { Answer, Asked, GuestEvent, OwnFailover, Performed } from './operation-rules.js';

const EMPTY_DIGEST = '';
const DIGEST_CHARACTERS = 16;

function digestOf(data: Uint8Array): string {
  if (data.length === 0) return EMPTY_DIGEST;
  return `${data.length}:${createHash('sha1').update(data).digest('hex').slice(0, DIGEST_CHARACTERS)}`;
}

function askedOf({ id, device, command, argument, length, data }: Operation): Asked {
  return { id: String(id), device, command, argument: String(argument), length, data: digestOf(data) };
}

// ---- the devices

export class PerformedOperations {
  /** In the order in which the bus asked for them. */
  readonly all: (Asked & { answer?: Answer })[] = [];

  /** The device, with what it performs noted. */
  watch(device: OperationDevice): OperationDevice {
    return {
      class: device.class,
      sizeBytes: device.sizeBytes,
      perform: async operation => {
        const performed: Performed & { answer?: Answer } = askedOf(operation);
        this.all.push(performed);
        const completion = await device.perform(operation);
        performed.answer = { status: completion.status, data: digestOf(completion.data) };
        return completion;
      },
      close: () => device.close(),
    };
  }
}

// ---- the guests

type Line = { readonly incarnation: string } & (
  | { readonly type: 'begun' }
  | { readonly type: 'live'; readonly epoch: number }
  | GuestEvent
);

const OPERATIONS_FILE = 'operations';

export function operationsFile(folder: string): string {
  return join(folder, OPERATIONS_FILE);
}

/** On a guest's thread, of one that begins at its beginning. */
export function recordOperations(file: string, incarnation: string): Pick<BoundaryHook, 'started' | 'delivered'> {
  const note = (line: Line) => append(file, line);
  const now = () => Number(process.hrtime.bigint());
  note({ incarnation, type: 'begun' });
  return {
    started: (operation: Operation, { epoch }: Place) =>
      note({ incarnation, type: 'issued', epoch, atNs: now(), ...askedOf(operation) }),
    delivered: (interrupt: Interrupt, { epoch: next }: Place) => {
      // What is delivered at the end of an epoch comes when the next one has begun.
      const at = { incarnation, epoch: next - 1, atNs: now() };
      if (interrupt.kind === 'uncertain') note({ ...at, type: 'uncertain', id: String(interrupt.operation) });
      if (interrupt.kind !== 'completion') return;
      const { operation, status, data } = interrupt;
      note({ ...at, type: 'completed', id: String(operation), status, data: digestOf(data) });
    },
  };
}

/** On an I/O thread: P8 is done there, before anybody else hears of it. */
export function recordLive(file: string, incarnation: string, epoch: number): void {
  append(file, { incarnation, type: 'live', epoch });
}

/** In one write: threads and processes append to the same file. */
function append(file: string, line: Line): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

export interface GuestRecord {
  /** Of this replica's guest, in order. */
  readonly events: readonly GuestEvent[];
  /** Of all replicas. */
  readonly failovers: readonly OwnFailover[];
}

/** @returns undefined where its beginning was not recorded: it goes on from a snapshot, or nobody recorded anything */
export function readOperations(folder: string, incarnation: string): GuestRecord | undefined {
  const file = operationsFile(folder);
  if (!existsSync(file)) return undefined;
  // A process that was killed in the middle of a write leaves half a line.
  const whole = readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.endsWith('}'));
  const lines = whole.map(line => JSON.parse(line) as Line);
  const own = lines.filter(line => line.incarnation === incarnation);
  if (!own.some(({ type }) => type === 'begun')) return undefined;
  return {
    events: own.filter(line => line.type !== 'begun' && line.type !== 'live'),
    failovers: lines.flatMap(line =>
      line.type === 'live' ? [{ epoch: line.epoch, own: line.incarnation === incarnation }] : [],
    ),
  };
}
