// The baseline of a sweep: the module as it is in one Node process, over the same work.

import type { SocketAddress } from '../../../devices/connection/socket-address.js';
import { DIRECTORY_KIND } from '../../../devices/directory/directory-kind.js';
import { DISK_KIND } from '../../../devices/disk/disk-kind.js';
import { OutputCurve } from '../../observe/output-curve.js';
import type { PlainEnd } from '../../plain/plain-times.js';
import { timedPlainRun } from '../../plain/timed.js';
import type { SweptGuest } from './cell.js';
import { Load } from './driving-load.js';
import type { Progress } from './work.js';

export interface PlainCell extends Progress {
  readonly outcome: PlainEnd | undefined;
}

/** Whether the plain machine runs such a guest. */
export function runsPlain({ options: { sockets } }: SweptGuest): boolean {
  // It has no connectors.
  return (sockets?.connectors.length ?? 0) === 0;
}

/**
 * Runs the guest until its end, until it has run for `timeMs`, or, while it has put out nothing, for `silentMs`.
 * @throws EpochvisorError LOAD_FAILED, LISTEN_FAILED
 */
export async function runPlain(
  guest: SweptGuest,
  timeMs: number,
  silentMs: number,
  signal: AbortSignal,
): Promise<PlainCell> {
  const sources = guest.files.fresh();
  const of = (name: string) => sources.filter(({ kind }) => kind === name);
  const { wasi } = guest.options;
  const { input, load, listen } = guest;
  const ended = new AbortController();
  const stopped = new Promise<void>(resolve => {
    for (const each of [signal, ended.signal]) each.addEventListener('abort', () => resolve(), { once: true });
  });
  let driven: Promise<number[]> | undefined;
  const listens = (addresses: readonly SocketAddress[]) => {
    if (load === undefined) return;
    driven = new Load(load, addresses).drive(timeMs, stopped);
    // Its failure is thrown below, once the run is over.
    driven.then(() => ended.abort()).catch(() => ended.abort());
  };
  const run = await timedPlainRun(
    {
      module: guest.plainModule ?? guest.module,
      arguments: guest.options.arguments,
      disks: of(DISK_KIND.name).map(({ path }) => path),
      ...(wasi === undefined ? {} : { wasi, folders: of(DIRECTORY_KIND.name) }),
      listen,
      ...(input === undefined ? {} : { input }),
    },
    ({ ms, printed }) => (load === undefined ? ms > (printed ? timeMs : silentMs) : ended.signal.aborted),
    signal,
    listens,
  );
  ended.abort();
  const output = new OutputCurve();
  for (const [ms, bytes] of run.marks) output.note(ms, bytes);
  const ms = run.endMs ?? run.marks.at(-1)?.[0] ?? timeMs;
  const { outcome, endMs } = run;
  return { output, ms, endMs, rate: undefined, commandMs: (await driven) ?? [], outcome };
}
