// The disk driver: synchronous reads and writes of any whole number of sectors, and operations to keep in flight.
import { Device, DiskCommand, deviceSize, Status } from './hardware';
import { Operation, startOperation, Uncertain } from './operations';

/** Bytes in a sector: offsets and lengths are multiples of it. */
export const SECTOR_BYTES: i32 = 512;
/** Bytes that one operation moves at most. */
export const TRANSFER_BYTES_MAX: i32 = 1 << 20;
/** Operations in flight for one long read or write: enough to hide a device's latency behind its transfers. */
const IN_FLIGHT_MAX: i32 = 8;

/** The k-th disk of the machine. A block written twice is the same block: uncertain operations are repeated. */
export class Disk {
  private device: i32;

  constructor(index: i32 = 0) {
    this.device = Device.DISK + index;
  }

  /** Bytes on the disk, or a negative status where there is no such disk. */
  get sizeBytes(): i64 {
    return deviceSize(this.device);
  }

  /** Reads into the whole of `bytes` from a byte offset: bytes read, or a negative status. */
  read(offset: i64, bytes: Uint8Array): i32 {
    return this.transfer(DiskCommand.READ, offset, bytes);
  }

  /** Writes the whole of `bytes` at a byte offset: bytes written, or a negative status. Durable after `flush`. */
  write(offset: i64, bytes: Uint8Array): i32 {
    return this.transfer(DiskCommand.WRITE, offset, bytes);
  }

  /** Waits until everything written before is durable: 0, or a negative status. */
  flush(): i32 {
    return this.startFlush().finish();
  }

  /** Starts reading `length` bytes (at most TRANSFER_BYTES_MAX) into `bytes` from index `from`. */
  startRead(offset: i64, bytes: Uint8Array, from: i32 = 0, length: i32 = bytes.length): Operation {
    return startOperation(this.device, DiskCommand.READ, offset, bytes, from, length, Uncertain.REPEAT);
  }

  /** Starts writing `length` bytes (at most TRANSFER_BYTES_MAX) of `bytes` from index `from`. */
  startWrite(offset: i64, bytes: Uint8Array, from: i32 = 0, length: i32 = bytes.length): Operation {
    return startOperation(this.device, DiskCommand.WRITE, offset, bytes, from, length, Uncertain.REPEAT);
  }

  /** Starts making durable what was completed before. */
  startFlush(): Operation {
    return startOperation(this.device, DiskCommand.FLUSH, 0, null, 0, 0, Uncertain.REPEAT);
  }

  /** Moves all of `bytes`, in pieces of which several are in flight: bytes moved, or the first error. */
  private transfer(command: DiskCommand, offset: i64, bytes: Uint8Array): i32 {
    const flying: Operation[] = [];
    let started = 0;
    let moved = 0;
    let failure = 0;
    while (true) {
      while (failure == 0 && started < bytes.length && flying.length < IN_FLIGHT_MAX) {
        const length = min(bytes.length - started, TRANSFER_BYTES_MAX);
        const operation =
          command == DiskCommand.READ
            ? this.startRead(offset + started, bytes, started, length)
            : this.startWrite(offset + started, bytes, started, length);
        flying.push(operation);
        started += length;
      }
      if (flying.length == 0) return failure < 0 ? failure : moved;
      const status = flying.shift().finish();
      if (status >= 0) moved += status;
      else if (failure == 0) failure = status;
    }
  }
}

/** What a negative status of a disk means. */
export function diskError(status: i32): string {
  if (status == Status.REFUSED) return 'refused: no such disk, or a range that it does not have';
  if (status == Status.IO) return 'input/output error';
  if (status == Status.SPACE) return 'no space left';
  if (status == Status.RANGE) return 'address outside memory';
  if (status == Status.BUSY) return 'too many operations outstanding';
  return `status ${status}`;
}
