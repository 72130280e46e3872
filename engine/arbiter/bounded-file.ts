// Reading a record from a folder in which anything may lie under its name.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * The text of a file that is shorter than `maxBytes`; undefined: it is not. Never waits for a writer, as reading a pipe would.
 * @throws what the file system says
 */
export async function readBounded(path: string, maxBytes: number): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, null);
    return bytesRead < maxBytes ? buffer.toString('utf8', 0, bytesRead) : undefined;
  } finally {
    await file.close();
  }
}

export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
