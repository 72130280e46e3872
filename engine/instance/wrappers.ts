// Functions that the host calls in place of exported ones, and what stands behind them for instances that import them.

import type { Imports } from './webassembly.js';

export type GuestFunction = (...args: unknown[]) => unknown;

const behind = new WeakMap<object, () => GuestFunction>();

/** Lets a wrapper that is imported be replaced by the function of wasm that is behind it then. */
export function standsBefore(wrapper: GuestFunction, exported: () => GuestFunction): void {
  behind.set(wrapper, exported);
}

/** Imports with wrappers replaced by the functions of wasm behind them: a call between instances must not pass through JavaScript. */
export function withoutWrappers(imports: Imports): Imports {
  return mapImports(imports, value => (typeof value === 'function' ? (behind.get(value)?.() ?? value) : value));
}

/** The same imports with other values. */
export function mapImports(imports: Imports, replaced: (value: unknown) => unknown): Imports {
  const modules = Object.entries(imports).map(([module, names]) => {
    return [module, Object.fromEntries(Object.entries(names ?? {}).map(([name, value]) => [name, replaced(value)]))];
  });
  return Object.fromEntries(modules);
}
