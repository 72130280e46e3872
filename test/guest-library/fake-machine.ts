// A plain machine in a world made up for a test: scripted stdin, virtual time, a disk in memory, uncertain interrupts.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DISK_FLUSH, DISK_READ, diskMovement, FIRST_DISK } from '../../devices/disk/disk-commands.js';
import { TELLER } from '../../devices/teller/teller-commands.js';
import type { PlainOutcome } from '../../engine/plain/ending.js';
import { PlainMachine } from '../../engine/plain/plain-machine.js';
import type { PlainDevices, PlainEvent, PlainOperation } from '../../engine/plain/plain-port.js';

/** What becomes of one start of an operation. `performed` and `lost` both end in an uncertain interrupt. */
export type Fate = 'done' | 'performed' | 'lost' | { status: number };

export interface FakeWorld {
  arguments?: readonly string[];
  /** What arrives on stdin, and when (virtual nanoseconds, ascending). The end follows the last piece. */
  input?: readonly { atNs?: number; bytes: Uint8Array | string }[];
  /** Bytes of disk 0; no disk where absent. */
  diskBytes?: number;
  /** What disk 0 holds at the start, in place of `diskBytes` zeros. */
  diskContent?: Uint8Array;
  /** Nanoseconds from an operation's start to its completion. */
  latencyNs?: number;
  /** Of the operations that are due, the one started last completes first. */
  newestFirst?: boolean;
  /** Whether the bus performs an operation's number once (the default). */
  operationIds?: boolean;
  /** Decides what becomes of a start; `attempt` is 1 for the first. */
  fate?: (operation: PlainOperation, attempt: number) => Fate;
}

/** Virtual nanoseconds that pass with every call of a device. */
const STEP_NS = 100n;
const REFUSED = -1;
/** Starts of operations in one run, at most: a driver that repeats for ever fails instead of hanging. */
const STARTS_MAX = 10_000;

/** The guest sleeps and nothing can ever wake it: on a real machine it would hang. */
export class NothingWakesTheGuest extends Error {
  override readonly name = 'NothingWakesTheGuest';
}

type Outcome = { status: number; data?: Uint8Array };

export class FakeDevices implements PlainDevices {
  readonly arguments: readonly string[];
  readonly disk: Uint8Array;
  readonly written: { stream: 1 | 2; bytes: Uint8Array }[] = [];
  /** Every start the guest asked for. */
  readonly starts: PlainOperation[] = [];
  /** Every operation that the devices performed, in order: a repeat performed again is here twice. */
  readonly performed: PlainOperation[] = [];
  nowNs = 0n;
  readonly #world: FakeWorld;
  readonly #input: { atNs: bigint; event: PlainEvent }[];
  #due: { atNs: bigint; event: PlainEvent }[] = [];
  readonly #results = new Map<bigint, Outcome>();
  #seed = 1n;

  constructor(world: FakeWorld) {
    this.#world = world;
    this.arguments = world.arguments ?? ['guest.wasm'];
    this.disk = world.diskContent?.slice() ?? new Uint8Array(world.diskBytes ?? 0);
    this.#input = (world.input ?? []).map(({ atNs, bytes }) => ({
      atNs: BigInt(atNs ?? 0),
      event: { kind: 'input', bytes: typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes },
    }));
    this.#input.push({ atNs: this.#input.at(-1)?.atNs ?? 0n, event: { kind: 'end' } });
  }

  /** Everything written to a stream, as text. */
  text(stream: 1 | 2): string {
    return Buffer.concat(this.written.filter(write => write.stream === stream).map(write => write.bytes)).toString();
  }

  clock(): bigint {
    this.nowNs += STEP_NS;
    return this.nowNs;
  }

  random(): bigint {
    this.#seed = BigInt.asIntN(64, this.#seed * 6364136223846793005n + 1442695040888963407n);
    return this.#seed;
  }

  write(stream: 1 | 2, bytes: Uint8Array): void {
    this.written.push({ stream, bytes: bytes.slice() });
  }

  deviceSize(device: number): bigint {
    return device === FIRST_DISK && this.disk.length > 0 ? BigInt(this.disk.length) : -1n;
  }

  start(operation: PlainOperation): number {
    if (operation.device !== TELLER && this.deviceSize(operation.device) < 0n) return REFUSED;
    this.starts.push(operation);
    if (this.starts.length > STARTS_MAX) throw new Error(`the guest has started ${STARTS_MAX} operations`);
    const { number } = operation;
    const fate = this.#world.fate?.(operation, this.starts.filter(start => start.number === number).length) ?? 'done';
    const atNs = this.nowNs + BigInt(this.#world.latencyNs ?? 1000);
    if (fate === 'lost') {
      this.#due.push({ atNs, event: { kind: 'uncertain', number } });
    } else if (fate === 'performed') {
      this.#perform(operation);
      this.#due.push({ atNs, event: { kind: 'uncertain', number } });
    } else {
      const outcome = fate === 'done' ? this.#perform(operation) : fate;
      this.#due.push({ atNs, event: { kind: 'completion', number, ...outcome } });
    }
    return 0;
  }

  /** Performs an operation, unless the bus knows its number: then the first result stands. */
  #perform(operation: PlainOperation): Outcome {
    const known = this.#results.get(operation.number);
    if (known !== undefined && this.#world.operationIds !== false) return known;
    this.performed.push(operation);
    const outcome = operation.device === TELLER ? { status: 0 } : this.#onDisk(operation);
    this.#results.set(operation.number, outcome);
    return outcome;
  }

  #onDisk({ command, argument, data }: PlainOperation): Outcome {
    const offset = Number(argument);
    if (command === DISK_FLUSH) return { status: 0 };
    if (diskMovement(this.disk.length, command, argument, data.length) === undefined) return { status: REFUSED };
    if (command === DISK_READ) return { status: data.length, data: this.disk.slice(offset, offset + data.length) };
    this.disk.set(data, offset);
    return { status: data.length };
  }

  listen(): void {}

  poll(takeInput: boolean): PlainEvent | null {
    this.nowNs += STEP_NS;
    const due = this.#due.filter(({ atNs }) => atNs <= this.nowNs);
    const next = this.#world.newestFirst === true ? due.at(-1) : due[0];
    if (next !== undefined) {
      this.#due = this.#due.filter(entry => entry !== next);
      return next.event;
    }
    const [first] = this.#input;
    if (!takeInput || first === undefined || first.atNs > this.nowNs) return null;
    this.#input.shift();
    return first.event;
  }

  sleep(deadlineNs: bigint): void {
    const wakings = [...this.#due, ...this.#input].map(({ atNs }) => atNs);
    if (deadlineNs > 0n) wakings.push(deadlineNs);
    if (wakings.length === 0) throw new NothingWakesTheGuest('the guest waits, and nothing is under way');
    const [first] = wakings.sort((a, b) => Number(a - b));
    if (first! > this.nowNs) this.nowNs = first!;
  }
}

export interface FakeRun {
  outcome: PlainOutcome;
  stdout: string;
  stderr: string;
  devices: FakeDevices;
}

/** The bytes of guest/build/NAME.wasm. */
export function guestBytes(name: string): Uint8Array {
  const path = fileURLToPath(new URL(`../../guest/build/${name}.wasm`, import.meta.url));
  if (!existsSync(path)) throw new Error(`there is no guest/build/${name}.wasm: run npm run build first`);
  return readFileSync(path);
}

/** Runs guest/programs/NAME.ts, as it was built, in a made-up world. */
export function runGuest(name: string, programArguments: readonly (string | number)[], world: FakeWorld = {}): FakeRun {
  const devices = new FakeDevices({ ...world, arguments: [`${name}.wasm`, ...programArguments.map(String)] });
  const outcome = new PlainMachine(devices).run(new WebAssembly.Module(guestBytes(name) as Uint8Array));
  return { outcome, stdout: devices.text(1), stderr: devices.text(2), devices };
}
