// The teller: a device that must not repeat, since what it has dispensed is gone.
//
// On a bus that knows operations by number, repeating an uncertain dispense under its number is safe: it is performed
// once. On a bus that does not (`--operation-ids off`), nobody can tell whether the notes are out: the driver must
// say so and leave the question to people. The guest cannot see which bus it has; its operator says.
import { Device, Status, TellerCommand } from './hardware';
import { startOperation, Uncertain } from './operations';

/** The machine's teller. */
export class Teller {
  /** @param uncertain REPORT where the bus does not know operations by number */
  constructor(private uncertain: Uncertain = Uncertain.REPEAT) {}

  /** Dispenses: 0 or more when done; Status.UNCERTAIN when it may or may not have been; another status on refusal. */
  dispense(amount: i64): i32 {
    return startOperation(Device.TELLER, TellerCommand.DISPENSE, amount, null, 0, 0, this.uncertain).finish();
  }
}

/** Whether the status says that the notes may be out or not. */
export function isUncertain(status: i32): bool {
  return status == Status.UNCERTAIN;
}
