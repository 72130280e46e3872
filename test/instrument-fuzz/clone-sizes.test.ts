// The size of clones, as the rewriting bounds it, against the clones themselves.

import { describe, expect, test } from 'vitest';
import type { SuspendedPoint } from '../../engine/instrument/continuation/continuation.js';
import { restoreContext } from '../../engine/instrument/continuation/facts.js';
import { instrumentWithContinuations } from '../../engine/instrument/instrument.js';
import { BodyRewriter } from '../../engine/instrument/rewrite.js';
import { scanBodies } from '../../engine/instrument/scan.js';
import { UnwindPlan } from '../../engine/instrument/unwind-plan.js';
import { decodeModule } from '../../engine/wasm/decode.js';
import { buildProgram } from './program.js';
import { checkRandomly, decisions, PATIENCE_MS } from './seeds.js';

const POINTS_MAX = 12;
const STATES = ['here', 'boundary', 'callee'] as const;

/** Bytes of the largest clone of each function with safe points, as it is and as it was bounded. */
function largestClones(bytes: Uint8Array, counting: 'block' | 'exact') {
  const { facts, continuations } = instrumentWithContinuations(bytes, { counting });
  const known = restoreContext(bytes, { counting, suspendable: true }, facts!);
  const { module, spaces } = known.layout;
  const context = { ...known, scan: scanBodies(module, spaces, new Map(), counting === 'block') };
  const rewriter = new BodyRewriter(context);
  const plan = new UnwindPlan(context);
  return Array.from(module.functions, (_, index) => {
    rewriter.rewrite(index);
    plan.begin(index);
    // Under exact counting every instruction is one: some from all over the body.
    const step = Math.ceil(plan.points.length / POINTS_MAX);
    const points = plan.points.flatMap(({ kind }, point): SuspendedPoint[] => {
      if (point % step !== 0) return [];
      // Only after a call can its callee have an activation.
      const states = kind === 'after' ? STATES : STATES.slice(0, 2);
      return states.map(state => ({ function: facts!.firstFunction + index, point, state }));
    });
    const real = points.map(point => sizeOf(continuations.build([point]).module));
    return { real: Math.max(0, ...real), bound: rewriter.measure.cloneBytes };
  });
}

/** Bytes of the first body, which is the clone. */
function sizeOf(continuation: Uint8Array): number {
  const { bodyStart, bodyEnd } = decodeModule(continuation);
  return bodyEnd[0]! - bodyStart[0]!;
}

describe('clones of random programs', { timeout: PATIENCE_MS }, () => {
  test.each(['block', 'exact'] as const)('are not larger than the rewriting said: %s counting', counting => {
    let clones = 0;
    checkRandomly(`clone sizes ${counting}`, counting === 'block' ? 30 : 5, decisions, choices => {
      for (const { real, bound } of largestClones(buildProgram(choices, { nanBits: true, counted: false }), counting)) {
        expect(real).toBeLessThanOrEqual(bound);
        if (real > 0) clones++;
      }
    });
    expect(clones).toBeGreaterThan(20);
  });
});
