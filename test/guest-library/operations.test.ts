// The drivers of disk and teller: several operations in flight, repeats under the same number, errors as statuses.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileDrivers, type DriverLibrary } from './driver-library.js';
import type { FakeWorld, Fate } from './fake-machine.js';

const SECTOR = 512;
const STATUS_REFUSED = -1;
const STATUS_RANGE = -2;
const STATUS_UNCERTAIN = -4;
const STATUS_IO = -5;
const STATUS_BUSY = -16;
const STATUS_SPACE = -28;

let load: (world?: FakeWorld) => DriverLibrary;
beforeAll(async () => {
  load = await compileDrivers();
});

const pattern = (length: number, seed = 1) =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31 + (i >> 8)) & 255);

describe('the disk driver', () => {
  it('writes, flushes and reads back', () => {
    const library = load({ diskBytes: 8 * SECTOR });
    const content = pattern(3 * SECTOR);
    expect(library.exports.diskSizeBytes(0)).toBe(BigInt(8 * SECTOR));
    expect(library.exports.diskWrite(BigInt(SECTOR), library.bytes(content))).toBe(3 * SECTOR);
    expect(library.exports.diskFlush()).toBe(0);
    const target = library.bytes(new Uint8Array(3 * SECTOR));
    expect(library.exports.diskRead(BigInt(SECTOR), target)).toBe(3 * SECTOR);
    expect(library.bytesAt(target)).toEqual(content);
    expect(library.devices.starts.map(({ number, command }) => [number, command])).toEqual([
      [1n, 2],
      [2n, 3],
      [3n, 1],
    ]);
  });

  it('moves more than a transfer in pieces, several in flight, whatever their order of completion', () => {
    const megabytes = 10;
    const library = load({ diskBytes: megabytes << 20, newestFirst: true, latencyNs: 100_000 });
    const content = pattern(megabytes << 20);
    expect(library.exports.diskWrite(0n, library.bytes(content))).toBe(content.length);
    expect(Buffer.compare(library.devices.disk, content)).toBe(0);
    const target = library.bytes(new Uint8Array(content.length));
    expect(library.exports.diskRead(0n, target)).toBe(content.length);
    expect(Buffer.compare(library.bytesAt(target), content)).toBe(0);
  });

  it('surfaces errors as negative statuses, and goes on after them', () => {
    const fates: Fate[] = [{ status: STATUS_IO }, { status: STATUS_SPACE }, 'done'];
    const library = load({ diskBytes: 8 * SECTOR, fate: () => fates.shift()! });
    const sector = library.bytes(pattern(SECTOR));
    expect(library.exports.diskRead(0n, sector)).toBe(STATUS_IO);
    expect(library.exports.diskWrite(0n, sector)).toBe(STATUS_SPACE);
    expect(library.exports.diskWrite(0n, sector)).toBe(SECTOR);
    expect(library.exports.repeats()).toBe(0);
  });

  it('is refused what the device does not have', () => {
    const library = load({ diskBytes: 8 * SECTOR });
    expect(library.exports.diskWrite(BigInt(8 * SECTOR), library.bytes(pattern(SECTOR)))).toBe(STATUS_REFUSED);
    expect(library.exports.diskWrite(7n, library.bytes(pattern(SECTOR)))).toBe(STATUS_REFUSED);
    expect(library.exports.diskSizeBytes(1)).toBe(-1n);
    const none = load();
    expect(none.exports.diskWrite(0n, none.bytes(pattern(SECTOR)))).toBe(STATUS_REFUSED);
  });

  it('does not start what lies outside its array', () => {
    const library = load({ diskBytes: 8 * SECTOR });
    const sector = library.bytes(pattern(SECTOR));
    for (const [from, length] of [
      [1, SECTOR],
      [-1, SECTOR],
      [0, -1],
      [0, SECTOR + 1],
      [2 ** 31 - 1, 2],
    ] as const) {
      expect(library.exports.finish(library.exports.startRead(0n, sector, from, length))).toBe(STATUS_RANGE);
    }
    expect(library.devices.starts).toEqual([]);
  });

  it('keeps 64 operations in flight and refuses the 65th', () => {
    const library = load({ diskBytes: 64 * SECTOR });
    const sector = library.bytes(pattern(SECTOR));
    const places = Array.from({ length: 65 }, (_, i) => library.exports.startWrite(BigInt(i * SECTOR), sector));
    expect(library.exports.finish(places[64]!)).toBe(STATUS_BUSY);
    for (const place of places.slice(0, 64).reverse()) expect(library.exports.finish(place)).toBe(SECTOR);
    expect(library.exports.finish(places[7]!)).toBe(SECTOR);
  });

  it('passes over the numbers whose slot a long operation still holds', () => {
    const library = load({ diskBytes: 64 * SECTOR });
    const sector = library.bytes(pattern(SECTOR));
    const long = library.exports.startWrite(0n, sector);
    const numbers = Array.from({ length: 130 }, () => {
      const place = library.exports.startWrite(BigInt(SECTOR), sector);
      expect(library.exports.finish(place)).toBe(SECTOR);
      return library.exports.numberOf(place);
    });
    expect(library.exports.numberOf(long)).toBe(1n);
    expect(numbers).not.toContain(65n);
    expect(new Set(numbers).size).toBe(130);
    expect(library.exports.finish(long)).toBe(SECTOR);
  });
});

describe('an uncertain operation', () => {
  it.each(['performed', 'lost'] as const)('that was %s is repeated under its number, with its data', what => {
    const library = load({ diskBytes: 8 * SECTOR, fate: (_, attempt) => (attempt <= 2 ? what : 'done') });
    const content = pattern(SECTOR);
    expect(library.exports.diskWrite(BigInt(SECTOR), library.bytes(content))).toBe(SECTOR);
    const [first, second, third, ...more] = library.devices.starts;
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    expect(more).toEqual([]);
    expect(library.devices.performed).toHaveLength(1);
    expect(library.devices.disk.slice(SECTOR, 2 * SECTOR)).toEqual(content);
    expect([library.exports.uncertainInterrupts(), library.exports.repeats()]).toEqual([2, 2]);
  });

  it('is repeated in the order of numbers when all in flight are uncertain at once', () => {
    const library = load({
      diskBytes: 64 * SECTOR,
      newestFirst: true,
      latencyNs: 50_000,
      fate: (_, attempt) => (attempt === 1 ? 'lost' : 'done'),
    });
    const places = [5, 3, 9, 1].map(block => {
      return library.exports.startWrite(BigInt(block * SECTOR), library.bytes(pattern(SECTOR, block)));
    });
    for (const place of places) expect(library.exports.finish(place)).toBe(SECTOR);
    expect(library.devices.starts.map(start => start.number)).toEqual([1n, 2n, 3n, 4n, 1n, 2n, 3n, 4n]);
    expect(library.devices.disk.slice(9 * SECTOR, 10 * SECTOR)).toEqual(pattern(SECTOR, 9));
  });

  it('leaves the same disk behind as an undisturbed one, whatever becomes uncertain', () => {
    const fates = fc.array(fc.constantFrom<Fate>('done', 'performed', 'lost'), { maxLength: 40 });
    fc.assert(
      fc.property(fates, fc.boolean(), fc.boolean(), fc.boolean(), (plan, newestFirst, enabled, operationIds) => {
        const left = [...plan];
        const fate = () => left.shift() ?? 'done';
        const library = load({ diskBytes: 16 * SECTOR, newestFirst, operationIds, fate });
        library.exports.interruptEnable(enabled);
        const places = Array.from({ length: 16 }, (_, i) => {
          return library.exports.startWrite(BigInt(i * SECTOR), library.bytes(pattern(SECTOR, i)));
        });
        for (const place of places) expect(library.exports.finish(place)).toBe(SECTOR);
        for (let i = 0; i < 16; i++) {
          const target = library.bytes(new Uint8Array(SECTOR));
          expect(library.exports.diskRead(BigInt(i * SECTOR), target)).toBe(SECTOR);
          expect(library.bytesAt(target)).toEqual(pattern(SECTOR, i));
        }
        if (operationIds) expect(library.devices.performed).toHaveLength(32);
      }),
      { numRuns: 60 },
    );
  });

  it('loses no wake-up, whenever its interrupt comes', () => {
    for (let latencyNs = 0; latencyNs < 3000; latencyNs += 50) {
      const library = load({
        diskBytes: 8 * SECTOR,
        latencyNs,
        fate: (_, attempt) => (attempt === 1 ? 'lost' : 'done'),
      });
      library.exports.interruptEnable(true);
      expect(library.exports.diskWrite(0n, library.bytes(pattern(SECTOR)))).toBe(SECTOR);
    }
  });
});

describe('the interrupt handler', () => {
  const [STREAM, COMPLETION, UNCERTAIN] = [2, 3, 4];
  const [FREE, OUTSTANDING, DONE] = [0, 1, 3];

  it('ignores interrupts for operations that it does not know', () => {
    const library = load({ diskBytes: 8 * SECTOR });
    for (const id of [0n, 1n, 64n, -1n, 2n ** 62n]) {
      library.exports.interrupt(COMPLETION, id, 0);
      library.exports.interrupt(UNCERTAIN, id, 0);
      expect(library.exports.stateOf(id)).toBe(FREE);
    }
    library.exports.interrupt(99, 1n, 0);
    library.exports.interrupt(STREAM, 0n, 5);
    expect(library.exports.uncertainInterrupts()).toBe(0);
  });

  it('does not take a completion of another operation for that of the one in its slot', () => {
    const library = load({ diskBytes: 8 * SECTOR });
    library.exports.startWrite(0n, library.bytes(pattern(SECTOR)));
    library.exports.interrupt(COMPLETION, 65n, SECTOR);
    expect(library.exports.stateOf(1n)).toBe(OUTSTANDING);
  });

  it('lets a completion settle an uncertain operation, and nothing unsettle a completed one', () => {
    const library = load({ diskBytes: 8 * SECTOR, latencyNs: 1e9 });
    const place = library.exports.startWrite(0n, library.bytes(pattern(SECTOR)));
    library.exports.interrupt(UNCERTAIN, 1n, 0);
    library.exports.interrupt(COMPLETION, 1n, SECTOR);
    library.exports.interrupt(UNCERTAIN, 1n, 0);
    library.exports.interrupt(COMPLETION, 1n, STATUS_IO);
    expect(library.exports.stateOf(1n)).toBe(DONE);
    expect(library.exports.finish(place)).toBe(SECTOR);
    expect(library.devices.starts).toHaveLength(1);
  });

  it('allocates nothing', () => {
    const library = load({ diskBytes: 8 * SECTOR });
    library.exports.startWrite(0n, library.bytes(pattern(SECTOR)));
    const allocate = () => library.exports.__new(16, 0);
    const stride = -allocate() + allocate();
    const before = allocate();
    for (let i = 0; i < 1000; i++) library.exports.interrupt(1 + (i % 4), BigInt(i % 3), i);
    expect(allocate() - before).toBe(stride);
    expect(library.exports.timerInterrupts()).toBe(250);
  });
});

describe('the teller driver', () => {
  it('repeats under the same number, and the bus dispenses once', () => {
    const library = load({ fate: (_, attempt) => (attempt === 1 ? 'performed' : 'done') });
    expect(library.exports.dispense(50n, false)).toBe(0);
    expect(library.devices.performed.map(({ argument }) => argument)).toEqual([50n]);
  });

  it('pays twice by a repeat on a bus without operation ids', () => {
    const library = load({ operationIds: false, fate: (_, attempt) => (attempt === 1 ? 'performed' : 'done') });
    expect(library.exports.dispense(50n, false)).toBe(0);
    expect(library.devices.performed).toHaveLength(2);
  });

  it('reports instead of repeating where it is told to', () => {
    const library = load({ operationIds: false, fate: (_, attempt) => (attempt === 1 ? 'performed' : 'done') });
    expect(library.exports.dispense(50n, true)).toBe(STATUS_UNCERTAIN);
    expect(library.devices.starts).toHaveLength(1);
    expect(library.exports.dispense(20n, true)).toBe(STATUS_UNCERTAIN);
    expect(library.exports.repeats()).toBe(0);
  });
});
