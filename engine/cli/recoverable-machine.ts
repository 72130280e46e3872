// What a machine that is written down (--log) has beside its replicas' logs, in their folder: how it was started, and the memory of
// its bus, for `epochvisor recover`.

import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { KeptMemory } from '../bus/kept-memory.js';
import type { ServerMemory } from '../bus/server.js';
import type { EpochvisorError } from '../errors/errors.js';
import type { LaunchedMachine, LaunchOptions } from '../launch/launched-machine.js';
import { arbiterIn, busMemoryIn, forgetOrigin, type LoggedOrigin, writeOrigin } from '../launch/log-home.js';
import { complain, DEFECT_STATUS } from '../observe/defects.js';
import type { BusMemory } from '../protocol/bus/bus-memory.js';
import type { SnapshotOrigin } from '../replica/replica-configuration.js';
import { type LogFlags, type OutputFlags, outputFiles } from './log-flags.js';

export class RecoverableMachine {
  readonly launch: Required<Pick<LaunchOptions, 'machine' | 'memory' | 'arbiter'>>;
  /** For what devices remember. */
  readonly devicesFolder: string;
  readonly #folder: string;
  #machine: LaunchedMachine | undefined;

  /**
   * A machine that begins in an empty folder.
   * @param begins what its bus remembers from the start
   * @throws EpochvisorError LOG_FOLDER; as `KeptMemory.open`
   */
  static async begin(
    folder: string,
    origin: Omit<LoggedOrigin, 'machine' | 'arbiter'> & { readonly arbiter?: string | undefined },
    begins?: BusMemory,
  ): Promise<RecoverableMachine> {
    const whole = { ...origin, machine: randomUUID(), arbiter: origin.arbiter ?? arbiterIn(folder) };
    await writeOrigin(folder, whole);
    return await RecoverableMachine.open(folder, whole, begins);
  }

  /** One that begins, or goes on. @throws EpochvisorError as `KeptMemory.open` */
  static async open(folder: string, origin: LoggedOrigin, initial?: BusMemory): Promise<RecoverableMachine> {
    const { machine, arbiter, durability } = origin;
    // Where outputs wait for no disk, what was put out is noted without one, and no longer than there is room.
    const isAwaited = durability !== 'memory';
    let opened: RecoverableMachine | undefined;
    let isNoted = true;
    let begins: (() => void) | undefined;
    const unnoted = ({ message }: EpochvisorError) => {
      if (isNoted) complain(`what is put out is not noted any more, and may come twice after recover: ${message}`);
      isNoted = false;
      begins?.();
    };
    const broken = (error: EpochvisorError) => {
      if (opened !== undefined) opened.#fail(error);
      else refuse(error);
    };
    const memory = await KeptMemory.open(busMemoryIn(folder), machine, {
      syncs: isAwaited,
      observer: isAwaited ? { waits: error => complain(error.line), broken } : { waits: unnoted, broken: unnoted },
      ...(initial === undefined ? {} : { begins: initial }),
    });
    const unawaited: ServerMemory = {
      generation: memory.generation,
      get memory() {
        return memory.memory;
      },
      append: records => {
        if (isNoted) memory.append(records);
      },
      whenKept: then => {
        if (begins !== undefined || !isNoted) {
          then();
          return;
        }
        // Where in its files its output begins: else, were all of this lost with the host's power, what is there would be taken for
        // somebody else's, and come again.
        let isBegun = false;
        begins = () => {
          if (!isBegun) then();
          isBegun = true;
        };
        memory.whenSynced(begins);
      },
      close: () => memory.close(),
    };
    const served = isAwaited ? memory : unawaited;
    opened = new RecoverableMachine(folder, memory.devicesFolder, { machine, memory: served, arbiter });
    return opened;
  }

  private constructor(folder: string, devicesFolder: string, launch: RecoverableMachine['launch']) {
    this.#folder = folder;
    this.launch = launch;
    this.devicesFolder = devicesFolder;
  }

  #fail(error: EpochvisorError): void {
    if (this.#machine === undefined) refuse(error);
    this.#machine.fail(error);
  }

  /** It is told of what can't be kept any more. */
  isOf(machine: LaunchedMachine): void {
    this.#machine = machine;
  }

  /** It can't begin after all: the folder is as empty as it was. */
  async abandon(): Promise<void> {
    await this.launch.memory.close();
    forgetOrigin(this.#folder);
    rmSync(busMemoryIn(this.#folder), { recursive: true, force: true });
  }
}

/**
 * Of `run` and `resume`, where they are given --log.
 * @param begins what the bus remembers from the start
 * @throws EpochvisorError as `RecoverableMachine.begin`
 */
export async function beginLogged(
  flags: LogFlags & OutputFlags,
  { replicas, arbiter }: Pick<LaunchOptions, 'replicas' | 'arbiter'>,
  origin: SnapshotOrigin,
  { log }: Pick<LaunchOptions, 'log'>,
  begins?: BusMemory,
): Promise<RecoverableMachine | undefined> {
  if (flags.log === undefined || log === undefined) return undefined;
  const { folder, durability = 'memory', ...place } = log;
  const whole = { ...origin, ...outputFiles(flags), ...place, arbiter, replicas, durability };
  return await RecoverableMachine.begin(folder, whole, begins);
}

function refuse(error: EpochvisorError): never {
  complain(error.line);
  process.exit(DEFECT_STATUS);
}
