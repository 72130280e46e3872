// The files behind the devices of a sweep: every run gets fresh copies, so that all runs find the same, and the user's
// own files stay as they are.

import { rmSync } from 'node:fs';
import type { DeviceSource } from '../../../devices/device-kind.js';
import { temporaryFolder } from '../../replica/temporary-folder.js';
import { copyDevices } from '../../testing/private-copy.js';

export class DeviceFiles {
  readonly #sources: readonly DeviceSource[];
  readonly #folder = temporaryFolder('epochvisor-tune-');

  constructor(sources: readonly DeviceSource[]) {
    this.#sources = sources;
  }

  /**
   * What names the copies; those of the run before are written over. What is only read needs none.
   * @throws EpochvisorError as `copyDevices`
   */
  fresh(): readonly DeviceSource[] {
    return copyDevices(this.#sources, this.#folder, source => !source.readOnly);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
