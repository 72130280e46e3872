// The plain machine's instructions, called by a guest that is JavaScript.

import { describe, expect, it } from 'vitest';
import { FIRST_DISK } from '../../devices/disk/disk-commands.js';
import { PlainMachine } from '../../engine/plain/plain-machine.js';
import { FakeDevices, type FakeWorld, NothingWakesTheGuest } from './fake-machine.js';

const PAGE_BYTES = 65536;

interface Instructions {
  clock(kind: number): bigint;
  stream_read(stream: number, buffer: number, length: number): number;
  stream_write(stream: number, buffer: number, length: number): number;
  interrupt_enable(on: number): number;
  arguments_size(): number;
  arguments_read(buffer: number): number;
  timer_set(deadlineNs: bigint): void;
  operation_start(n: bigint, device: number, command: number, argument: bigint, buffer: number, length: number): number;
  wait(): void;
}

function boot(world: FakeWorld = {}) {
  const devices = new FakeDevices(world);
  const machine = new PlainMachine(devices);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const interrupts: [number, bigint, number][] = [];
  machine.attach({
    memory,
    interrupt: (kind: number, id: bigint, status: number) => interrupts.push([kind, id, status]),
  });
  const instructions = machine.imports.epochvisor as unknown as Instructions;
  return { instructions, memory: new Uint8Array(memory.buffer), interrupts, devices };
}

describe('streams', () => {
  it('have nothing to read before the bytes are delivered, and the end after the last', () => {
    const { instructions, memory, interrupts } = boot({ input: [{ bytes: 'abc' }] });
    expect(instructions.stream_read(0, 0, 2)).toBe(0);
    instructions.wait();
    expect(interrupts).toEqual([
      [2, 0n, 3],
      [2, 0n, -3],
    ]);
    expect([instructions.stream_read(0, 8, 2), ...memory.slice(8, 11)]).toEqual([2, 97, 98, 0]);
    expect([instructions.stream_read(0, 8, 2), ...memory.slice(8, 11)]).toEqual([1, 99, 98, 0]);
    expect(instructions.stream_read(0, 8, 2)).toBe(-3);
  });

  it('refuse other streams and addresses outside memory', () => {
    const { instructions, devices } = boot();
    expect(instructions.stream_read(1, 0, 1)).toBe(-1);
    expect(instructions.stream_write(0, 0, 1)).toBe(-1);
    expect(instructions.stream_write(3, 0, 1)).toBe(-1);
    for (const [buffer, length] of [
      [PAGE_BYTES - 1, 2],
      [-1, 2],
      [0, -1],
      [PAGE_BYTES + 1, 0],
      [2 ** 31 - 1, 2 ** 31 - 1],
    ] as const) {
      expect(instructions.stream_write(1, buffer, length)).toBe(-2);
      expect(instructions.stream_read(0, buffer, length)).toBe(-2);
      expect(instructions.operation_start(1n, FIRST_DISK, 2, 0n, buffer, length)).toBe(-2);
    }
    expect(instructions.stream_write(1, PAGE_BYTES, 0)).toBe(0);
    expect(devices.text(1)).toBe('');
  });

  it('take no more input than an unread mebibyte', () => {
    const bytes = new Uint8Array(1 << 19);
    const { instructions, interrupts } = boot({ input: [bytes, bytes, bytes].map(piece => ({ bytes: piece })) });
    instructions.wait();
    expect(interrupts.map(interrupt => interrupt[2])).toEqual([1 << 19, 1 << 20]);
    instructions.stream_read(0, 0, PAGE_BYTES);
    instructions.wait();
    expect(interrupts).toHaveLength(3);
  });
});

describe('interrupts', () => {
  it('stay pending while they are off, and come at the next instruction when they are on', () => {
    const { instructions, interrupts } = boot({ input: [{ bytes: 'abc' }] });
    instructions.clock(1);
    expect(interrupts).toEqual([]);
    expect(instructions.interrupt_enable(1)).toBe(0);
    expect(interrupts).toHaveLength(2);
    expect(instructions.interrupt_enable(0)).toBe(1);
  });

  it('wake a wait whatever the flag says, and only then', () => {
    const { instructions, interrupts, devices } = boot({ input: [{ atNs: 5000, bytes: 'abc' }] });
    instructions.wait();
    expect(devices.nowNs).toBeGreaterThanOrEqual(5000n);
    expect(interrupts).toHaveLength(2);
    expect(() => instructions.wait()).toThrow(NothingWakesTheGuest);
  });

  it('that come before a wait with interrupts on do not end it: that is the lost wake-up', () => {
    const { instructions } = boot({ input: [{ bytes: 'abc' }] });
    instructions.interrupt_enable(1);
    expect(() => instructions.wait()).toThrow(NothingWakesTheGuest);
  });

  it('of the timer come once, unless it is disarmed', () => {
    const { instructions, interrupts } = boot();
    instructions.wait();
    interrupts.length = 0;
    instructions.timer_set(10_000n);
    instructions.wait();
    expect(interrupts).toEqual([[1, expect.any(BigInt), 0]]);
    expect(interrupts[0]![1]).toBeGreaterThanOrEqual(10_000n);
    instructions.timer_set(20_000n);
    instructions.timer_set(0n);
    expect(() => instructions.wait()).toThrow(NothingWakesTheGuest);
  });
});

describe('operations', () => {
  it('take the data of a write at the call and give that of a read at the completion', () => {
    const { instructions, memory, interrupts, devices } = boot({ diskBytes: 4096, input: [{ atNs: 1e6, bytes: 'x' }] });
    memory.fill(7, 0, 512);
    expect(instructions.operation_start(1n, FIRST_DISK, 2, 512n, 0, 512)).toBe(0);
    memory.fill(9, 0, 512);
    instructions.wait();
    expect(devices.disk.slice(512, 514)).toEqual(Uint8Array.from([7, 7]));
    expect(instructions.operation_start(2n, FIRST_DISK, 1, 512n, 0, 512)).toBe(0);
    expect(memory[0]).toBe(9);
    instructions.wait();
    expect(memory[0]).toBe(7);
    expect(interrupts).toEqual([
      [3, 1n, 512],
      [3, 2n, 512],
    ]);
  });

  it('are refused without a device, and under a number that is none or is under way', () => {
    const { instructions } = boot({ diskBytes: 4096 });
    expect(instructions.operation_start(1n, FIRST_DISK + 1, 2, 0n, 0, 512)).toBe(-1);
    expect(instructions.operation_start(0n, FIRST_DISK, 2, 0n, 0, 512)).toBe(-1);
    expect(instructions.operation_start(-1n, FIRST_DISK, 2, 0n, 0, 512)).toBe(-1);
    expect(instructions.operation_start(1n, FIRST_DISK, 2, 0n, 0, 512)).toBe(0);
    expect(instructions.operation_start(1n, FIRST_DISK, 2, 0n, 0, 512)).toBe(-1);
  });

  it('that become uncertain can be started again under their number', () => {
    const { instructions, interrupts } = boot({
      diskBytes: 4096,
      input: [{ atNs: 1e6, bytes: 'x' }],
      fate: (_, n) => (n === 1 ? 'lost' : 'done'),
    });
    expect(instructions.operation_start(1n, FIRST_DISK, 2, 0n, 0, 512)).toBe(0);
    instructions.wait();
    expect(instructions.operation_start(1n, FIRST_DISK, 2, 0n, 0, 512)).toBe(0);
    instructions.wait();
    expect(interrupts).toEqual([
      [4, 1n, 0],
      [3, 1n, 512],
    ]);
  });
});

describe('arguments', () => {
  it('are UTF-8, each with a NUL', () => {
    const { instructions, memory } = boot({ arguments: ['a', 'ü'] });
    expect(instructions.arguments_size()).toBe(5);
    expect(instructions.arguments_read(1)).toBe(5);
    expect([...memory.slice(0, 7)]).toEqual([0, 97, 0, 0xc3, 0xbc, 0, 0]);
    expect(instructions.arguments_read(PAGE_BYTES - 4)).toBe(-2);
  });
});
