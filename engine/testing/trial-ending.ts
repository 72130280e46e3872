// How a trial comes to its end: by the guest's, by that of the client that drives it, or by a limit; nothing of it goes on after.

import { hostMs } from '../../devices/console/captured-console.js';
import { asError, EpochvisorError } from '../errors/errors.js';
import type { LaunchedMachine } from '../launch/launched-machine.js';
import { answeredBy, showStack } from '../observe/defects.js';
import type { Outcome } from '../protocol/vocabulary.js';
import type { ClientCommand, ClientEnd } from './client-command.js';

/** How a trial ended. */
export type Ending =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  /** Its client was done, and the guest went on: it was stopped, at that time of the host's monotonic clock. */
  | { readonly kind: 'stopped'; readonly atMs: number }
  /** The machine could not go on. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  /** It was stopped: it, or its client, ran far longer than undisturbed. */
  | { readonly kind: 'hung'; readonly limitMs: number };

export interface TrialEnd {
  readonly ending: Ending;
  /** Of its client, which was ended where it did not end by itself. */
  readonly client?: ClientEnd;
}

export interface EndingOptions {
  /** After which everything is stopped, ms. */
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Started with the machine. */
  readonly client?: ClientCommand | undefined;
  /** Whether the guest ends when its client has told it to; undefined: that is to be found out. */
  readonly guestEnds?: boolean | undefined;
  /** Resolves when nobody is struck for whom somebody has still to take over. */
  readonly takenOver: () => Promise<void>;
}

/** Of a replica that halts by itself, though nothing is wrong with the machine. */
const DEFECT_CODES: readonly string[] = ['DEFECT', 'GUEST_THREAD'];
/** A guest that is told to end by its client does so in this time, ms; one that does not serves for ever. */
const GUEST_END_MS = 5_000;
/** A client may be the first to notice that the machine can't go on, which then says so itself within this time, ms. */
const MACHINE_FAILS_MS = 1_000;

type Interruption = 'hung' | 'aborted' | 'defect';

/**
 * Starts the machine and its client, and waits for their end, the time limit, the signal or a defect of one of its parts, whichever
 * comes first. Leaves no process behind.
 * @throws the signal's reason where it was aborted
 */
export async function endOf(machine: LaunchedMachine, options: EndingOptions): Promise<TrialEnd> {
  const { limitMs, signal, client } = options;
  let interrupt: (reason: Interruption) => void = () => undefined;
  const interrupted = new Promise<Interruption>(resolve => {
    interrupt = resolve;
  });
  let defect: Ending | undefined;
  const defective = (code: string, message: string) => {
    defect ??= { kind: 'failed', code, message };
    interrupt('defect');
  };
  machine.on('halted', (_, code, message) => {
    if (DEFECT_CODES.includes(code)) defective(code, message);
  });
  const taken = (thrown: unknown) => {
    showStack(thrown);
    const { code, message } = asError(thrown);
    defective(code, message);
  };
  const timer = setTimeout(() => interrupt('hung'), limitMs);
  const aborted = () => interrupt('aborted');
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    const ended = await endingOf(machine, options, interrupted, taken);
    const ending = defect ?? ended;
    signal?.throwIfAborted();
    if (client === undefined) return { ending };
    // The last answer may still be on its way.
    if (ending.kind === 'outcome') await Promise.race([client.ended, interrupted]);
    signal?.throwIfAborted();
    client.kill(`had not ended after ${Math.round(limitMs / 1000)} s`);
    return { ending, client: await client.ended };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
    client?.kill('is not wanted any more');
  }
}

async function endingOf(
  machine: LaunchedMachine,
  options: EndingOptions,
  interrupted: Promise<Interruption>,
  taken: (thrown: unknown) => void,
): Promise<Ending> {
  const { client, limitMs } = options;
  const served = client === undefined ? [] : [whenServed(client, options)];
  const ended = await Promise.race([answeredBy(taken, () => outcomeOf(machine, client)), interrupted, ...served]);
  if (typeof ended !== 'string') return ended;
  const atMs = hostMs();
  await machine.stop();
  return ended === 'served' ? { kind: 'stopped', atMs } : { kind: 'hung', limitMs };
}

async function outcomeOf(machine: LaunchedMachine, client: ClientCommand | undefined): Promise<Ending> {
  try {
    await machine.start();
    client?.start();
    return { kind: 'outcome', outcome: await machine.outcome };
  } catch (error) {
    await machine.stop();
    if (!(error instanceof EpochvisorError)) throw error;
    return { kind: 'failed', code: error.code, message: error.message };
  }
}

/** Nobody wants anything of the guest any more. Never, where it is to end by itself. */
async function whenServed(client: ClientCommand, { guestEnds, takenOver }: EndingOptions): Promise<'served'> {
  const { failure } = await client.ended;
  if (failure !== undefined) await pause(MACHINE_FAILS_MS);
  else if (guestEnds === true) await new Promise<never>(() => undefined);
  else if (guestEnds === undefined) await pause(GUEST_END_MS);
  await takenOver();
  return 'served';
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms).unref();
  });
}
