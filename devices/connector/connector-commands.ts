// Addresses that a guest may connect to: their numbers, and what they can be asked for.
//
//   command     argument   status
//   1 connect   0          the stream of the connection, or why there is none, with Linux's numbers
//
// A connection is opened by a source, as those of a listener are, so that it is told of like them (connection-streams.ts). A
// repeat without operation ids makes another connection.

import type { Movement } from '../device-commands.js';

/** The k-th address is device FIRST_CONNECTOR + k. */
export const FIRST_CONNECTOR = 0x400;

export const CONNECT = 1;

/** Statuses, beside those of all devices. */
export const STATUS_CONNECTION_REFUSED = -111;
export const STATUS_TIMED_OUT = -110;
export const STATUS_UNREACHABLE = -113;

/** A `MovementOf`. */
export function connectorMovement(command: number): Movement | undefined {
  return command === CONNECT ? 'nothing' : undefined;
}
