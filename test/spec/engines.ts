// What a script can be run on: plain V8, or our rewriting at some epoch length and kind of counting.

import { instantiate } from '../../engine/index.js';

export type Exports = Readonly<Record<string, unknown>>;
export type Imports = Readonly<Record<string, Exports>>;

export interface Engine {
  readonly name: string;
  /** Compiles, links and starts a module; throws as WebAssembly.Module and WebAssembly.Instance do. */
  load(bytes: Uint8Array<ArrayBuffer>, imports: Imports): Exports;
}

export const plain: Engine = {
  name: 'plain',
  load: (bytes, imports) => new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports,
};

function rewritten(counting: 'block' | 'exact', epochLength: number): Engine {
  return {
    name: `${counting} counting, epochs of ${epochLength}`,
    load: (bytes, imports) => instantiate(bytes, imports, { epochLength, counting }).exports,
  };
}

/** Every way of counting that the scripts have to pass under. */
export const MATRIX: readonly Engine[] = [
  rewritten('block', 1),
  rewritten('block', 7),
  rewritten('block', 1000),
  rewritten('block', 1_000_000),
  rewritten('exact', 1000),
];

/** The same, unwound at every boundary and continued there or in fresh instances. */
function suspended(
  counting: 'block' | 'exact',
  epochLength: number,
  continueIn: 'same-instance' | 'fresh-instance',
): Engine {
  return {
    name: `${counting} counting, epochs of ${epochLength}, suspended at every boundary, continued in the ${continueIn}`,
    load: (bytes, imports) => {
      return instantiate(bytes, imports, { epochLength, counting, suspendAt: 'every-boundary', continueIn }).exports;
    },
  };
}

export const SUSPENDED: readonly Engine[] = [
  suspended('block', 1, 'same-instance'),
  suspended('block', 1000, 'same-instance'),
  suspended('exact', 1000, 'same-instance'),
];

/** Every boundary makes all instances of a script anew: for scripts that have few. */
export const CONTINUED_AFRESH: readonly Engine[] = [suspended('block', 101, 'fresh-instance')];
