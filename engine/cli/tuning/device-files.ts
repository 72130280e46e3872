// The files behind the devices of a sweep: every run gets fresh copies, so that all runs find the same, and the user's
// own files stay as they are.

import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class DeviceFiles {
  readonly #disks: readonly string[];
  readonly #teller: string | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), 'epochvisor-tune-'));

  constructor(flags: { readonly disk: readonly string[]; readonly teller?: string }) {
    this.#disks = flags.disk;
    this.#teller = flags.teller;
  }

  get hasTeller(): boolean {
    return this.#teller !== undefined;
  }

  /** The flags that name the copies; those of the run before are written over. */
  fresh(): { disk: readonly string[]; teller?: string } {
    const disk = this.#disks.map((path, number) => {
      // A missing disk is the device's to complain about, by its own name.
      if (!existsSync(path)) return path;
      const copy = join(this.#folder, `disk-${number}`);
      copyFileSync(path, copy);
      return copy;
    });
    if (this.#teller === undefined) return { disk };
    const teller = join(this.#folder, 'teller');
    writeFileSync(teller, '');
    return { disk, teller };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
