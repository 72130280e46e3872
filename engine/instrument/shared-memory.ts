// A memory that grows without a garbage collection each time.
//
// The problem. V8 takes a memory for garbage in the making: when it grows, V8 forgets the buffer that JavaScript may have of it
// and counts the new one, as large as the whole memory, as if that much had just been allocated. Past 64 MB each such sum is
// pressure enough for a full collection of the thread's heap. A program that fills 1.5 GB grows 750 times: 750 collections,
// four threads busy marking all the while, and in a pair eight of them for two cores. It took seven times what the work does.
//
// The mend. Memory that threads can share is not counted, for no thread's heap owns it, and its buffer is not forgotten but
// replaced. So a guest's own memory is declared as such. No second thread is ever given it; the instructions are the same,
// and so is the machine code. A shared memory has to name its greatest size, which is the limit that growth is refused at
// anyway (bulk.ts).
//
// Not for a memory that another instance imports, or that is imported: both sides would have to declare the same. But a shared
// memory that is imported, as programs with threads do so that all have one, is the module's own: it has the only thread.

import type { Module } from '../wasm/module.js';
import { KIND_MEMORY, type Limits } from '../wasm/types.js';

/** The module with its own memory, if it has one, as one that may be shared. @param limitPages that of its growth */
export function shareMemory(module: Module, limitPages: number): Module {
  const own = ownMemories(module);
  const memories = own.map(({ minimum, maximum = limitPages }) => {
    return { minimum, maximum: Math.min(maximum, limitPages), shared: true } as const;
  });
  const imports = module.imports.filter(item => item.kind !== KIND_MEMORY || item.type.shared !== true);
  return { ...module, imports, memories, threaded: own.some(({ shared }) => shared === true) };
}

/** The memories of a module that stands alone, with those shared ones that it imports. */
export function ownMemories({ imports, memories }: Module): readonly Limits[] {
  const imported = imports.flatMap(item => (item.kind === KIND_MEMORY && item.type.shared === true ? [item.type] : []));
  return [...imported, ...memories];
}
