// How a test or a suite says that it needs what a machine may lack.

import { inject } from 'vitest';
import type { RequirementName } from './requirements.js';

declare module 'vitest' {
  interface TaskMeta {
    needs?: RequirementName;
  }
}

/** Options of a test or a suite: it is skipped, and counted as left out, where `name` is missing. */
export function needs(name: RequirementName): { readonly skip: boolean; readonly meta: { needs: RequirementName } } {
  return { skip: inject('missing')[name] !== undefined, meta: { needs: name } };
}
