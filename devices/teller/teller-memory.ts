// What a teller dispensed before its process died: its journal says so itself, one line a dispense.
//
// The journal may be older than the machine, and operations of others have the same numbers: so the first process of the machine
// notes how long it was then, in `teller.json` of the memory's folder. What follows there is this machine's.

import { readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { putWhole, syncFolder } from '../../engine/journal/journal-file.js';
import type { OperationId } from '../../engine/protocol/vocabulary.js';

const FORMAT = 'epochvisor teller';
const VERSION = 1;
/** A line has two numbers and one of 64 bits: at most so many bytes. */
const LINE_MAX_BYTES = 64;
/** Dispenses that may be asked for again: as many as the bus knows operations. */
const REMEMBERED_MAX = 1024;
const LINE = /^(\d+) (\d+) (\d+)$/;

export interface Dispensed {
  /** By this machine. */
  readonly count: number;
  /** What each of the last operations has dispensed. */
  readonly amounts: ReadonlyMap<OperationId, number>;
}

/**
 * A line that was not written whole is removed: it dispensed nothing.
 * @param journal open for reading and appending
 * @throws EpochvisorError TELLER_CHANGED; errors of the operating system
 */
export async function dispensedBefore(journal: FileHandle, path: string, memory: string): Promise<Dispensed> {
  const { size } = await journal.stat();
  const base = readBase(join(memory, 'teller.json'));
  if (base === undefined) {
    // It may be new: its name is on the disk before anything in it counts.
    await syncFolder(dirname(path));
    await putWhole(
      join(memory, 'teller.json'),
      Buffer.from(`${JSON.stringify({ format: FORMAT, version: VERSION, base: size })}\n`),
    );
    return { count: 0, amounts: new Map() };
  }
  if (size < base) throw changed(path, 'is shorter than when its machine began');
  const start = Math.max(base, size - REMEMBERED_MAX * LINE_MAX_BYTES);
  const bytes = Buffer.alloc(size - start);
  await journal.read(bytes, 0, bytes.length, start);
  const wholeBytes = bytes.lastIndexOf('\n') + 1;
  if (wholeBytes < bytes.length) await journal.truncate(start + wholeBytes);
  const lines = bytes.toString('latin1', 0, wholeBytes).split('\n').slice(0, -1);
  // Where not all are read, the first one may be the end of a line.
  return readLines(start > base ? lines.slice(1) : lines, path);
}

function readLines(lines: readonly string[], path: string): Dispensed {
  const amounts = new Map<OperationId, number>();
  let count = 0;
  for (const line of lines) {
    const [, number, operation, amount] = LINE.exec(line) ?? [];
    if (operation === undefined) throw changed(path, 'has a line that no teller wrote');
    count = Number(number);
    amounts.set(BigInt(operation), Number(amount));
  }
  return { count, amounts };
}

function readBase(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { format, version, base } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (format === FORMAT && version === VERSION && typeof base === 'number' && Number.isSafeInteger(base)) return base;
  } catch {
    // It is none, as below.
  }
  throw new EpochvisorError('MEMORY_CORRUPT', `${file} says of no teller`, 'put back a copy, if there is one');
}

function changed(path: string, how: string): EpochvisorError {
  return new EpochvisorError(
    'TELLER_CHANGED',
    `the teller's journal ${path} ${how}: what was dispensed can't be told from it`,
    'put it back as it was',
  );
}
