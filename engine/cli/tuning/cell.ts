// One cell of a sweep: a machine with given settings runs the guest for so long, and what it reached is measured.

import { CountingConsole } from '../../../devices/console/counting-console.js';
import { openDevices } from '../../../devices/opening.js';
import type { MachineOptions } from '../../guest/machine-options.js';
import { LaunchedMachine } from '../../launch/launched-machine.js';
import { OutputCurve } from '../../observe/output-curve.js';
import type { Status } from '../../observe/status.js';
import type { Outcome } from '../../protocol/vocabulary.js';
import type { DeviceFiles } from './device-files.js';

/** The guest of a sweep and what all its cells have in common. */
export interface SweptGuest {
  readonly module: Uint8Array;
  readonly moduleCache: boolean;
  readonly options: Omit<MachineOptions, 'bornMs' | 'epochLength' | 'variant' | 'devices'>;
  readonly files: DeviceFiles;
}

export interface CellSettings extends Pick<MachineOptions, 'epochLength' | 'variant'> {
  readonly replicas: 1 | 2;
}

/** What a machine did in a cell; times from the primary's first instruction. */
export interface CellRun {
  readonly output: OutputCurve;
  /** Length of the measurement, ms, and what had been done at its end. */
  readonly ms: number;
  readonly instructions: number;
  readonly epochs: number;
  readonly logBytes: number;
  /** The guest came to its end within the time. */
  readonly outcome: Outcome | undefined;
}

/**
 * Runs the guest for `timeMs` from its first instruction, until its end, or until `interrupted`.
 *
 * @throws EpochvisorError where the machine can't start or can't go on
 */
export async function runCell(
  guest: SweptGuest,
  settings: CellSettings,
  timeMs: number,
  interrupted: Promise<undefined>,
): Promise<CellRun> {
  const output = new OutputCurve();
  let startMs = 0;
  const console = new CountingConsole(bytes => output.note(performance.now() - startMs, bytes));
  const { replicas, ...shaping } = settings;
  const { devices, options } = await openDevices(guest.files.fresh());
  const machine = new LaunchedMachine({
    module: guest.module,
    moduleCache: guest.moduleCache,
    options: { ...guest.options, ...shaping, devices: options },
    replicas,
    streams: [console],
    devices,
  });
  let last: { readonly status: Status; readonly ms: number } | undefined;
  const noteStatus = () => {
    if (startMs > 0) last = { status: machine.status, ms: performance.now() - startMs };
  };
  machine.on('status', noteStatus);
  const begun = new Promise<void>(resolve => {
    machine.on('running', replica => {
      if (replica.incarnation !== machine.primary?.incarnation) return;
      startMs = performance.now();
      resolve();
    });
  });
  try {
    await machine.start();
    await Promise.race([begun, machine.outcome, interrupted]);
    const outcome = await Promise.race([machine.outcome, pause(timeMs), interrupted]);
    // A guest that came to its end was there when it had printed all, before its processes had ended.
    if (outcome !== undefined) last = { status: machine.status, ms: output.msAt(output.bytes) ?? last?.ms ?? timeMs };
    const { status, ms } = last ?? { status: machine.status, ms: timeMs };
    const { instructions, epoch: epochs, logBytes } = status;
    return { output, ms, instructions, epochs, logBytes, outcome };
  } finally {
    await machine.stop();
  }
}

function pause(ms: number): Promise<undefined> {
  return new Promise(resolve => {
    setTimeout(() => resolve(undefined), ms).unref();
  });
}
