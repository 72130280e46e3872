// A machine in the foreground, as `run` and `resume` have it: told of on stderr, its status kept in a file, asked over
// its control socket, ended by Ctrl-C; its guest's exit status is this process's.

import { readFileSync } from 'node:fs';
import type { SocketAddress } from '../../devices/connection/socket-address.js';
import { EpochvisorError } from '../errors/errors.js';
import type { LaunchedMachine } from '../launch/launched-machine.js';
import { MachineAccount } from '../launch/machine-account.js';
import { complain, DEFECT_STATUS } from '../observe/defects.js';
import { describeVerification } from '../observe/described-verification.js';
import type { EventJournal, JournalEvent } from '../observe/event-journal.js';
import { StatusFile } from '../observe/status.js';
import { describeOutcome } from '../protocol/describe.js';
import type { Outcome } from '../protocol/vocabulary.js';
import type { SnapshotOrigin } from '../replica/replica-configuration.js';
import { version } from './about.js';
import { type Controlled, ControlServer } from './control.js';

/** Exit statuses: a guest that trapped (as after abort), and the launcher ended by Ctrl-C, SIGTERM or its terminal. */
export const TRAP_STATUS = 134;
const SIGNAL_STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** It did not begin: a folder that can't be had. */
const REFUSED_STATUS = 2;
/** The machine could not go on: no replica is left. */
const MACHINE_LOST_STATUS = DEFECT_STATUS;

export interface SuperviseFlags {
  readonly statusFile?: string;
  readonly quiet?: true;
  readonly verbose?: true;
  /** File of the journal. */
  readonly journal?: string;
  /** Where metrics are served. */
  readonly metrics?: SocketAddress & { readonly kind: 'tcp' };
  /** Where its page is served. */
  readonly dashboard?: SocketAddress & { readonly kind: 'tcp' };
  /** Asked for: what has come of it is told at the end. */
  readonly verify?: number;
  readonly replicas?: number;
  readonly repair?: boolean;
}

const PAGE = new URL('../../bundle/page.html', import.meta.url);

type Say = (line: string) => void;

type Journal = (event: JournalEvent) => void;

/** The status file and the control socket of a machine, and its journal. */
class Watching {
  journal: Journal = () => undefined;
  /** Pages are told how the machine has ended. */
  ended: (how: string) => Promise<void> = () => Promise.resolve();
  #isOver = false;
  readonly #all: { close(): void }[] = [];

  get isOver(): boolean {
    return this.#isOver;
  }

  add(one: { close(): void }): void {
    this.#all.push(one);
    if (this.#isOver) one.close();
  }

  close(): void {
    this.#isOver = true;
    for (const one of this.#all) one.close();
  }
}

/** Runs a machine to its end, and ends this process. @throws EpochvisorError STATUS_FILE, CONTROL_SOCKET, TEMPORARY_FOLDER, METRICS_ADDRESS, JOURNAL_FILE before the start */
export async function supervise(
  machine: LaunchedMachine,
  origin: SnapshotOrigin,
  flags: SuperviseFlags,
): Promise<never> {
  const say: Say = flags.quiet ? () => undefined : line => void process.stderr.write(`epochvisor: ${line}\n`);
  narrate(machine, say);
  const account = new MachineAccount(machine, origin.guest);
  // What is to be gone with the machine, and who is to hear of its end: as soon as there is any of it.
  const watching = new Watching();
  endOnSignals(machine, watching);
  try {
    await serveMetrics(account, flags.metrics, say);
    await serveDashboard(machine, account, flags, say, watching);
    await watch(machine, account, origin, flags, say, watching);
    watching.journal = await keepJournal(machine, account, flags, say);
  } catch (error) {
    watching.close();
    throw error;
  }
  // A signal that came meanwhile ends this process.
  if (watching.isOver) return await new Promise<never>(() => undefined);
  let outcome: Outcome;
  let failureStatus = REFUSED_STATUS;
  try {
    await machine.start();
    failureStatus = MACHINE_LOST_STATUS;
    outcome = await machine.outcome;
  } catch (error) {
    await machine.stop();
    watching.close();
    await watching.ended(error instanceof EpochvisorError ? error.line : 'by a defect');
    if (!(error instanceof EpochvisorError)) throw error;
    watching.journal({ event: 'failed', code: error.code, message: error.message });
    complain(error.line);
    process.exit(failureStatus);
  }
  watching.close();
  await watching.ended(outcome.kind === 'exit' ? `exit status ${outcome.status}` : describeOutcome(outcome));
  watching.journal({ event: 'ended', rule: 'XT', ...outcome });
  if (outcome.kind === 'trap') say(describeOutcome(outcome));
  if (flags.verify !== undefined) say(describeVerification(machine.status.verification));
  process.exit(outcome.kind === 'exit' ? outcome.status & 0xff : TRAP_STATUS);
}

/** What a user wants to hear while it runs: what was lost, who goes on, who joins. */
function narrate(machine: LaunchedMachine, say: Say): void {
  machine.on('lost', (replica, reason) => say(`replica ${replica.pid} is gone: ${reason}`));
  // What keeps one replacement from joining may keep them all: it is said once, and what is tried again and again is not.
  machine.on('joining', (replica, failures) => failures === 0 && say(`replica ${replica.pid} joins`));
  machine.on('unjoined', (replica, reason, isNews) => {
    if (isNews) say(`replica ${replica.pid} is gone before it has joined: ${reason}; others are tried, each later`);
  });
  machine.on('unlogged', (replica, error, isAwaited) => {
    const waits = isAwaited ? ', and outputs wait' : '';
    say(`replica ${replica.pid} logs nothing any more${waits}: ${error.line}`);
  });
  machine.on('logWaits', ({ pid }, why) => {
    say(why === '' ? `replica ${pid} logs on` : `outputs wait for the log of replica ${pid}: ${why}`);
  });
  machine.on('view', view => {
    const protection = view.backups.length > 0 ? 'Protected' : 'Not protected (need secondary)';
    say(`view ${view.number}: replica ${machine.primary?.pid ?? '?'} is primary. ${protection}`);
  });
  machine.on('live', (replica, epoch, uncertain) => {
    const operations = uncertain === 1 ? '1 operation' : `${uncertain} operations`;
    say(`replica ${replica.pid} went live after failover epoch ${epoch}, ${operations} uncertain`);
  });
}

/** Loaded for those who ask for it: a start costs what it loads. @throws EpochvisorError METRICS_ADDRESS */
async function serveMetrics(account: MachineAccount, place: SuperviseFlags['metrics'], say: Say): Promise<void> {
  if (place === undefined) return;
  const { MetricsServer } = await import('../observe/metrics-server.js');
  account.metrics = (await MetricsServer.start(account, place, version())).address;
  say(`metrics at ${account.metrics}`);
}

/** Likewise. @throws EpochvisorError METRICS_ADDRESS */
async function serveDashboard(
  machine: LaunchedMachine,
  account: MachineAccount,
  { dashboard: place, repair, quiet }: SuperviseFlags,
  say: Say,
  watching: Watching,
): Promise<void> {
  if (place === undefined) return;
  const { DashboardServer } = await import('../dashboard/dashboard-server.js');
  const page = readFileSync(PAGE);
  const server = await DashboardServer.start(account, machine, repair ?? true, page, place);
  server.follow(machine);
  account.dashboard = server.address;
  watching.ended = how => server.end(how);
  // Who is not told the token has no other way to it.
  if (quiet && server.needsToken) process.stderr.write(`epochvisor: page at ${server.addressWithToken}\n`);
  else say(`page at ${server.addressWithToken}`);
}

/**
 * @returns what takes an event that is not the machine's own
 * @throws EpochvisorError JOURNAL_FILE
 */
async function keepJournal(
  machine: LaunchedMachine,
  { status: { launcher } }: MachineAccount,
  { journal: path, verbose, replicas }: SuperviseFlags,
  say: Say,
): Promise<Journal> {
  if (path === undefined && verbose === undefined) return () => undefined;
  // Loaded for those who ask for it: a start costs what it loads.
  const { journalMachine, describeEvent } = await import('../launch/machine-journal.js');
  const begin = { event: 'started', version: version(), ...launcher, replicas };
  let file: EventJournal | undefined;
  if (path !== undefined) {
    const { EventJournal } = await import('../observe/event-journal.js');
    file = new EventJournal(path, { machine: machine.machine }, error => say(error.line));
    file.begin(begin);
  }
  const write = (event: JournalEvent) => {
    file?.write(event);
    if (verbose === true) say(describeEvent(event));
  };
  if (verbose === true) say(describeEvent(begin));
  journalMachine(machine, write);
  return write;
}

async function watch(
  machine: LaunchedMachine,
  account: MachineAccount,
  origin: SnapshotOrigin,
  { statusFile }: SuperviseFlags,
  say: Say,
  watching: Watching,
): Promise<void> {
  const file = statusFile === undefined ? undefined : new StatusFile(statusFile);
  const control = await takeRequests(
    machine,
    { save: path => machine.save(path, origin), status: () => account.status },
    file !== undefined,
    say,
  );
  if (control !== undefined) watching.add(control);
  if (file === undefined) return;
  watching.add({ close: () => file.remove() });
  keepStatus(machine, account, file, control!.path, say);
}

/** A machine that can't be listed runs all the same. @param isNamed the status file is to name the socket, wherever it is */
async function takeRequests(
  machine: LaunchedMachine,
  controlled: Controlled,
  isNamed: boolean,
  say: Say,
): Promise<ControlServer | undefined> {
  try {
    return await ControlServer.startRegistered(controlled);
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    // Of a machine that can't begin that is no news.
    machine.once('running', () => say(`epochvisor status does not find this machine: ${error.line}`));
    return isNamed ? await ControlServer.start(controlled) : undefined;
  }
}

/** A status file that can't be written later on (a full disk) is said once, and is no reason to end the machine. */
function keepStatus(
  machine: LaunchedMachine,
  account: MachineAccount,
  file: StatusFile,
  control: string,
  say: Say,
): void {
  let complained = false;
  machine.on('status', status => {
    // Nothing to say before there is a process to name.
    if (status.primary.pid === 0) return;
    try {
      file.write({ ...account.told(status), control });
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      if (!complained) say(error.line);
      complained = true;
    }
  });
}

/** Ctrl-C at any moment, and a terminal that is closed: all replicas gone, nothing left behind. */
function endOnSignals(machine: LaunchedMachine, watching: Watching): void {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      watching.close();
      watching.journal({ event: 'stopped', signal });
      const stopping = Promise.all([machine.stop(), watching.ended(`stopped by ${signal}`)]);
      void stopping.finally(() => process.exit(SIGNAL_STATUS[signal]));
    });
  }
}
