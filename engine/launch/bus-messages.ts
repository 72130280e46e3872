// What a launcher and the process of its bus say to each other over the channel between parent and child process.

import type { SocketAddress } from '../../devices/connection/socket-address.js';
import type { DeviceOptions, DeviceSource } from '../../devices/device-kind.js';
import type { ArbiterOptions } from '../arbiter/open-arbiter.js';
import type { HookModule } from '../guest/boundary-hook.js';
import type { Outcome } from '../protocol/vocabulary.js';
import type { NamedAddress } from '../replica/replica-configuration.js';

/** What a bus opens before anybody calls it; the same each time that it is started. */
export interface BusOpening {
  readonly machine: string;
  /** Of its memory. */
  readonly memory: string;
  /** Files to which the guest's output is appended. */
  readonly stdout: string;
  readonly stderr: string;
  readonly devices: readonly DeviceSource[];
  readonly listen: readonly SocketAddress[];
  readonly connect: readonly NamedAddress[];
}

/** What it serves with. */
export interface BusServing {
  readonly secret: string;
  readonly encrypted: boolean;
  readonly moduleHash: string;
  /** Every option that shapes execution, as canonical JSON. */
  readonly options: string;
  readonly operationIds: boolean;
  /** Address of the machine's arbiter (open-arbiter.ts). */
  readonly arbiter: string;
  readonly arbiterOptions?: ArbiterOptions;
  /** `ADDRESS:PORT` of the one before, where replicas still call. */
  readonly listen?: string;
}

/** What was opened. */
export interface BusOpened {
  /** What a bare guest can see of the devices. */
  readonly devices: readonly DeviceOptions[];
  /** Where it listens, ports of the kernel's choice filled in. */
  readonly addresses: readonly SocketAddress[];
}

export type ToBusProcess =
  /** @property hook what a test does at its places (bus-hook.ts). */
  | { readonly type: 'open'; readonly opening: BusOpening; readonly hook: HookModule | undefined }
  /** After `opened`. */
  | { readonly type: 'serve'; readonly serving: BusServing }
  /** The answer to `asksInput`. */
  | { readonly type: 'input'; readonly bytes: Uint8Array; readonly end: boolean }
  /** End: all replicas have. */
  | { readonly type: 'close' };

export type FromBusProcess =
  | { readonly type: 'opened'; readonly opened: BusOpened }
  /** What follows this offset of stdin, as soon as there is something. */
  | { readonly type: 'asksInput'; readonly offset: number }
  /** Replicas can find it. */
  | { readonly type: 'serves'; readonly incarnation: string; readonly address: string }
  | { readonly type: 'attached'; readonly incarnation: string }
  | { readonly type: 'detached'; readonly incarnation: string }
  | { readonly type: 'fenced'; readonly view: number; readonly incarnation: string }
  | { readonly type: 'finished'; readonly outcome: Outcome }
  /** It can't begin, or can't go on, and ends. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly hint: string };
