// A snapshot in a file, which appears whole or not at all.

import { open, rename, rm } from 'node:fs/promises';
import { EpochvisorError } from '../errors/errors.js';
import type { MachineSnapshot } from '../guest/guest-state.js';
import { SnapshotDecoder } from '../snapshot/snapshot-decoder.js';
import { encodeSnapshot } from '../snapshot/snapshot-encoder.js';

/** What is read of a file at a time, bytes. */
const READ_BYTES = 1 << 20;

/**
 * @param temporary in the same folder, and nobody else's
 * @throws EpochvisorError SNAPSHOT_FILE
 */
export async function writeSnapshotFile(path: string, temporary: string, snapshot: MachineSnapshot): Promise<void> {
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      for (const chunk of encodeSnapshot(snapshot)) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // Where the path itself can't be, removing fails as writing did; why it could not be written is what is told.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new EpochvisorError('SNAPSHOT_FILE', `${path} can't be written: ${because(error)}`, 'name another file');
  }
}

/** @throws EpochvisorError SNAPSHOT_MISSING, SNAPSHOT_INVALID */
export async function readSnapshotFile(path: string): Promise<MachineSnapshot> {
  const decoder = new SnapshotDecoder();
  try {
    const file = await open(path, 'r');
    try {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, READ_BYTES);
        if (bytesRead === 0) break;
        decoder.push(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof EpochvisorError) throw error;
    throw new EpochvisorError('SNAPSHOT_MISSING', `${path} can't be read: ${because(error)}`, 'name a snapshot');
  }
  return decoder.finish();
}

function because(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
