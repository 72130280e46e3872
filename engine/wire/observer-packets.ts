// The bytes of what observers and the parts of a machine say to each other: one packet a frame, as in packets.ts.
//
//   askReport        40
//   askModule        41
//   crash            42
//   report           48 text
//   module           49 size part...                                       (to the packet's end)

import type { FromObserver, ToObserver } from '../protocol/messages.js';
import { malformed, Reader, Writer } from './varints.js';

const ASK_REPORT = 0x40;
const ASK_MODULE = 0x41;
const CRASH = 0x42;
const REPORT = 0x48;
const MODULE = 0x49;

/** The longest report, in characters: some hundred fields would fit. */
export const REPORT_MAX = 16 * 1024;
const HEAD_BYTES = 16;

export function encodeFromObserver({ type }: FromObserver): Uint8Array {
  return Uint8Array.of({ askReport: ASK_REPORT, askModule: ASK_MODULE, crash: CRASH }[type]);
}

export function decodeFromObserver(bytes: Uint8Array): FromObserver {
  const reader = new Reader(bytes);
  const kind = reader.byte();
  reader.end();
  if (kind === ASK_REPORT) return { type: 'askReport' };
  if (kind === ASK_MODULE) return { type: 'askModule' };
  if (kind === CRASH) return { type: 'crash' };
  throw malformed('a packet of unknown kind', 0);
}

export function encodeToObserver(message: ToObserver): Uint8Array {
  if (message.type === 'report') {
    return new Writer(HEAD_BYTES + message.json.length).byte(REPORT).text(message.json).finish();
  }
  return new Writer(HEAD_BYTES + message.part.length).byte(MODULE).unsigned(message.size).rest(message.part).finish();
}

export function decodeToObserver(bytes: Uint8Array): ToObserver {
  const reader = new Reader(bytes);
  const kind = reader.byte();
  if (kind === REPORT) {
    const json = reader.text();
    reader.end();
    if (json.length > REPORT_MAX) throw malformed('a report that is too long', 1);
    return { type: 'report', json };
  }
  if (kind !== MODULE) throw malformed('a packet of unknown kind', 0);
  return { type: 'module', size: reader.unsigned(), part: reader.rest() };
}
