// A fresh folder among the temporary files, for what lives only as long as the command.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';

/** @throws EpochvisorError TEMPORARY_FOLDER: the host's place for temporary files is missing, full or not ours */
export function temporaryFolder(prefix: string): string {
  try {
    return mkdtempSync(join(tmpdir(), prefix));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new EpochvisorError(
      'TEMPORARY_FOLDER',
      `no temporary folder can be made: ${why}`,
      'set TMPDIR to a folder that can be written to',
    );
  }
}
