// A view record as text: one JSON object, with a format and a version in front.
//
//   {"format":"epochvisor view","version":1,"number":2,"machine":"..","primary":"..","backups":[".."],"claim":".."}

import { EpochvisorError } from '../errors/errors.js';
import type { View } from '../protocol/vocabulary.js';

const FORMAT = 'epochvisor view';
const VERSION = 1;

export function writeRecord(view: View): string {
  const { number, machine, primary, backups, claim } = view;
  return `${JSON.stringify({ format: FORMAT, version: VERSION, number, machine, primary, backups, claim })}\n`;
}

/**
 * @param where names the record in messages
 * @throws EpochvisorError VIEW_CORRUPT where it is not a record, or not that of this view
 */
export function readRecord(text: string, where: string, machine: string, number: number): View {
  let record: Record<string, unknown>;
  try {
    record = Object(JSON.parse(text));
  } catch {
    throw corrupt(where, 'it is not JSON');
  }
  if (record.format !== FORMAT) throw corrupt(where, 'its format is unknown');
  if (record.version !== VERSION) throw corrupt(where, `its version is ${String(record.version)}, not ${VERSION}`);
  if (record.machine !== machine || record.number !== number) throw corrupt(where, 'it is that of another view');
  const { primary, backups, claim } = record;
  const named = typeof primary === 'string' && typeof claim === 'string' && claim !== '';
  if (!named || !Array.isArray(backups) || !backups.every(backup => typeof backup === 'string')) {
    throw corrupt(where, 'a field is missing');
  }
  return { number, machine, primary, backups, claim };
}

export function corrupt(where: string, why: string): EpochvisorError {
  return new EpochvisorError('VIEW_CORRUPT', `${where} is not a view record: ${why}`);
}
