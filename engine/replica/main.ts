// The process of one replica, as a launcher or an agent starts it: configuration by IPC, and an end with the launcher's.
//
// A start costs what it loads, so little is loaded before the guest thread is started: it loads the guest while this
// thread loads the rest.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { asError, type EpochvisorError } from '../errors/errors.js';
import { showStack } from '../observe/defects.js';
import type { View } from '../protocol/vocabulary.js';
import { MODULE_DESCRIPTOR, readModule } from './kept-module.js';
import type { PeerSearch } from './peer-search.js';
import type { Replica, ReplicaParts } from './replica.js';
import {
  type FromReplica,
  JOINS_EVERY_MS,
  REPLICA_HALTED,
  REPORT_EVERY_MS,
  type ReplicaConfiguration,
  type ReplicaSilence,
  type ToReplica,
} from './replica-configuration.js';
import type { ReplicaReport } from './replica-report.js';
import { ThreadHost, TIMERS } from './thread-host.js';

/** A peer that has not answered by then is called again, if it is still needed. */
const CALL_MAX_MS = 5_000;

let ending = false;

function tell(message: FromReplica): void {
  if (process.connected) process.send?.(message);
}

function halted({ code, message, hint }: EpochvisorError): void {
  tell({ type: 'halted', code, message, hint });
  end(true);
}

/** Ends the process once what was told has left it. */
function end(halt: boolean): void {
  if (ending) return;
  ending = true;
  process.exitCode = halt ? REPLICA_HALTED : 0;
  if (!process.connected) process.exit();
  // The channel to the launcher closes after what was sent on it.
  process.once('disconnect', () => process.exit());
  process.disconnect();
}

async function start(configuration: ReplicaConfiguration): Promise<Replica> {
  const { incarnation, moduleHash, arbiter, arbiterOptions, machine, options, moduleCache, hook, place } =
    configuration;
  const module = readModule(MODULE_DESCRIPTOR, moduleHash);
  const startThread = (view: View | undefined) =>
    new ThreadHost({
      module,
      options,
      moduleCache,
      clonesBeside: true,
      role: view?.primary === incarnation ? 'primary' : 'backup',
      restores: view === undefined || configuration.snapshot !== undefined,
      ...(hook === undefined ? {} : { hook }),
    });
  // Its thread starts while the rest is loaded: it is to see the guest's first epochs.
  const early = place === undefined ? startThread(configuration.view) : undefined;
  let replica: Replica | undefined;
  const silence = () => replica?.silence ?? { longestGapMs: 0, limitMs: configuration.timing.suspicionMs };
  if (configuration.samples === true) await sample(early!, configuration.view?.primary === incarnation, silence);
  const { membershipOf, Replica } = await import('./replica.js');
  const { openArbiter } = await import('../arbiter/open-arbiter.js');
  const { Listener } = await import('../channel/listener.js');
  const { announcedAddress } = await import('../channel/listening-place.js');
  const { isObserver, Observers } = await import('../channel/observed.js');
  const { connect } = await import('../channel/connect.js');
  const { PeerSearch } = await import('./peer-search.js');
  const { HeldLinks } = await import('./held-links.js');
  const { NO_PROGRESS, ownReport } = await import('./replica-report.js');
  const opened = await openArbiter(arbiter, arbiterOptions);
  const membership = membershipOf(configuration);
  const links = new HeldLinks();
  const search = new PeerSearch({
    machine,
    incarnation,
    ...(place === undefined ? {} : { host: hostname() }),
    arbiter: opened,
    timers: TIMERS,
    view: () => replica?.view,
    call: address => connect({ ...membership, address, deadlineMs: CALL_MAX_MS, retryMs: CALL_MAX_MS }),
    found: (peer, link, again) => links.add(peer, link, again),
    failed,
  });
  const report = (): ReplicaReport =>
    replica?.report ?? {
      ...ownReport(incarnation),
      ...NO_PROGRESS,
      role: 'starting',
      view: 0,
      backups: [],
      bus: false,
    };
  const observers = new Observers({
    report,
    module: () => module,
    crash: () => process.kill(process.pid, 'SIGKILL'),
  });
  const listener = await Listener.start({
    ...membership,
    ...(place === undefined ? {} : { listen: place.listen }),
    onLink: link => (isObserver(link.peer.incarnation) ? observers.add(link) : search.called(link)),
  });
  search.start(place === undefined ? listener.address : announcedAddress(listener.address, place));
  let { view } = configuration;
  if (place !== undefined) {
    reportToAgent(report, search);
    const { findFirstView } = await import('./first-view.js');
    view = await findFirstView({
      machine,
      incarnation,
      wanted: configuration.backupsWanted + 1,
      arbiter: opened,
      timers: TIMERS,
      isLinked: peer => links.has(peer),
      newClaim: randomUUID,
      waits: reason => tell({ type: 'waits', reason }),
    });
  }
  const begun = { ...configuration, ...(view === undefined ? {} : { view }) };
  const started: Replica = new Replica({
    configuration: begun,
    thread: early ?? startThread(view),
    ...(await stateFor(begun)),
    ...(await pointsFor(configuration)),
    arbiter: opened,
    tell: message => {
      tell(message);
      // One whom a new view names may be lacking.
      if (message.type === 'view' || message.type === 'named') search.look();
    },
    end,
  });
  replica = started;
  links.giveTo(started);
  if (place !== undefined) search.look();
  if (view === undefined) sayJoining(started);
  started.start();
  process.title = `epochvisor replica ${incarnation.slice(0, 8)} of ${machine.slice(0, 8)}`;
  return started;
}

/** How it does, again and again, from the first moment on. */
function reportToAgent(report: () => ReplicaReport, search: PeerSearch): void {
  const say = () => tell({ type: 'report', report: report(), alone: search.isAlone });
  say();
  setInterval(say, REPORT_EVERY_MS);
}

/** Where the guest's state comes from, if it does not begin at its beginning. */
async function stateFor({
  view,
  snapshot,
}: ReplicaConfiguration): Promise<Pick<ReplicaParts, 'snapshot' | 'newDecoder'>> {
  if (snapshot !== undefined) {
    const { readSnapshotFile } = await import('./snapshot-file.js');
    return { snapshot: await readSnapshotFile(snapshot) };
  }
  if (view !== undefined) return {};
  const { SnapshotDecoder } = await import('../snapshot/snapshot-decoder.js');
  return { newDecoder: () => new SnapshotDecoder() };
}

/** Loaded for those who test. */
async function pointsFor({ ioHook }: ReplicaConfiguration): Promise<Pick<ReplicaParts, 'points'>> {
  if (ioHook === undefined) return {};
  const { loadIoHook } = await import('./io-hook.js');
  const { IoPoints } = await import('./io-points.js');
  const hook = await loadIoHook(ioHook);
  return { points: known => new IoPoints(hook, known) };
}

/** Loaded for those who measure: a start costs what it loads. */
async function sample(thread: ThreadHost, isPrimary: boolean, silence: () => ReplicaSilence): Promise<void> {
  const { Sampling } = await import('./sampling.js');
  new Sampling(thread.sampled, isPrimary, silence, samples => tell({ type: 'sampled', samples }));
}

/** The launcher hears of a replica that joins until others watch it. */
function sayJoining(replica: Replica): void {
  const saying = setInterval(() => {
    if (replica.isNamed) clearInterval(saying);
    else tell({ type: 'joins' });
  }, JOINS_EVERY_MS);
}

let replica: Promise<Replica> | undefined;

function failed(error: unknown): void {
  showStack(error);
  halted(asError(error));
}

process.on('message', (message: ToReplica) => {
  if (message.type === 'start') {
    replica = start(message.configuration);
    replica.catch(failed);
  } else {
    replica?.then(started => started.save(message)).catch(failed);
  }
});
// The end of the launcher is the end of its replicas.
process.on('disconnect', () => process.exit(ending ? process.exitCode : REPLICA_HALTED));
// Ctrl-C reaches the whole process group; it is the launcher's to answer.
process.on('SIGINT', () => undefined);
process.on('uncaughtException', failed);
process.on('unhandledRejection', failed);
