// Before the tests: gets what they need as far as it can be had, and tells each test file what is missing.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { type Missing, prepareAll } from './requirements.js';

declare module 'vitest' {
  export interface ProvidedContext {
    missing: Missing;
  }
}

const BUNDLE = join(import.meta.dirname, '../../engine/bundle.mjs');

export default function prepare(project: TestProject): void {
  // What is compiled is what the tests start: a bundle that is older would be another program.
  const { status, stderr } = spawnSync(process.execPath, [BUNDLE], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`engine/bundle.mjs: ${stderr}`);
  project.provide('missing', prepareAll());
}
