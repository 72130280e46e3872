// What a reference run does in place of a kill: it notes every place at which one could land, in the order in which they come.

import { openSync, readFileSync, writeSync } from 'node:fs';
import type { BusHook, BusKind } from '../bus/bus-hook.js';
import type { BoundaryHook, HookModule, Place } from '../guest/boundary-hook.js';
import type { IoHook, IoKind, When } from '../replica/io-hook.js';

/** One line of a listing. */
export interface ListedPlace {
  /** `boundary` and `io` are the guest thread's. */
  readonly kind: 'boundary' | 'io' | IoKind | BusKind;
  /** From 1, of its kind. */
  readonly number: number;
  readonly when: When;
  readonly what: string;
  readonly epoch: number;
  /** Of a place of the guest thread: instructions of the epoch. */
  readonly instruction?: number;
  /** As far as it is known where it is noted. */
  readonly count: number;
}

export function listingHook(file: string): HookModule {
  return { module: import.meta.url, options: file };
}

export function readListing(file: string): ListedPlace[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter(line => line !== '').map(line => JSON.parse(line) as ListedPlace);
}

/** Threads of one replica append to the same file, a line at a time. */
function writer(file: string): (place: ListedPlace) => void {
  const descriptor = openSync(file, 'a');
  return place => void writeSync(descriptor, `${JSON.stringify(place)}\n`);
}

/** On the guest thread. */
export function newHook(file: string): BoundaryHook {
  const write = writer(file);
  let boundaries = 0;
  const at = ({ epoch, epochStart, count }: Place) => ({ epoch, instruction: count - epochStart, count });
  return {
    // It makes no boundary of its own: those of a run that nobody tests are listed.
    wantedCount: () => Infinity,
    boundary: place => {
      boundaries += 1;
      write({ kind: 'boundary', number: boundaries, when: 'before', what: 'boundary', ...at(place) });
    },
    instruction: ({ number, when, what }, place) => write({ kind: 'io', number, when, what, ...at(place) }),
  };
}

/** On the I/O thread. */
export function newIoHook(file: string): IoHook {
  const write = writer(file);
  return {
    at: (place, replica) => {
      const { epoch, count } = replica.inFlight();
      write({ ...place, epoch, count });
    },
  };
}

/** In the process of a bus, which knows of no epochs and counts. */
export function newBusHook(file: string): BusHook {
  const write = writer(file);
  return { at: place => write({ ...place, epoch: 0, count: 0 }) };
}
