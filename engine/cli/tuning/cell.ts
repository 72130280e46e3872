// One run of a sweep: a machine with given settings runs the guest for so long, and what it reached is measured.

import type { SocketAddress } from '../../../devices/connection/socket-address.js';
import { CountingConsole } from '../../../devices/console/counting-console.js';
import { SocketListener } from '../../../devices/listener/socket-listener.js';
import { openDevices } from '../../../devices/opening.js';
import { hostMs } from '../../guest/host-clock.js';
import type { MachineOptions } from '../../guest/machine-options.js';
import { LaunchedMachine } from '../../launch/launched-machine.js';
import { OutputCurve } from '../../observe/output-curve.js';
import type { Outcome } from '../../protocol/vocabulary.js';
import type { ProgressMark } from '../../replica/replica-configuration.js';
import { Arrivals } from './arrivals.js';
import type { DeviceFiles } from './device-files.js';
import { Load } from './driving-load.js';
import type { Progress } from './work.js';

/** The guest of a sweep and what all its runs have in common. */
export interface SweptGuest {
  readonly module: Uint8Array;
  /** For plain runs, optimised beforehand as the replicas' code is; undefined: V8 goes its usual way with both. */
  readonly plainModule?: WebAssembly.Module | undefined;
  readonly moduleCache: boolean;
  readonly options: Omit<MachineOptions, 'bornMs' | 'epochLength' | 'variant' | 'devices'>;
  readonly files: DeviceFiles;
  /** What it reads from stdin. */
  readonly input?: Uint8Array;
  readonly listen: readonly SocketAddress[];
  /** The command that drives it. */
  readonly load?: string;
}

export interface CellSettings extends Pick<MachineOptions, 'epochLength' | 'variant'> {
  readonly replicas: 1 | 2;
}

/** What a machine did in a run; times from the primary's first instruction. */
export interface CellRun extends Progress {
  readonly instructions: number;
  readonly epochs: number;
  readonly logBytes: number;
  /** The guest came to its end within the time. */
  readonly outcome: Outcome | undefined;
  /** What interrupts would have waited for, ms, and at how many moments the guest waited for one. */
  readonly waitsMs: readonly number[];
  readonly waiting: number;
  /** From the guest's write to its arrival at the device, ms. */
  readonly heldMs: readonly number[];
  readonly lagMs: readonly number[];
  /** Resident memory, most, all replicas together. */
  readonly rssBytes: number;
  /** From the call to the first instruction, and from the end of the run to the end of it all, ms. */
  readonly aroundMs: number;
}

/** What was seen in a shorter time is mostly chance. */
const RATE_LEAST_MS = 50;

interface Seen {
  readonly ms: number;
  readonly instructions: number;
  readonly epochs: number;
  readonly logBytes: number;
}

/** What is heard of a machine while it runs. */
class Observed {
  startMs = 0;
  last: Seen | undefined;
  readonly marks: ProgressMark[] = [];
  readonly waitsMs: number[] = [];
  waiting = 0;
  readonly lagMs: number[] = [];
  readonly rss = new Map<string, number>();

  constructor(machine: LaunchedMachine, arrivals: Arrivals, begun: () => void) {
    machine.on('running', replica => {
      if (replica.incarnation !== machine.primary?.incarnation) return;
      this.startMs = performance.now();
      begun();
    });
    machine.on('status', ({ instructions, epoch: epochs, logBytes, lagMs, backups }) => {
      if (this.startMs === 0) return;
      if (backups.length > 0) this.lagMs.push(lagMs);
      // Repeated news of the same is no later moment of the guest.
      if (instructions === this.last?.instructions) return;
      this.last = { ms: performance.now() - this.startMs, instructions, epochs, logBytes };
    });
    machine.on('sampled', ({ incarnation }, { waitsMs, waiting, asked, marks, rssBytes }) => {
      this.marks.push(...marks);
      this.waitsMs.push(...waitsMs);
      this.waiting += waiting;
      arrivals.told(asked);
      this.rss.set(incarnation, Math.max(rssBytes, this.rss.get(incarnation) ?? 0));
    });
  }

  /** Instructions a ms, between two ends of epochs that the replica itself saw; without them, as the status told it. */
  get rate(): number | undefined {
    const [first, last] = [this.marks[0], this.marks.at(-1)];
    if (first !== undefined && last !== undefined && last.atMs - first.atMs > RATE_LEAST_MS) {
      return (last.instructions - first.instructions) / (last.atMs - first.atMs);
    }
    const seen = this.last;
    return seen === undefined || seen.instructions === 0 ? undefined : seen.instructions / seen.ms;
  }
}

/**
 * Runs the guest for `timeMs` from its first instruction, until its end, or until `interrupted`.
 *
 * @throws EpochvisorError where the machine can't start or can't go on; LOAD_FAILED
 */
export async function runCell(
  guest: SweptGuest,
  settings: CellSettings,
  timeMs: number,
  interrupted: Promise<undefined>,
): Promise<CellRun> {
  const calledMs = performance.now();
  const output = new OutputCurve();
  const { replicas, ...shaping } = settings;
  const seen = { bytes: 0, operations: 0 };
  const note = () => {
    // The bus may hear of output before this process hears that the guest runs.
    output.note(observed.startMs === 0 ? 0 : performance.now() - observed.startMs, seen.bytes + seen.operations);
  };
  const arrivals = new Arrivals(hostMs, () => {
    seen.operations += 1;
    note();
  });
  const console = new CountingConsole((bytes, stream, end) => {
    seen.bytes = bytes;
    note();
    arrivals.arrived(stream, end);
  }, guest.input);
  const listener = guest.listen.length === 0 ? undefined : await SocketListener.open(guest.listen);
  const { devices, options } = await openDevices(guest.files.fresh());
  const machine = new LaunchedMachine({
    module: guest.module,
    moduleCache: guest.moduleCache,
    options: { ...guest.options, ...shaping, devices: options },
    replicas,
    samples: true,
    streams: listener === undefined ? [console] : [console, listener],
    devices: new Map([...devices].map(([number, device]) => [number, arrivals.watch(device)])),
  });
  let begin: () => void = () => undefined;
  const begun = new Promise<void>(resolve => {
    begin = resolve;
  });
  const observed = new Observed(machine, arrivals, () => begin());
  try {
    await machine.start();
    await Promise.race([begun, machine.outcome, interrupted]);
    let commandMs: readonly number[] = [];
    let outcome: Outcome | undefined;
    if (guest.load !== undefined && listener !== undefined) {
      const over = Promise.race([machine.outcome.catch(() => undefined), interrupted]);
      commandMs = await new Load(guest.load, listener.addresses).drive(timeMs, over);
    } else {
      outcome = await Promise.race([machine.outcome, pause(timeMs), interrupted]);
    }
    const ms = performance.now() - observed.startMs;
    const { last, waitsMs, waiting, lagMs } = observed;
    const endMs = outcome === undefined ? undefined : Math.max(last?.ms ?? 0, output.msAt(output.outputs) ?? 0);
    arrivals.told([]);
    return {
      output,
      ms: endMs ?? ms,
      endMs,
      rate: observed.rate,
      commandMs,
      instructions: last?.instructions ?? 0,
      epochs: last?.epochs ?? 0,
      logBytes: last?.logBytes ?? 0,
      outcome,
      waitsMs: [...waitsMs],
      waiting,
      heldMs: [...arrivals.heldMs],
      lagMs: [...lagMs],
      rssBytes: [...observed.rss.values()].reduce((sum, bytes) => sum + bytes, 0),
      aroundMs: Math.max(0, observed.startMs - calledMs),
    };
  } finally {
    await machine.stop();
  }
}

function pause(ms: number): Promise<undefined> {
  return new Promise(resolve => {
    setTimeout(() => resolve(undefined), ms).unref();
  });
}
