// The code under test, as the simulator sees it. Production classes by default; a test plants a mistake by giving others.

import type { ChannelPart } from '../driver/replica-driver.js';
import { checkedRecovery } from '../log/checked-recovery.js';
import { LogWriter, type LogWriterOptions } from '../log/log-writer.js';
import { recoveredView } from '../log/recovering.js';
import { Bus, type BusOptions } from '../protocol/bus/bus.js';
import { Channel, type ChannelOptions } from '../protocol/channel.js';
import { Clock } from '../protocol/clock.js';
import { Execution, type ExecutionOptions, type ExecutionStart } from '../protocol/execution.js';

export type { ChannelPart } from '../driver/replica-driver.js';

/** What the log is made of: encoded entries. */
export type Part = Uint8Array;

export type ExecutionPart = Pick<
  Execution,
  'step' | 'role' | 'epoch' | 'epochLength' | 'taken' | 'isAtLogsEnd' | 'save'
>;
export type BusPart = Pick<Bus, 'step' | 'knownOperations' | 'released' | 'nextStream' | 'openStreams' | 'outcome'>;
export type ClockPart = Pick<Clock, 'observe' | 'observeMonotonicNs' | 'adopt' | 'readRealTimeNs' | 'readMonotonicNs'>;

export interface Parts {
  readonly execution: (options: ExecutionOptions, from?: ExecutionStart) => ExecutionPart;
  readonly channel: (options: ChannelOptions) => ChannelPart;
  readonly bus: (options: BusOptions) => BusPart;
  readonly clock: () => ClockPart;
  readonly checkedRecovery: typeof checkedRecovery;
  readonly recoveredView: typeof recoveredView;
  readonly logWriter: (options: LogWriterOptions) => LogWriter;
}

export const PRODUCTION: Parts = {
  execution: (options, from) => new Execution(options, from),
  channel: options => new Channel<Part>(options),
  bus: options => new Bus(options),
  clock: () => new Clock(),
  logWriter: options => new LogWriter(options),
  checkedRecovery,
  recoveredView,
};
