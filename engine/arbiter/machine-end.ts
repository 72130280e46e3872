// How a machine ended, and its record: put if absent, so that all parts of the machine come to the same end, whenever they ask.
//
//   {"format":"epochvisor end","version":1,"machine":"..","end":{"kind":"exit","status":0}}

import { EpochvisorError } from '../errors/errors.js';
import type { Outcome } from '../protocol/vocabulary.js';

/** The guest's outcome; or the machine was stopped, with the guest in the midst of something. */
export type MachineEnd = Outcome | { readonly kind: 'stopped' };

/** Of a trap, which names a function, and a function may have a name without end. A record has room for it, however it is escaped. */
const MESSAGE_MAX_CHARACTERS = 4_096;

const FORMAT = 'epochvisor end';
const VERSION = 1;

export function writeEnd(machine: string, end: MachineEnd): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, machine, end: recorded(end) })}\n`;
}

/** Its fields and no others, in one order: two that say the same are written alike. */
function recorded(end: MachineEnd): MachineEnd {
  switch (end.kind) {
    case 'exit':
      return { kind: 'exit', status: end.status };
    case 'trap': {
      const message = end.message.slice(0, MESSAGE_MAX_CHARACTERS);
      return { kind: 'trap', message, count: end.count, exact: end.exact };
    }
    case 'stopped':
      return { kind: 'stopped' };
  }
}

/**
 * @param where names the record in messages
 * @throws EpochvisorError END_CORRUPT where it is not a record, or not that of this machine
 */
export function readEnd(text: string, where: string, machine: string): MachineEnd {
  let record: Record<string, unknown>;
  try {
    record = Object(JSON.parse(text));
  } catch {
    throw corruptEnd(where, 'it is not JSON');
  }
  if (record.format !== FORMAT) throw corruptEnd(where, 'its format is unknown');
  if (record.version !== VERSION) throw corruptEnd(where, `its version is ${String(record.version)}, not ${VERSION}`);
  if (record.machine !== machine) throw corruptEnd(where, 'it is that of another machine');
  const { kind, status, message, count, exact } = Object(record.end) as Record<string, unknown>;
  if (kind === 'stopped') return { kind };
  if (kind === 'exit' && Number.isSafeInteger(status)) return { kind, status: status as number };
  if (kind === 'trap' && typeof message === 'string' && typeof count === 'number' && typeof exact === 'boolean') {
    return { kind, message, count, exact };
  }
  throw corruptEnd(where, 'it does not say how the machine ended');
}

export function corruptEnd(where: string, why: string): EpochvisorError {
  return new EpochvisorError('END_CORRUPT', `${where} is not the record of an end: ${why}`);
}
