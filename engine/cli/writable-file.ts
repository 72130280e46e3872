// Whether a file that is to be written at the end of a long run can be: asked before it begins.

import { accessSync, constants, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * What is there already stays as it is. A full disk is noticed by writing only.
 * @param bytes about as many as are to be written
 * @throws Error, the system's, or in words, where it can't be written
 */
export function tryWriting(path: string, bytes: number): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isDirectory() === true) throw new Error('it is a folder');
  if (there !== undefined) accessSync(path, constants.W_OK);
  // A pipe or a terminal takes what it is given.
  if (there !== undefined && !there.isFile()) return;
  accessSync(dirname(path), constants.W_OK);
  const trial = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(trial, Buffer.alloc(bytes));
  } finally {
    rmSync(trial, { force: true });
  }
}
