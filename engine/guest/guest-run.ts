// One guest run to its end on a guest thread (guest-thread.ts): loaded, begun or restored, executed, and served afterwards.

import { randomFillSync } from 'node:crypto';
import { receiveMessageOnPort } from 'node:worker_threads';
import type { OptimisedCode } from '../cache/optimised-code.js';
import type { Rewritten } from '../cache/rewritten-modules.js';
import { ReplicaHalt } from '../driver/execution-driver.js';
import { assert, describeThrown } from '../errors/errors.js';
import type { LoadedFunction } from '../host/loaded-host.js';
import { type GuestInstance, instantiateRewritten } from '../instance/instance.js';
import { Meter } from '../instance/meter.js';
import { describeTrap } from '../instance/trap.js';
import type { InstrumentReport } from '../instrument/options.js';
import { showStack } from '../observe/defects.js';
import type { Outcome } from '../protocol/vocabulary.js';
import { type CloneMaker, ContinuationModules, LocalCloneMaker } from '../suspend/continuation-modules.js';
import { restoreMachine } from '../suspend/machine-image.js';
import { type Activation, SuspendedStack } from '../suspend/suspended-stack.js';
import { GuestEnd } from '../threads/guest-end.js';
import { SharedBlock, WORD_BEGUN, WORD_OVER, WORD_TO_GUEST_BELL } from '../threads/shared.js';
import { RECORD_ENDED, RECORD_FAILED, RECORD_LOADED, RECORD_STARTED } from '../wire/records.js';
import { type BoundaryHook, loadHook } from './boundary-hook.js';
import { CodeKeeping } from './code-keeping.js';
import { Guest, GuestExit } from './guest.js';
import type { GuestDevices } from './guest-devices.js';
import { rewriteGuest } from './guest-program.js';
import type { GuestState } from './guest-state.js';
import { HARDWARE_MODULE, Hardware, type HardwareState, type SeenDevice, seenDevices } from './hardware.js';
import type { HostCalls } from './host-calls.js';
import type { ServedCalls } from './served-calls.js';
import type { GuestThreadData } from './thread-data.js';
import { WASI_MODULE, WASI_THREADS, WASI_THREADS_MODULE } from './wasi-imports.js';

/** Random values are drawn in blocks: one system call for 512 of them. */
function randomSource(): () => bigint {
  const block = new BigUint64Array(512);
  let next = block.length;
  return () => {
    if (next === block.length) {
      randomFillSync(block);
      next = 0;
    }
    const value = block[next] ?? 0n;
    next += 1;
    return value;
  };
}

/** What is loaded before the guest may begin. */
interface Program {
  readonly module: WebAssembly.Module;
  readonly code: OptimisedCode;
  readonly report: InstrumentReport;
  readonly clones: CloneMaker;
  /** Loaded for those who need it: a start costs what it loads. */
  readonly wasi: typeof import('./wasi-port.js') | undefined;
  readonly hook: BoundaryHook | undefined;
  readonly kind: typeof Guest;
  readonly devices: ReadonlyMap<number, SeenDevice>;
  readonly host: ProgramHost | undefined;
}

/** The embedder's functions, and what makes imports of them. */
interface ProgramHost {
  /** The guest's exports are called. */
  readonly serves: boolean;
  readonly functions: readonly LoadedFunction[];
  readonly HostCalls: typeof HostCalls;
}

interface Machine {
  readonly guest: Guest;
  readonly meter: Meter;
  readonly stack: SuspendedStack;
  readonly hardware: Pick<GuestDevices, 'idle' | 'settle' | 'end'>;
  readonly served: ServedCalls | undefined;
  readonly instance: GuestInstance;
  readonly keeping: CodeKeeping;
  /** Where the guest goes on; undefined: at its beginning. */
  readonly activations: readonly Activation[] | undefined;
}

/** What a thread that runs one guest after another need not load again: it is given the same module, and options that shape it. */
export interface LoadedOnce {
  rewritten?: Rewritten;
  module?: WebAssembly.Module;
  /** Of the memories of the guests that were run: garbage, most of it. */
  memoryBytes?: number;
}

/** Returns where this replica is over, and its thread is to be used again; else it serves for as long as its process lives. */
export async function runGuest(data: GuestThreadData, once: LoadedOnce = {}): Promise<void> {
  const shared = new SharedBlock(data.memory);
  let clones: CloneMaker | undefined;
  try {
    const program = await load(data, shared, once);
    clones = program.clones;
    run(data, shared, program, once);
  } catch (error) {
    // Whatever is wrong here is the host's: this replica ends, and says why; the other goes on.
    if (!(error instanceof ReplicaHalt)) {
      showStack(error);
      new GuestEnd(shared).tell(RECORD_FAILED, describeThrown(error));
    }
  }
  clones?.end();
}

function run(data: GuestThreadData, shared: SharedBlock, program: Program, once: LoadedOnce): void {
  const link = new GuestEnd(shared);
  link.tell(RECORD_LOADED, '');
  Atomics.wait(shared.words, WORD_BEGUN, 0);
  if (shared.words[WORD_OVER] === 1) return;
  const machine = makeMachine(data, shared, program);
  try {
    runMachine(data, link, machine);
  } finally {
    once.memoryBytes = (once.memoryBytes ?? 0) + machine.instance.memory().length;
  }
}

function runMachine(data: GuestThreadData, link: GuestEnd, machine: Machine): void {
  link.tell(RECORD_STARTED, '');
  const { guest, hardware, activations } = machine;
  if (activations === undefined) hardware.settle();
  const outcome = guest.stage.at === 'end' ? guest.stage.outcome : outcomeOf(machine, data.options.counting);
  if (guest.stage.at !== 'end') hardware.end?.();
  // proc_exit waits for what was written; a program that returns or traps has written as much.
  guest.stage = { at: 'end', outcome };
  while (!hardware.idle) guest.waitAtEnd();
  if (guest.isPrimary) machine.keeping.atEnd();
  guest.end(outcome);
  guest.link.tell(RECORD_ENDED, '');
  guest.serveAfterEnd();
}

async function load(data: GuestThreadData, shared: SharedBlock, once: LoadedOnce): Promise<Program> {
  once.rewritten ??= await rewriteGuest(data.module, data.options, data.moduleCache);
  const { code, report, continuations, cloneThread } = once.rewritten;
  once.module ??= code.compile();
  const bell = { words: shared.words, word: WORD_TO_GUEST_BELL };
  const clones =
    data.clonesBeside === undefined
      ? new LocalCloneMaker(await continuations())
      : cloneThread(bell, data.clonesBeside === 'always');
  // A guest that waits for its state will need clones soon; nobody waits for it yet.
  if (data.restores) clones.prepare();
  const wasi = data.options.wasi === undefined ? undefined : await import('./wasi-port.js');
  const hook = data.hook && (await loadHook(data.hook, data.hook.replica));
  const kind = hook === undefined ? Guest : (await import('./hooked-guest.js')).HookedGuest;
  const devices = await seenDevices(data.options);
  const host = await loadProgramHost(data.options);
  return { module: once.module, code, report, clones, wasi, hook, kind, devices, host };
}

async function loadProgramHost({ host, calls }: GuestThreadData['options']): Promise<ProgramHost | undefined> {
  if (host === undefined && calls === undefined) return undefined;
  const [{ loadSameHost }, { HostCalls }] = await Promise.all([
    import('../host/loaded-host.js'),
    import('./host-calls.js'),
  ]);
  const functions = host === undefined ? [] : (await loadSameHost(host)).functions;
  return { serves: calls === true, functions, HostCalls };
}

/** The state to go on from, with its copy of the guest's memory, is garbage when this returns. */
function makeMachine(data: GuestThreadData, shared: SharedBlock, program: Program): Machine {
  const { module, code, report, clones, wasi, hook, kind, devices, host } = program;
  const from = data.restores ? received(data) : undefined;
  const meter = new Meter();
  const stack = new SuspendedStack(meter);
  const guest = new kind(data, shared, meter, randomSource(), from, hook);
  // Between calls there is no frame that a handler could be called under.
  guest.handlesInterrupts = report.interruptHandler && data.options.calls === undefined;
  const memory = (): Uint8Array => instance.memory();
  const kernel = wasi?.startKernel(guest, data.options, memory, from?.devices);
  const state = from?.devices as HardwareState | undefined;
  const hardware = kernel ?? new Hardware(guest, data.options, devices, memory, state);
  const calls = host && new host.HostCalls(guest, guest.devices, host.functions, memory, host.serves, from?.devices);
  const own =
    kernel === undefined
      ? { [HARDWARE_MODULE]: hardware.imports() }
      : { [WASI_MODULE]: hardware.imports(), [WASI_THREADS_MODULE]: WASI_THREADS };
  const imports = { ...calls?.imports(), ...own };
  const hooks = {
    boundary: (count: number) => guest.boundary(count),
    interrupt: (): [number, number, bigint, number] => {
      const next = guest.nextInterrupt();
      return next === undefined ? [0, 0, 0n, 0] : [1, next.kind, next.id, next.status];
    },
  };
  const suspension = { stack, modules: new ContinuationModules(clones) };
  const keeping = new CodeKeeping(code, module, stack);
  if (data.role === 'backup') keeping.watch(hooks);
  const instance = instantiateRewritten(module, report, imports, meter, hooks, suspension);
  guest.attach(stack);
  return {
    guest,
    meter,
    stack,
    hardware: guest.devices,
    served: calls?.served,
    instance,
    keeping,
    activations: from && restoreMachine(stack, from.image),
  };
}

/** The I/O thread has sent it before it let the guest begin. */
function received(data: GuestThreadData): GuestState {
  const received = receiveMessageOnPort(data.port) as { message: GuestState } | undefined;
  assert(received !== undefined, 'the state to go on from is there');
  return received.message;
}

function outcomeOf(machine: Machine, counting: 'block' | 'exact'): Outcome {
  const { guest, meter, stack, instance, served, activations } = machine;
  try {
    const goOn = () => {
      if (counting === 'block') stack.optimise('now');
      return stack.resume(activations!);
    };
    // Between two calls of its embedder's a guest has no frames.
    const isBetween = activations?.length === 0;
    if (isBetween) meter.resume();
    const isInMain = guest.stage.at !== 'start';
    if (activations === undefined) instance.start();
    else if (!isBetween && (served === undefined || !isInMain)) goOn();
    // A guest that was resumed in its start function has all of the rest before it.
    guest.stage = { at: 'main' };
    if (served !== undefined) served.serve(instance.exports, isInMain && !isBetween ? goOn : undefined);
    else if (!isInMain) instance.exports._start();
    return { kind: 'exit', status: 0 };
  } catch (error) {
    if (error instanceof GuestExit) return { kind: 'exit', status: error.status };
    const trap = describeTrap(error, counting);
    if (trap === undefined) throw error;
    return { kind: 'trap', message: trap.message, count: meter.instructionCount(), exact: trap.exact };
  }
}
