// What a teller can be asked for: notes.
//
//   command      argument            status
//   1 dispense   amount, 1 or more   the amount dispensed
//
// It can't be told a second request from a repeat: the bus and the driver have to.

import type { Movement } from '../device-commands.js';

/** The machine's one teller. */
export const TELLER = 0x200;

export const TELLER_DISPENSE = 1;

/** What is in the box; no status can say more. */
export const AMOUNT_MAX = 1_000_000;

/** A `MovementOf`. Whether it has so much, or so little, the teller itself says: in the completion. */
export function tellerMovement(_sizeBytes: number, command: number, argument: bigint): Movement | undefined {
  return command === TELLER_DISPENSE && argument >= 0n ? 'nothing' : undefined;
}
