// What shapes the rewriting of every body of a module alike.

import type { Layout } from './layout.js';
import type { Scan } from './scan.js';

/** What can be said without reading the bodies: a continuation has it from the facts of the rewriting. */
export interface ModuleContext {
  readonly layout: Layout;
  /** Index of the boundary function. */
  readonly boundary: number;
  readonly exact: boolean;
  readonly maxMemoryPages: number;
  readonly maxTableElements: number;
  /** For messages: names of functions by their original indexes. */
  readonly names: ReadonlyMap<number, string>;
}

/** And what the scan of the bodies said. */
export interface RewriteContext extends ModuleContext {
  readonly scan: Scan;
}
