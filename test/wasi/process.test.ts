// Arguments, environment, clocks, random numbers and the end of a program.

import { describe, expect, test } from 'vitest';
import type { KernelConfiguration } from '../../engine/wasi/kernel-port.js';
import { Exit, ModelMachine, REAL_TIME_NS } from './model-machine.js';
import { Program, programIn } from './program.js';

function program(configuration: Partial<KernelConfiguration> = {}): Program {
  return new Program(new ModelMachine({ configuration }));
}

/** What a program gets of its arguments or of its environment. */
function texts(p: Program, kind: 'args' | 'environ'): string[] {
  expect(p.call(`${kind}_sizes_get`, 0x100, 0x104)).toBe('OK');
  const [count, bytes] = [p.view.getUint32(0x100, true), p.view.getUint32(0x104, true)];
  expect(p.call(`${kind}_get`, 0x200, 0x2000)).toBe('OK');
  const memory = p.machine.memory();
  const found = Array.from({ length: count }, (_, index) => {
    const start = p.view.getUint32(0x200 + 4 * index, true);
    return new TextDecoder().decode(memory.slice(start, memory.indexOf(0, start)));
  });
  expect(found.reduce((sum, text) => sum + new TextEncoder().encode(text).length + 1, 0)).toBe(bytes);
  return found;
}

describe('texts', () => {
  test('arguments come as they are', () => {
    const values = ['first', '', 'the third argument', 'ü💧'];
    expect(texts(program({ arguments: values }), 'args')).toEqual(values);
  });

  test('may be none at all', () => {
    expect(texts(program({ arguments: [] }), 'args')).toEqual([]);
    expect(texts(program({ environment: [] }), 'environ')).toEqual([]);
  });

  test('variables come as they are', () => {
    const values = ['a=text', 'b=escap " ing', 'c=new\nline', 'd='];
    expect(texts(program({ environment: values }), 'environ')).toEqual(values);
  });

  test('a NUL ends a text', () => {
    expect(texts(program({ arguments: ['a\0b', 'c'] }), 'args')).toEqual(['a', 'c']);
  });

  test('listening streams are announced', () => {
    expect(texts(program({ environment: ['A=1'], listeners: [7, 8] }), 'environ')).toEqual(['A=1', 'LISTEN_FDS=2']);
  });

  test('nothing is written where it would leave memory', () => {
    const p = program({ arguments: ['abc'] });
    const end = p.machine.memory().length;
    expect(p.call('args_sizes_get', end - 3, 0)).toBe('EFAULT');
    expect(p.call('args_sizes_get', 0, end)).toBe('EFAULT');
    expect(p.call('args_get', 0, end - 3)).toBe('EFAULT');
    expect(p.call('args_get', end - 2, 0)).toBe('EFAULT');
    expect(p.machine.memory().every(byte => byte === 0)).toBe(true);
  });
});

describe('clocks', () => {
  const time = (p: Program, id: number) => {
    expect(p.call('clock_time_get', id, 1n, 0x100)).toBe('OK');
    return p.view.getBigUint64(0x100, true);
  };

  test('are environment instructions', () => {
    const p = program();
    expect(time(p, 0)).toBe(REAL_TIME_NS + 1000n);
    expect(time(p, 0)).toBe(REAL_TIME_NS + 2000n);
    expect(time(p, 1)).toBe(p.machine.monotonicNs);
    expect(p.machine.environments).toBe(3);
  });

  test('of CPU time are the monotonic one', () => {
    const p = program();
    expect(time(p, 2)).toBe(p.machine.monotonicNs);
    expect(time(p, 3)).toBe(p.machine.monotonicNs);
  });

  test('have a resolution', () => {
    const p = program();
    for (const id of [0, 1, 2, 3]) {
      expect(p.call('clock_res_get', id, 0x100)).toBe('OK');
      expect(p.view.getBigUint64(0x100, true)).toBe(1n);
    }
  });

  test('that do not exist, and answers outside memory, are refused without a reading', () => {
    const p = program();
    expect(p.call('clock_time_get', 4, 0n, 0x100)).toBe('EINVAL');
    expect(p.call('clock_res_get', -1, 0x100)).toBe('EINVAL');
    expect(p.call('clock_time_get', 0, 0n, p.machine.memory().length - 7)).toBe('EFAULT');
    expect(p.call('clock_time_get', 0, 0n, -1)).toBe('EFAULT');
    expect(p.machine.environments).toBe(0);
  });

  test('find the memory after it has grown', () => {
    const machine = new ModelMachine();
    const p = new Program(machine);
    const memory = new WebAssembly.Memory({ initial: 1 });
    let bytes = new Uint8Array(memory.buffer);
    machine.memory = () => {
      if (bytes.length === 0) bytes = new Uint8Array(memory.buffer);
      return bytes;
    };
    expect(time(p, 1)).toBe(machine.monotonicNs);
    expect(p.call('clock_time_get', 1, 0n, 0x10000)).toBe('EFAULT');
    memory.grow(1);
    machine.monotonicNs = 42n;
    expect(p.call('clock_time_get', 1, 0n, 0x10000)).toBe('OK');
    expect(p.view.getBigUint64(0x10000, true)).toBe(42n);
  });
});

describe('random numbers', () => {
  test('fill the buffer, and nothing beside it', () => {
    const p = program();
    expect(p.call('random_get', 0x100, 21)).toBe('OK');
    const memory = p.machine.memory();
    expect(new Set(memory.subarray(0x100, 0x115)).size).toBeGreaterThan(10);
    expect([memory[0xff], memory[0x115]]).toEqual([0, 0]);
    expect(p.machine.environments).toBe(3);
  });

  test('are eight bytes an environment instruction, least significant first', () => {
    const p = program();
    p.machine.environment = () => -2n;
    expect(p.call('random_get', 0, 9)).toBe('OK');
    expect([...p.machine.memory().subarray(0, 10)]).toEqual([254, 255, 255, 255, 255, 255, 255, 255, 254, 0]);
  });

  test('are none where none are asked for', () => {
    const p = program();
    expect(p.call('random_get', 0, 0)).toBe('OK');
    expect(p.machine.environments).toBe(0);
    expect(p.call('random_get', p.machine.memory().length, 1)).toBe('EFAULT');
    expect(p.call('random_get', 0, -1)).toBe('EFAULT');
  });
});

describe('the end', () => {
  const status = (p: Program, value: number, call = 'proc_exit'): number => {
    try {
      p.call(call, value);
    } catch (thrown) {
      if (thrown instanceof Exit) return thrown.status;
      throw thrown;
    }
    throw new Error('the program goes on');
  };

  test('has the status given', () => {
    expect(status(program(), 0)).toBe(0);
    expect(status(program(), 33)).toBe(33);
    expect(status(program(), -1)).toBe(0xffff_ffff);
  });

  test('waits for what was written', () => {
    const { p, folder } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    expect(p.write(fd, 'last words')).toBe(10);
    expect(folder.tree()).toEqual({ f: '' });
    expect(status(p, 0)).toBe(0);
    expect(folder.tree()).toEqual({ f: 'last words' });
  });

  test.each([
    ['SIGHUP', 1, 129],
    ['SIGABRT', 6, 134],
    ['SIGKILL', 9, 137],
    ['SIGTERM', 15, 143],
    ['SIGXCPU', 23, 152],
    ['SIGSYS', 30, 159],
  ])('comes by %s, as a shell tells of it', (_, signal, expected) => {
    expect(status(program(), signal, 'proc_raise')).toBe(expected);
  });

  test('by a signal waits for what was written', () => {
    const { p, folder } = programIn({ f: '' });
    expect(p.write(p.mustOpen(3, 'f'), 'last words')).toBe(10);
    expect(status(p, 6, 'proc_raise')).toBe(134);
    expect(folder.tree()).toEqual({ f: 'last words' });
  });

  test('does not come by a signal that programs ignore, that would stop them, or that is none', () => {
    const raised = (signal: number) => program().call('proc_raise', signal);
    expect([0, 16, 17, 22, 27].map(raised)).toEqual(['OK', 'OK', 'OK', 'OK', 'OK']);
    expect([18, 19, 20, 21].map(raised)).toEqual(['ENOTSUP', 'ENOTSUP', 'ENOTSUP', 'ENOTSUP']);
    expect([31, -1].map(raised)).toEqual(['EINVAL', 'EINVAL']);
  });
});

test('yielding does nothing', () => {
  expect(program().call('sched_yield')).toBe('OK');
});
