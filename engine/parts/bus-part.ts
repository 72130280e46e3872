// The bus of a machine as a process of its own: on the host where the devices are.
//
// There is one at a time. Who starts looks for one that lives, and is refused where there is; of two that start at once, each sees
// the other once both are announced, or one does: the later one gives way, and the other, should it have been left unseen,
// when it looks next. One that was only asleep while another was started gives way to that: the replicas have.
//
// The outcome of the guest is performed here, so its end is written at the arbiter from here; all parts end with that record.

import { hostname } from 'node:os';
import type { OperationDevice, StreamDevice } from '../../devices/device.js';
import type { Arbiter } from '../arbiter/arbiter.js';
import type { MachineEnd } from '../arbiter/machine-end.js';
import { isLater, type Member } from '../arbiter/members.js';
import type { KeptMemory } from '../bus/kept-memory.js';
import { type BusObserver, BusServer } from '../bus/server.js';
import { announcedAddress, type ListeningPlace } from '../channel/listening-place.js';
import { askReport } from '../channel/observing.js';
import { EpochvisorError } from '../errors/errors.js';
import { Ending } from '../launch/awaited-ending.js';
import { BIRTH_VIEW } from '../replica/first-view.js';
import { membershipIn } from './described-options.js';
import { EndWatch } from './end-watch.js';
import { withdrawQuietly, writeEnding } from './machine-ending.js';
import type { MachineFolder } from './machine-folder.js';

/** A bus that lives answers within this time, ms. */
const ANSWER_MAX_MS = 1_000;
/** How often it looks whether another is there, ms. */
const LOOK_EVERY_MS = 1_000;

export interface BusPartOptions {
  readonly folder: MachineFolder;
  readonly place: ListeningPlace;
  readonly arbiter: Arbiter;
  /** What the bus goes on from when it is started again; closed with it, as are the devices, which were opened with it. */
  readonly memory: KeptMemory;
  /** Opened. */
  readonly streams: readonly StreamDevice[];
  /** By the numbers that guests use. */
  readonly devices: ReadonlyMap<number, OperationDevice>;
  readonly module: () => Uint8Array | undefined;
  /** Is told who fences the bus, and who is refused. */
  readonly observer?: Pick<BusObserver, 'fenced' | 'refused'>;
  readonly say: (line: string) => void;
}

/** The bus of this machine that lives, if there is one besides `own`. @throws EpochvisorError of the arbiter */
async function findBus(
  { folder, arbiter }: Pick<BusPartOptions, 'folder' | 'arbiter'>,
  own?: string,
): Promise<Member | undefined> {
  const membership = membershipIn(folder);
  const members = await arbiter.members(folder.description.machine);
  const others = members.filter(({ kind, incarnation }) => kind === 'bus' && incarnation !== own);
  const living = await Promise.all(
    others.map(async member => {
      try {
        const report = await askReport({ ...membership, address: member.address, deadlineMs: ANSWER_MAX_MS });
        return report.incarnation === member.incarnation;
      } catch (error) {
        // Nobody is there any more, or somebody else.
        if (!(error instanceof EpochvisorError)) throw error;
        return false;
      }
    }),
  );
  return others.find((_, at) => living[at]);
}

/** Before any device is opened for another. @throws EpochvisorError BUS_RUNNING */
export async function refuseSecondBus(
  options: Pick<BusPartOptions, 'folder' | 'arbiter'>,
  own?: string,
): Promise<void> {
  const other = await findBus(options, own);
  if (other !== undefined) throw isRunning(other);
}

function isRunning({ address, host }: Member): EpochvisorError {
  const where = host === undefined ? address : `${host}, ${address}`;
  return new EpochvisorError('BUS_RUNNING', `the machine has a bus already (${where})`, 'end that one first');
}

export class BusPart {
  /** Resolves with the machine's end; rejects where this bus can't go on: OUTPUT_CLOSED and others of its streams, BUS_RUNNING. */
  readonly ended: Promise<MachineEnd>;
  readonly #ending = new Ending<MachineEnd>();
  readonly #options: BusPartOptions;
  #server: BusServer | undefined;
  #watch: EndWatch | undefined;
  #looking: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: BusPartOptions) {
    this.ended = this.#ending.promise;
    this.#options = options;
  }

  /** @throws EpochvisorError BUS_RUNNING; as the arbiter and the listener do */
  async start(): Promise<void> {
    const { folder, place, arbiter, streams, devices, memory, module, observer } = this.#options;
    const { machine } = folder.description;
    const { hello, credentials, encrypted } = membershipIn(folder);
    const { moduleHash, options } = hello;
    const latest = await arbiter.latest(machine);
    this.#server = await BusServer.start({
      ...{ credentials, encrypted, moduleHash, options, streams, devices, memory, module },
      operationIds: folder.description.operationIds,
      listen: place.listen,
      // What an older primary still sends is refused from the first moment on.
      ...(latest === undefined || latest.number === BIRTH_VIEW ? {} : { view: latest }),
      observer: { ...observer, failed: (_, error) => this.fail(error) },
    });
    const { incarnation, address } = this.#server;
    const announced = { kind: 'bus', address: announcedAddress(address, place), host: hostname() } as const;
    const own = await arbiter.announce(machine, { incarnation, ...announced });
    const other = await findBus(this.#options, incarnation);
    if (other !== undefined && isLater(own, other)) throw isRunning(other);
    void this.#server.finished.then(outcome => this.#finish(outcome));
    this.#watch = new EndWatch({
      machine,
      arbiter,
      ended: end => this.#end(end),
      failed: error => this.fail(error),
    });
    this.#looking = setInterval(() => void this.#look(own), LOOK_EVERY_MS);
  }

  /** Ends it, and takes its record away. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#watch?.stop();
    clearInterval(this.#looking);
    const server = this.#server;
    if (server === undefined) return;
    await server.close();
    await withdrawQuietly(this.#options.arbiter, this.#options.folder.description.machine, server.incarnation);
  }

  /** Replicas call the bus that was announced last: whoever is not that one serves nobody. */
  async #look(own: Member): Promise<void> {
    try {
      const other = await findBus(this.#options, own.incarnation);
      if (other !== undefined && isLater(other, own)) this.fail(isRunning(other));
    } catch (error) {
      // Out of reach, it is asked again.
      if (!(error instanceof EpochvisorError)) throw error;
      if (error.code !== 'ARBITER_UNREACHABLE') this.fail(error);
    }
  }

  async #finish(outcome: MachineEnd): Promise<void> {
    const { arbiter, folder, say } = this.#options;
    this.#end(await writeEnding(arbiter, folder.description.machine, outcome, say));
  }

  #end(end: MachineEnd): void {
    void this.stop().then(() => this.#ending.resolve(end));
  }

  /** Something that it can't do without has failed: its memory, an output. */
  fail(error: EpochvisorError): void {
    void this.stop().then(() => this.#ending.reject(error));
  }
}
