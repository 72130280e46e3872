// The bus of a trial: in the process that runs it, or in one of its own, where it can be struck. What comes out is kept in the same
// place either way.

import type { SocketAddress } from '../../devices/connection/socket-address.js';
import { type CapturedConsole, hostMs } from '../../devices/console/captured-console.js';
import type { DeviceOptions, DeviceSource } from '../../devices/device-kind.js';
import type { SocketSources } from '../../devices/open-sockets.js';
import { closeDevices, openDevices } from '../../devices/opening.js';
import { BusProcess } from '../launch/bus-process.js';
import { HeldInput } from '../launch/held-input.js';
import type { LaunchedMachine, LaunchOptions } from '../launch/launched-machine.js';
import { type ChannelTiming, DEFAULT_TIMING } from '../replica/replica-configuration.js';
import type { Fault, KillProof } from './kill-hook.js';
import { PerformedOperations } from './operation-record.js';
import type { Performed } from './operation-rules.js';
import { busHooks, type FaultPlan, readKillProof } from './trial-hooks.js';
import { openTrialSockets, SentBytes } from './trial-sockets.js';

/** How often it is looked whether a bus has stopped. */
const PAUSE_LOOK_MS = 5;
/** One that was stopped goes on after so many times the silence for which a replica would be suspected. */
const PAUSED_SUSPICIONS = 1.5;

/** A bus that was killed, and started again. */
export interface Restart {
  /** So often. */
  readonly times: number;
  /** From the first SIGKILL until the primary had found the last bus. */
  readonly liveMs: number;
  /** From that SIGKILL to the first output after it; undefined: there was none. */
  readonly firstByteMs: number | undefined;
}

export interface TrialBus {
  readonly devices: readonly DeviceOptions[];
  /** Where it listens. */
  readonly addresses: readonly SocketAddress[];
  /** What has left by its connections. */
  readonly sent: SentBytes;
  /** What its devices performed, as it goes on; undefined where they are in another process. */
  readonly performed?: readonly Performed[];
  /** What the machine is launched with. */
  readonly launch: Pick<LaunchOptions, 'streams' | 'devices' | 'bus'>;
}

/** @param folder of the trial @throws EpochvisorError where a device or a socket can't be opened */
export async function openHere(
  console: CapturedConsole,
  copies: readonly DeviceSource[],
  sources: SocketSources,
  folder: string,
): Promise<TrialBus> {
  const opened = await openDevices(copies);
  const { streams, devices, addresses, sent } = await openTrialSockets(sources, folder).catch(async error => {
    await closeDevices(opened.devices);
    throw error;
  });
  const performed = new PerformedOperations();
  const watched = [...opened.devices, ...devices].map(([number, device]) => [number, performed.watch(device)] as const);
  const launch = { streams: [console, ...streams], devices: new Map(watched) };
  return { devices: opened.options, addresses, sent, performed: performed.all, launch };
}

/** It has no sockets: connections end with a bus. @param folder of the trial */
export async function openApart(
  console: CapturedConsole,
  copies: readonly DeviceSource[],
  stdin: Uint8Array,
  folder: string,
  plan: FaultPlan | undefined,
): Promise<TrialBus> {
  const held = new HeldInput();
  held.append(stdin);
  held.end();
  const { bus, opened } = await BusProcess.open({
    folder,
    ...{ devices: copies, listen: [], connect: [], stdin: held },
    output: (stream, offset, bytes) => console.write(stream, offset, bytes),
    hooks: busHooks(folder, plan),
  });
  const launch = { streams: [], devices: new Map(), bus };
  return { devices: opened.devices, addresses: [], sent: new SentBytes(), launch };
}

/** What is seen of deaths and restarts of a bus. */
export class BusWatch {
  readonly #bus: BusProcess;
  /** By processes of the bus: how far the guest was when it ended. */
  readonly #places = new Map<number, Pick<KillProof, 'epoch' | 'count'>>();
  /** When the last process was fenced, by the host's monotonic clock; undefined: it has not been. */
  #backMs: number | undefined;
  /** When the outcome was told, by the host's monotonic clock. */
  #finishedMs = Infinity;

  constructor(bus: BusProcess, machine: LaunchedMachine) {
    this.#bus = bus;
    bus.on('died', ({ pid }) => {
      const { epoch, instructions } = machine.status;
      this.#places.set(pid, { epoch, count: instructions });
      this.#backMs = undefined;
    });
    void bus.finished.then(() => {
      this.#finishedMs = hostMs();
    });
    bus.on('changed', () => {
      if (bus.owner !== undefined) this.#backMs ??= hostMs();
    });
  }

  /** A proof, where the end of that process was seen, too: with where the guest was. One that was stopped has no end. */
  seen(proof: KillProof | undefined, fault: Fault): KillProof | undefined {
    if (proof === undefined || (fault === 'kill' && this.#bus.deaths.every(({ pid }) => pid !== proof.pid)))
      return undefined;
    return { ...proof, ...this.#places.get(proof.pid) };
  }

  /**
   * Whether a view that came then is none of a machine that was to go on. Of one whose outcome is performed a primary ends that has heard
   * so, and a backup that has not found the bus again takes it for dead.
   */
  isOver({ atBus }: KillProof, viewMs: number): boolean {
    return atBus?.isOver === true || viewMs >= this.#finishedMs;
  }

  /** @param kill the first; undefined: the primary has found no bus after the last one that died */
  restart({ atNs }: KillProof, console: CapturedConsole): Restart | undefined {
    const times = this.#bus.deaths.length;
    if (times === 0 || this.#backMs === undefined) return undefined;
    const killMs = atNs / 1e6;
    const firstByteMs = console.firstByteAfter(this.#backMs);
    return {
      times,
      liveMs: this.#backMs - killMs,
      firstByteMs: firstByteMs === undefined ? undefined : firstByteMs - killMs,
    };
  }
}

/** A bus that stops goes on later, whatever waits for it. @returns ends it */
export function continueLater(folder: string, { suspicionMs }: ChannelTiming = DEFAULT_TIMING): () => void {
  let timer = setInterval(() => {
    const proof = readKillProof(folder);
    if (proof === undefined) return;
    clearInterval(timer);
    timer = setTimeout(() => process.kill(proof.pid, 'SIGCONT'), PAUSED_SUSPICIONS * suspicionMs);
  }, PAUSE_LOOK_MS);
  return () => clearInterval(timer);
}
