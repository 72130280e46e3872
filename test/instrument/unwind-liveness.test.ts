// Which locals are live at safe points: straight code, branches, arms and loops.

import { describe, expect, test } from 'vitest';
import { Liveness } from '../../engine/instrument/unwind-liveness.js';

function live(locals: number, body: (liveness: Liveness) => void): readonly (readonly number[])[] {
  const liveness = new Liveness();
  liveness.begin(locals);
  body(liveness);
  liveness.end();
  return liveness.solve()!;
}

describe('a local is live at a safe point', () => {
  test('if it is read later, and not if it is written first or never read', () => {
    const points = live(4, body => {
      body.write(0);
      body.point();
      body.read(0);
      body.write(1);
      body.read(1);
      body.read(2);
    });
    expect(points).toEqual([[0, 2]]);
  });

  test('if one of the arms that follow reads it', () => {
    const points = live(3, body => {
      body.point();
      body.if();
      body.read(0);
      body.else();
      body.point();
      body.write(0);
      body.read(1);
      body.end();
      body.read(2);
    });
    expect(points).toEqual([
      [0, 1, 2],
      [1, 2],
    ]);
  });

  test('if an `if` without else passes over the write', () => {
    const points = live(1, body => {
      body.point();
      body.if();
      body.write(0);
      body.end();
      body.read(0);
    });
    expect(points).toEqual([[0]]);
  });

  test('if a branch leads to a read, and not because of what the branch passes over', () => {
    const points = live(3, body => {
      body.block();
      body.block();
      body.point();
      body.branch(1);
      body.leave();
      body.end();
      body.read(0);
      body.end();
      body.read(1);
    });
    expect(points).toEqual([[1]]);
  });

  test('if the next iteration of a loop reads it', () => {
    const points = live(3, body => {
      body.loop();
      body.read(0);
      body.point();
      body.read(1);
      body.write(1);
      body.branch(0);
      body.end();
      body.point();
    });
    expect(points).toEqual([[0, 1], []]);
  });

  test('if an outer loop comes back to a read in an inner one', () => {
    const points = live(3, body => {
      body.loop();
      body.loop();
      body.read(0);
      body.branch(0);
      body.end();
      body.point();
      body.loop();
      body.point();
      body.write(1);
      body.branch(0);
      body.read(1);
      body.end();
      body.branch(0);
      body.end();
    });
    expect(points).toEqual([[0], [0]]);
  });

  test('with more locals than a word has bits', () => {
    const points = live(100, body => {
      body.point();
      for (const local of [0, 31, 32, 63, 99]) body.read(local);
    });
    expect(points).toEqual([[0, 31, 32, 63, 99]]);
  });

  test('of loops nested deeper than any pass looks, at worst too many', () => {
    const depth = 200;
    const points = live(2, body => {
      for (let level = 0; level < depth; level++) body.loop();
      body.point();
      for (let level = 0; level < depth; level++) {
        body.branch(0);
        body.end();
      }
      body.read(0);
    });
    expect(points).toEqual([[0]]);
  });
});
