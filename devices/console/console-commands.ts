// What a console can be asked for, beside its streams: whether somebody still reads them.
//
//   command        argument   completion
//   1 reader gone  a stream   when nobody reads it any more; until then the operation is under way
//   2 stop         0          at once, and of all that are under way: a machine's end waits for its operations (XT)
//
// It is how a program hears of a broken pipe (`--pipe guest`): as the completion of an operation it comes at the same instruction on
// every replica, and after a failover it is asked for again, by its id. Nothing is done by it, and it is never missed: who asks late
// is answered at once.

/** The machine's console, as a device. */
export const CONSOLE_DEVICE = 0x600;

export const CONSOLE_READER_GONE = 1;
export const CONSOLE_STOP = 2;

/** Status of a completion: nobody reads it. */
export const STATUS_GONE = 0;

/** Streams that have readers: standard output and standard error. */
export const READ_STREAMS: readonly number[] = [1, 2];
