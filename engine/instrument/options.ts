// What the instrumenter can be asked for, and what it reports.

export interface InstrumentOptions {
  /**
   * 'block' (default): a block's instructions are counted when it is entered; safe points are loop headers and the points
   * after calls. 'exact': every instruction is a safe point; slow, the oracle for 'block'.
   */
  readonly counting?: 'block' | 'exact';
  /** Name of the exported function (i32 kind, i64 id, i32 status) -> () that interrupts are delivered to, if exported. */
  readonly interruptHandler?: string;
  /**
   * Imports may block: one that has set the hidden global IMPORT_AGAIN to 1 and asked for a boundary is called again, with
   * the same arguments, after that boundary. Default false.
   */
  readonly blockingImports?: boolean;
  /** The stack can be unwound at every boundary, and continued (unwind.ts, continuation/). Default false. */
  readonly suspendable?: boolean;
  /** Limit of the memory's growth in bytes; default 1 GiB. Growth above it gives -1. */
  readonly maxMemory?: number;
  /**
   * No other instance imports the module's memory or gives it one: V8 may be told that threads could share it, so that it
   * grows without a garbage collection each time (shared-memory.ts). Default false.
   */
  readonly standsAlone?: boolean;
}

/** Plain data: it is stored beside cached modules. */
export interface InstrumentReport {
  readonly counting: 'block' | 'exact';
  /** The module has a start function, to be called through the export EXPORT_START. */
  readonly start: boolean;
  /** The module exports an interrupt handler of the name that was asked for. */
  readonly interruptHandler: boolean;
  readonly functions: number;
  readonly loops: number;
  readonly calls: number;
  readonly safePoints: number;
  /** The stack can be unwound. */
  readonly suspendable: boolean;
  /** Safe points at which a function holds a reference: no snapshot can be taken there. 0 where it is not suspendable. */
  readonly referencePoints: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

export const MAX_MEMORY_DEFAULT = 1 << 30;
/** V8's own limit; growth above it gives -1 on every host. */
export const MAX_TABLE_ELEMENTS = 10_000_000;
export const PAGE_BYTES = 65_536;
