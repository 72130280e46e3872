// When the code of a guest is kept: not for short ones, once for those that do not end.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { OptimisedCode } from '../../engine/cache/optimised-code.js';
import { CodeKeeping } from '../../engine/guest/code-keeping.js';
import type { SuspendedStack } from '../../engine/suspend/suspended-stack.js';

const MODULE = {} as WebAssembly.Module;
const BOUNDARY = () => 0;
const kept: unknown[][] = [];

function keeping(): CodeKeeping {
  const code = { keep: (...args: unknown[]) => kept.push(args) } as unknown as OptimisedCode;
  const functions = { get: (index: number) => (index === 30 ? BOUNDARY : undefined) };
  const instance = { functions, firstFunction: 12, modules: { facts: { boundary: 42 } } };
  return new CodeKeeping(code, MODULE, { instances: [instance] } as unknown as SuspendedStack);
}

let nowMs: number;

beforeEach(() => {
  nowMs = 1_000_000;
  kept.length = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
});

afterEach(() => {
  vi.restoreAllMocks();
});

test('a primary whose guest has run for a moment keeps no machine code', () => {
  const keeper = keeping();
  nowMs += 499;
  keeper.atEnd();
  expect(kept).toEqual([]);
  nowMs += 1;
  keeper.atEnd();
  expect(kept).toEqual([[MODULE, BOUNDARY]]);
});

test('a backup keeps the machine code once, some seconds after its beginning, and every boundary is taken', () => {
  const keeper = keeping();
  const counts: number[] = [];
  const hooks = {
    boundary: (count: number) => {
      counts.push(count);
      return count % 2;
    },
  };
  const { boundary } = hooks;
  keeper.watch(hooks);
  const take = (from: number, number: number) => {
    for (let count = from; count < from + number; count++) expect(hooks.boundary(count)).toBe(count % 2);
  };
  take(0, 5_000);
  expect(kept).toEqual([]);
  nowMs += 10_000;
  take(5_000, 1_024);
  expect(kept).toEqual([[MODULE, BOUNDARY]]);
  expect(hooks.boundary).toBe(boundary);
  take(6_024, 5_000);
  expect(kept).toHaveLength(1);
  expect(counts).toEqual(Array.from({ length: 11_024 }, (_, count) => count));
});
