// The files behind the devices of a sweep: every run gets fresh copies, so that all runs find the same, and the user's
// own files stay as they are.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../replica/temporary-folder.js';
import { copyPrivately } from '../../testing/private-copy.js';
import type { DirectoryFlag } from '../wasi-flags.js';

interface DeviceFlags {
  readonly disk: readonly string[];
  readonly dir?: readonly DirectoryFlag[];
  readonly teller?: string;
}

export class DeviceFiles {
  readonly #disks: readonly string[];
  readonly #directories: readonly DirectoryFlag[];
  readonly #teller: string | undefined;
  readonly #folder = temporaryFolder('epochvisor-tune-');

  constructor(flags: DeviceFlags) {
    this.#disks = flags.disk;
    this.#directories = flags.dir ?? [];
    this.#teller = flags.teller;
  }

  get hasTeller(): boolean {
    return this.#teller !== undefined;
  }

  /** The flags that name the copies; those of the run before are written over. */
  fresh(): DeviceFlags {
    const disk = this.#disks.map((path, number) => {
      // A missing disk is the device's to complain about, by its own name.
      if (!existsSync(path)) return path;
      const copy = join(this.#folder, `disk-${number}`);
      copyPrivately('disk', path, copy);
      return copy;
    });
    const dir = this.#directories.map((directory, number) => {
      if (directory.readOnly) return directory;
      const copy = join(this.#folder, `dir-${number}`);
      rmSync(copy, { recursive: true, force: true });
      copyPrivately('folder', directory.hostPath, copy);
      return { ...directory, hostPath: copy };
    });
    if (this.#teller === undefined) return { disk, dir };
    const teller = join(this.#folder, 'teller');
    writeFileSync(teller, '');
    return { disk, dir, teller };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
