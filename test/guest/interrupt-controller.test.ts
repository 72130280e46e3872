// The interrupt controller: the enable flag, masked interrupts, handlers that wait.

import { describe, expect, it } from 'vitest';
import { InterruptController } from '../../engine/guest/interrupt-controller.js';

const timer = { kind: 1, id: 7n, status: 0 };
const input = { kind: 2, id: 0n, status: 3 };

describe('interrupt controller', () => {
  it('keeps what is masked pending, and dispatches it once the flag is set', () => {
    const controller = new InterruptController();
    controller.raise(timer);
    expect(controller.dispatches).toBe(false);
    expect(controller.isPending).toBe(true);
    expect(controller.enable(true)).toBe(false);
    expect(controller.dispatches).toBe(true);
  });

  it('is off while a handler runs, and as before after it', () => {
    const controller = new InterruptController();
    controller.enable(true);
    controller.raise(timer);
    controller.begin();
    expect(controller.next()).toEqual(timer);
    controller.raise(input);
    expect(controller.dispatches).toBe(false);
    // Raised meanwhile, it follows in the same dispatching, not inside the handler.
    expect(controller.next()).toEqual(input);
    expect(controller.next()).toBeUndefined();
    expect(controller.enable(true)).toBe(true);
  });

  it('dispatches for a wait whatever the flag says, once, and leaves the flag off', () => {
    const controller = new InterruptController();
    controller.force();
    expect(controller.dispatches).toBe(false);
    controller.raise(timer);
    expect(controller.dispatches).toBe(true);
    controller.begin();
    expect(controller.next()).toEqual(timer);
    expect(controller.next()).toBeUndefined();
    controller.raise(input);
    expect(controller.dispatches).toBe(false);
  });

  it('lets a handler wait, and interrupts it there', () => {
    const controller = new InterruptController();
    controller.enable(true);
    controller.raise(timer);
    controller.begin();
    expect(controller.next()).toEqual(timer);
    controller.force();
    controller.raise(input);
    controller.begin();
    expect(controller.next()).toEqual(input);
    expect(controller.next()).toBeUndefined();
    expect(controller.dispatches).toBe(false);
    expect(controller.next()).toBeUndefined();
    expect(controller.enable(true)).toBe(true);
  });
});
