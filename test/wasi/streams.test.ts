// Standard input, output and error: blocking, the end, many buffers.

import { describe, expect, test } from 'vitest';
import { RELEASE_BYTES } from '../../engine/protocol/bounds.js';
import { FDFLAGS_NONBLOCK } from '../../engine/wasi/abi.js';
import { ModelMachine, Stuck } from './model-machine.js';
import { Program } from './program.js';

function program(): Program {
  return new Program(new ModelMachine());
}

let offset = 0;

/** Bytes of stdin, at the next boundary that waits. */
function type(p: Program, text: string, end = false): void {
  const bytes = Buffer.from(text, 'latin1');
  p.machine.inbox.push({ kind: 'stream', stream: 0, offset, bytes, end });
  offset += bytes.length;
}

describe('standard input', () => {
  test('blocks until something comes, and gives what there is', () => {
    const p = program();
    type(p, 'hello world');
    expect(p.read(0, 5)).toBe('"hello"');
    expect(p.machine.boundaries).toBe(1);
    expect(p.read(0, 100)).toBe('" world"');
    expect(p.machine.boundaries).toBe(1);
    expect(p.machine.consumedOffsets.get(0)).toBe(11);
    expect(() => p.read(0)).toThrow(Stuck);
  });

  test('is released in large pieces, and wholly when nothing is left to read', () => {
    const p = program();
    type(p, 'x'.repeat(RELEASE_BYTES + 10));
    const consumed = () => p.machine.consumedOffsets.get(0);
    expect(p.read(0, RELEASE_BYTES - 1)).toHaveLength(RELEASE_BYTES + 1);
    expect(consumed()).toBeUndefined();
    p.read(0, 4);
    expect(consumed()).toBe(RELEASE_BYTES + 3);
    p.read(0, 6);
    expect(consumed()).toBe(RELEASE_BYTES + 3);
    p.read(0, 100);
    expect(consumed()).toBe(RELEASE_BYTES + 10);
  });

  test('fills buffer after buffer', () => {
    const p = program();
    type(p, 'abc');
    type(p, 'defgh');
    expect(p.read(0, 1, 0, 4, 2)).toBe('"abcdefg"');
    expect(p.read(0, 9)).toBe('"h"');
  });

  test('ends after its last byte, and stays at its end', () => {
    const p = program();
    type(p, 'x', true);
    expect(p.read(0)).toBe('"x"');
    expect(p.read(0)).toBe('""');
    expect(p.read(0)).toBe('""');
    expect(p.machine.boundaries).toBe(1);
  });

  test('that is closed is at its end', () => {
    const p = program();
    type(p, '', true);
    expect(p.read(0)).toBe('""');
  });

  test('does not block where that is not wanted, and not to read nothing', () => {
    const p = program();
    expect(p.call('fd_fdstat_set_flags', 0, FDFLAGS_NONBLOCK)).toBe('OK');
    expect(p.read(0)).toBe('EAGAIN');
    expect(p.read(0, 0)).toBe('""');
    p.machine.kernel.deliver({ kind: 'stream', stream: 0, offset: 0, bytes: Buffer.from('now'), end: false });
    expect(p.read(0)).toBe('"now"');
  });

  test('cannot be written, sought or synchronised', () => {
    const p = program();
    expect(p.write(0, 'x')).toBe('EBADF');
    expect(p.seek(0, 0, 0)).toBe('ESPIPE');
    expect(p.tell(0)).toBe('ESPIPE');
    expect(p.pread(0, 0)).toBe('ESPIPE');
    expect(p.call('fd_allocate', 0, 0n, 1n)).toBe('ESPIPE');
    expect(p.call('fd_sync', 0)).toBe('EINVAL');
    expect(p.call('fd_filestat_set_size', 0, 1n)).toBe('EINVAL');
  });

  test('a wrong buffer loses nothing', () => {
    const p = program();
    type(p, 'kept');
    p.view.setUint32(0x100, p.machine.memory().length, true);
    p.view.setUint32(0x104, 1, true);
    expect(p.call('fd_read', 0, 0x100, 1, 0x8000)).toBe('EFAULT');
    expect(p.call('fd_read', 0, 0x200, 1, -1)).toBe('EFAULT');
    expect(p.read(0)).toBe('"kept"');
  });
});

describe('standard output and error', () => {
  test('take all bytes of all buffers, in order', () => {
    const p = program();
    expect(p.write(1, 'one', '', ' two\0', '\xff')).toBe(9);
    expect(p.write(2, 'three')).toBe(5);
    expect(p.write(1, '')).toBe(0);
    expect(p.machine.text(1)).toBe('one two\0\xff');
    expect(p.machine.text(2)).toBe('three');
  });

  test('what was written is not changed by what the program does to its buffer', () => {
    const p = program();
    p.write(1, 'before');
    p.machine.memory().fill(0);
    expect(p.machine.text(1)).toBe('before');
  });

  test('cannot be read', () => {
    expect(program().read(1)).toBe('EBADF');
  });
});
