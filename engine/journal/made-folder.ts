// Makes a folder that a user has named, and those above it, as `mkdir -p`.
//
// Node's own `recursive` never returns where the parent is there and will not have it, but says ENOENT, as /proc does: it takes
// the parent for missing, finds it, and tries again.

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Nothing happens where it is there. @throws what the file system says */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || existsSync(parent)) throw error;
    makeFolder(parent);
    makeFolder(path);
  }
}
