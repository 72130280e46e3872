// What the bus says of itself to observers (`epochvisor status`).

import { hostname } from 'node:os';
import type { OpenStream } from '../protocol/bus/bus-memory.js';
import type { StreamOffset } from '../protocol/messages.js';

export interface BusReport {
  readonly kind: 'bus';
  readonly incarnation: string;
  readonly host: string;
  readonly pid: number;
  readonly rssBytes: number;
  /** The highest view that was fenced; 0: none was. */
  readonly view: number;
  /** Incarnation of the replica that fenced it; empty: none has. */
  readonly owner: string;
  /** Connected replicas. */
  readonly replicas: number;
  /** Connections of the guest that are open. */
  readonly connections: number;
  readonly operations: number;
  /** At the last takeover: from the last word of the old primary to the fence of the new one, ms; -1: there was none. */
  readonly takeoverMs: number;
  /** Of streams that are there from the start: how much of their output is there, and what of input it has let go of. */
  readonly outputs: readonly StreamOffset[];
  readonly released: readonly StreamOffset[];
  /** Opened streams that the guest has not closed, and that ended with a bus before this one. */
  readonly open: readonly OpenStream[];
}

/** @param about what differs from one moment to the next */
export function busReport(
  incarnation: string,
  about: Omit<BusReport, 'kind' | 'incarnation' | 'host' | 'pid' | 'rssBytes'>,
): BusReport {
  const { pid } = process;
  return { kind: 'bus', incarnation, host: hostname(), pid, rssBytes: process.memoryUsage.rss(), ...about };
}
