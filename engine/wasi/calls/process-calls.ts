// Calls about the process: arguments, environment, clocks, random numbers, its end.

import { SOURCE_MONOTONIC, SOURCE_RANDOM, SOURCE_REAL_TIME } from '../../protocol/clock.js';
import { encodeEscaped } from '../../wasm/escaped-utf8.js';
import { CLOCK_MAX, CLOCK_REALTIME } from '../abi.js';
import type { Core } from '../core.js';
import { EFAULT, EINVAL, ENOTSUP, fail, SUCCESS } from '../errno.js';
import { type Call, guard, u32 } from './guard.js';

/** Every clock of the machine counts in these. */
const RESOLUTION_NS = 1n;

/** Texts as the program gets them: each ended by a NUL, all in one buffer, with a list of where they begin. */
function texts(core: Core, values: readonly string[]): { sizes: Call; get: Call } {
  const bytes = encodeEscaped(values.map(value => `${value}\0`).join(''));
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at = bytes.indexOf(0, at) + 1) starts.push(at);
  const { memory } = core;
  return {
    sizes: guard((count: number, size: number) => {
      memory.view(u32(size), 4);
      memory.view(u32(count), 4).setUint32(u32(count), starts.length, true);
      memory.view(u32(size), 4).setUint32(u32(size), bytes.length, true);
    }),
    get: guard((list: number, buffer: number) => {
      const target = memory.range(u32(buffer), bytes.length);
      const view = memory.view(u32(list), 4 * starts.length);
      target.set(bytes);
      for (const [index, start] of starts.entries()) view.setUint32(u32(list) + 4 * index, u32(buffer) + start, true);
    }),
  };
}

/** A NUL would end a text early: what comes after it is not seen, as everywhere in C. */
function untilNul(value: string): string {
  const end = value.indexOf('\0');
  return end < 0 ? value : value.slice(0, end);
}

function environment({ configuration }: Core): string[] {
  const { environment, listeners } = configuration;
  const values = environment.map(untilNul);
  if (listeners.length > 0) values.push(`LISTEN_FDS=${listeners.length}`);
  return values;
}

/**
 * Programs measure themselves in tight loops: nothing is allocated here, and no guard is around it. The clocks
 * of CPU time are the monotonic one: what a replica's thread used is no function of the machine's state.
 */
function clockTimeGet(core: Core): Call {
  const { memory, machine } = core;
  return ((id: number, _precision: bigint, pointer: number): number => {
    const at = pointer >>> 0;
    if (id >>> 0 > CLOCK_MAX) return EINVAL;
    if (!memory.reaches(at + 8)) return EFAULT;
    machine.clock(id === CLOCK_REALTIME ? SOURCE_REAL_TIME : SOURCE_MONOTONIC, memory.view(at, 8), at);
    return SUCCESS;
  }) as Call;
}

function randomGet(core: Core): Call {
  const { memory, machine } = core;
  return guard((buffer: number, length: number) => {
    const target = memory.range(u32(buffer), u32(length));
    for (let at = 0; at < target.length; at += 8) {
      let value = BigInt.asUintN(64, machine.environment(SOURCE_RANDOM));
      for (let index = at; index < Math.min(at + 8, target.length); index++) {
        target[index] = Number(value & 0xffn);
        value >>= 8n;
      }
    }
  });
}

/** Signals of the specification by what becomes of a program: nothing, or it stops, which a machine can't. */
const IGNORED: readonly number[] = [0, 16, 17, 22, 27];
const STOPPING: readonly number[] = [18, 19, 20, 21];
const SIGNAL_MAX = 30;
/** From SIGCHLD on its numbers are one below Linux's: there is no SIGSTKFLT. */
const SIGCHLD = 16;

/** As a shell has it of a program that a signal has ended, by Linux's numbers; undefined: nothing happens. */
function statusOfSignal(signal: number): number | undefined {
  if (signal > SIGNAL_MAX) fail(EINVAL);
  if (STOPPING.includes(signal)) fail(ENOTSUP);
  if (IGNORED.includes(signal)) return undefined;
  return 128 + (signal < SIGCHLD ? signal : signal + 1);
}

export function processCalls(core: Core): Record<string, Call> {
  const { memory, machine } = core;
  const variables = texts(core, environment(core));
  const { sizes, get } = texts(core, core.configuration.arguments.map(untilNul));
  return {
    args_sizes_get: sizes,
    args_get: get,
    environ_sizes_get: variables.sizes,
    environ_get: variables.get,
    clock_res_get: guard((id: number, pointer: number) => {
      if (u32(id) > CLOCK_MAX) fail(EINVAL);
      memory.view(u32(pointer), 8).setBigUint64(u32(pointer), RESOLUTION_NS, true);
    }),
    clock_time_get: clockTimeGet(core),
    random_get: randomGet(core),
    /** Everything that was written reaches the devices first. */
    proc_exit: guard((status: number) => {
      if (!core.operations.idle) core.block();
      machine.exit(u32(status));
    }),
    /** Nobody can handle a signal: each does what it does to a program that does not. */
    proc_raise: guard((signal: number) => {
      const status = statusOfSignal(u32(signal));
      if (status === undefined) return;
      if (!core.operations.idle) core.block();
      machine.exit(status);
    }),
    sched_yield: guard(() => undefined),
  };
}
