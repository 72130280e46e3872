// Error numbers of preview 1 (errno of its witx), and how a call fails inside the kernel.

export const SUCCESS = 0;
export const EACCES = 2;
export const EAGAIN = 6;
export const EBADF = 8;
export const EBUSY = 10;
export const ECONNREFUSED = 14;
export const ECONNRESET = 15;
export const EDQUOT = 19;
export const EEXIST = 20;
export const EFAULT = 21;
export const EFBIG = 22;
export const EHOSTUNREACH = 23;
export const EILSEQ = 25;
export const EINVAL = 28;
export const EIO = 29;
export const EISDIR = 31;
export const ELOOP = 32;
export const EMFILE = 33;
export const EMLINK = 34;
export const ENAMETOOLONG = 37;
export const ENFILE = 41;
export const ENODEV = 43;
export const ENOENT = 44;
export const ENOMEM = 48;
export const ENOSPC = 51;
export const ENOTCONN = 53;
export const ENOTDIR = 54;
export const ENOTEMPTY = 55;
export const ENOTSOCK = 57;
export const ENOTSUP = 58;
export const ENXIO = 60;
export const EPERM = 63;
export const EPIPE = 64;
export const EROFS = 69;
export const ESPIPE = 70;
export const ESTALE = 72;
export const ETIMEDOUT = 73;
export const EXDEV = 75;
export const ENOTCAPABLE = 76;

/**
 * Thrown inside a call that answers `errno`, and caught where the call was entered (calls.ts). Not an Error: a stack
 * trace nobody reads would be most of the cost of an open that finds nothing.
 */
export class CallFailure {
  readonly errno: number;
  constructor(errno: number) {
    this.errno = errno;
  }
}

/** Ends the call with `errno`. */
export function fail(errno: number): never {
  throw new CallFailure(errno);
}

/** Thrown inside a call that blocks, after `again` was asked for: it is entered anew when something was delivered. */
export const BLOCKED = Object.freeze({ blocked: true });

/** Linux numbers, as statuses of operations carry them (negated), that mean something to a program. */
const LINUX: Readonly<Record<number, number>> = {
  1: EPERM,
  2: ENOENT,
  5: EIO,
  6: ENXIO,
  12: ENOMEM,
  13: EACCES,
  16: EBUSY,
  17: EEXIST,
  18: EXDEV,
  19: ENODEV,
  20: ENOTDIR,
  21: EISDIR,
  22: EINVAL,
  23: ENFILE,
  24: EMFILE,
  27: EFBIG,
  28: ENOSPC,
  30: EROFS,
  31: EMLINK,
  36: ENAMETOOLONG,
  39: ENOTEMPTY,
  40: ELOOP,
  95: ENOTSUP,
  110: ETIMEDOUT,
  111: ECONNREFUSED,
  113: EHOSTUNREACH,
  116: ESTALE,
  122: EDQUOT,
};

/** The errno of a negative status; what is not known is EIO, for something did go wrong at the device. */
export function errnoOfStatus(status: number): number {
  return LINUX[-status] ?? EIO;
}
