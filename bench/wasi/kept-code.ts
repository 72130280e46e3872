// The module cache of the measurements: a folder of its own, and runs as of a guest whose machine code nobody has kept.

import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CODE } from '../../engine/cache/cache-folder.js';

const FOLDER = resolve('.cache', 'bench-wasi');
const ASIDE = '.aside';

/** From here on this process and those that it starts use that folder. */
export function useOwnCache(): void {
  mkdirSync(FOLDER, { recursive: true });
  process.env.EPOCHVISOR_CACHE = FOLDER;
}

/** Forgets all machine code; modules stay. */
export function forgetCode(): void {
  for (const name of readdirSync(FOLDER)) if (name.endsWith(CODE)) rmSync(join(FOLDER, name));
}

/** Does something as if no code were kept, and forgets what that has left. */
export function withoutCode<T>(run: () => T): T {
  for (const name of readdirSync(FOLDER)) {
    if (name.endsWith(CODE)) renameSync(join(FOLDER, name), join(FOLDER, name + ASIDE));
  }
  try {
    return run();
  } finally {
    forgetCode();
    for (const name of readdirSync(FOLDER)) {
      if (name.endsWith(CODE + ASIDE)) renameSync(join(FOLDER, name), join(FOLDER, name.slice(0, -ASIDE.length)));
    }
  }
}
