// A folder for the files of a test: made before each test of a file, gone after it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

export class TestFolder {
  path = '';

  /** To be called once a file. */
  constructor() {
    beforeEach(() => {
      this.path = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
    });
    afterEach(() => rmSync(this.path, { recursive: true, force: true }));
  }

  file(name: string): string {
    return join(this.path, name);
  }
}
