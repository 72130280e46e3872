// Before the tests: gets what they need as far as it can be had, and tells each test file what is missing.

import type { TestProject } from 'vitest/node';
import { type Missing, prepareAll } from './requirements.js';

declare module 'vitest' {
  export interface ProvidedContext {
    missing: Missing;
  }
}

export default function prepare(project: TestProject): void {
  project.provide('missing', prepareAll());
}
