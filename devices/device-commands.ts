// What the commands of all devices have in common: how an operation ends, and which way it moves data.
//
// The files `*-commands.ts` and the numbers of streams are pure (tsconfig.commands.json): whoever asks a device for
// something, or imitates one, has its numbers from the device's folder. Guests have them in guest/lib/hardware.ts.

/** Statuses of completions: 0 or more is what the command says; below 0 is why not, with Linux's numbers. */
export const STATUS_REFUSED = -1;
export const STATUS_IO_ERROR = -5;
export const STATUS_NO_SPACE = -28;

/** What an operation does with the guest's bytes: fills them (a read), takes them (a write), or looks at none. */
export type Movement = 'in' | 'out' | 'nothing';

/**
 * Which way an operation moves data; undefined: the device does not know the command, or the range is not within it.
 *
 * @param sizeBytes of the device; 0 where there is nothing to measure
 * @param length bytes to be moved, either way
 */
export type MovementOf = (sizeBytes: number, command: number, argument: bigint, length: number) => Movement | undefined;
