// Starting one replica, in a process of its own (main.ts) or as a thread of a test: a guest thread, links, and the driver.
//
// A start costs what it loads, so little is loaded before the guest thread is started: it loads the guest while this
// thread loads the rest.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Arbiter } from '../arbiter/arbiter.js';
import type { Link } from '../channel/link.js';
import type { Listener } from '../channel/listener.js';
import type { PeerLink, ReplicaPorts } from '../driver/ports.js';
import { EpochvisorError } from '../errors/errors.js';
import type { HookedReplica } from '../guest/boundary-hook.js';
import type { GuestState, MachineSnapshot } from '../guest/guest-state.js';
import type { RecoverPlace } from '../log/recovering.js';
import type { ReplicaLog } from '../log/replica-log.js';
import type { View } from '../protocol/vocabulary.js';
import { LogNews } from './log-news.js';
import type { NetworkCuts } from './network-cuts.js';
import type { PeerSearch } from './peer-search.js';
import type { PortsAround, Replica, ReplicaParts } from './replica.js';
import {
  type FromReplica,
  JOINS_EVERY_MS,
  REPORT_EVERY_MS,
  type ReplicaConfiguration,
  type ReplicaSilence,
} from './replica-configuration.js';
import type { ReplicaReport } from './replica-report.js';
import { type GuestThreads, ThreadHost, type ThreadHostData, TIMERS } from './thread-host.js';

/** A peer that has not answered by then is called again, if it is still needed. */
const CALL_MAX_MS = 5_000;

/** What the hooks of a replica share (HookedReplica). */
const HOOKS_SHARED_BYTES = 256;

/** What a replica runs in. */
export interface ReplicaHost {
  /** The machine's. */
  readonly module: Uint8Array;
  readonly tell: (message: FromReplica) => void;
  /** It is over, and says no more. @param halted it is no part of the machine any more */
  readonly end: (halted: boolean) => void;
  /** It can't go on. */
  readonly failed: (error: unknown) => void;
  /** Dies as a process does that is killed. */
  readonly crash: () => void;
  /** Of who is tested: its network. */
  readonly cuts?: NetworkCuts;
  /** Where it is no process: what runs its guest, ... */
  readonly guests?: GuestThreads;
  /** ... its arbiter, in place of what is opened by the address, ... */
  readonly arbiter?: Arbiter;
  /** ... what lies around all that could leave it, ... */
  readonly around?: PortsAround & { arbiter(arbiter: Arbiter): Arbiter };
  /** ... the end of its calls and its timers, ... */
  readonly signal?: AbortSignal;
  /** ... and what is to be ended with it. */
  readonly started?: (part: { readonly thread?: ThreadHost; readonly listener?: Listener }) => void;
}

/** @throws EpochvisorError whatever keeps it from starting */
export async function startReplica(configuration: ReplicaConfiguration, host: ReplicaHost): Promise<Replica> {
  const { module, tell, end, failed, crash, guests, around, signal, cuts } = host;
  const { incarnation, arbiter, arbiterOptions, machine, options, moduleCache, hook, place, recover } = configuration;
  const newThread = (data: ThreadHostData) => {
    const thread = new ThreadHost(data, guests);
    host.started?.({ thread });
    return thread;
  };
  const hooked = { incarnation, shared: new SharedArrayBuffer(HOOKS_SHARED_BYTES) };
  const startThread = (view: View | undefined) =>
    newThread({
      module,
      options,
      moduleCache,
      clonesBeside: configuration.log?.checkpoints === undefined ? 'when asked' : 'always',
      role: view?.primary === incarnation ? 'primary' : 'backup',
      restores: view === undefined || configuration.snapshot !== undefined || recover?.checkpoint !== undefined,
      ...(hook === undefined ? {} : { hook: { ...hook, replica: hooked } }),
    });
  // Its thread starts while the rest is loaded: it is to see the guest's first epochs.
  const early = place === undefined ? startThread(configuration.view) : undefined;
  let replica: Replica | undefined;
  const silence = () => replica?.silence ?? { longestGapMs: 0, limitMs: configuration.timing.suspicionMs };
  if (configuration.samples === true) {
    await sample(early!, configuration.view?.primary === incarnation, silence, tell);
  }
  const { membershipOf, Replica } = await import('./replica.js');
  const { openArbiter } = await import('../arbiter/open-arbiter.js');
  const { Listener } = await import('../channel/listener.js');
  const { announcedAddress } = await import('../channel/listening-place.js');
  const { isObserver, Observers } = await import('../channel/observed.js');
  const { connect } = await import('../channel/connect.js');
  const { PeerSearch } = await import('./peer-search.js');
  const { HeldLinks } = await import('./held-links.js');
  const { NO_PROGRESS, ownReport } = await import('./replica-report.js');
  const found = host.arbiter ?? (await openArbiter(arbiter, arbiterOptions));
  const opened = around?.arbiter(found) ?? found;
  const membership = { ...membershipOf(configuration), ...(signal === undefined ? {} : { signal }) };
  const admit = (link: Link): Link => cuts?.admit(link) ?? link;
  const links = new HeldLinks();
  const search = new PeerSearch({
    machine,
    incarnation,
    ...(place === undefined ? {} : { host: hostname() }),
    arbiter: opened,
    timers: TIMERS,
    view: () => replica?.view,
    call: async address =>
      admit(await connect({ ...membership, address, deadlineMs: CALL_MAX_MS, retryMs: CALL_MAX_MS })),
    found: (peer, link, again) => links.add(peer, link, again),
    failed,
  });
  const ofLog = new LogNews();
  const tellOfLog = (message: FromReplica): void => {
    ofLog.told(message);
    tell(message);
  };
  const unbegun = { role: 'starting', view: 0, backups: [], bus: false } as const;
  const report = (): ReplicaReport => ({
    ...(replica?.report ?? { ...NO_PROGRESS, ...ownReport(incarnation), ...unbegun }),
    ...ofLog.report,
  });
  const observers = new Observers({
    report,
    module: () => module,
    crash,
  });
  const listener = await Listener.start({
    ...membership,
    ...(place === undefined ? {} : { listen: place.listen }),
    onLink: link => {
      if (isObserver(link.peer.incarnation)) observers.add(link);
      else if (cuts?.admits(link) !== false) search.called(link);
    },
  });
  host.started?.({ listener });
  search.start(place === undefined ? listener.address : announcedAddress(listener.address, place));
  let { view } = configuration;
  if (place !== undefined) {
    reportToAgent(report, search, tell);
    const { findFirstView } = await import('./first-view.js');
    view ??= await findFirstView({
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
  const recovered = recover === undefined ? undefined : await openedLog(recover, failed);
  const state = recovered?.state ?? (await stateFor(begun));
  const log = await logFor(begun, state.snapshot, tellOfLog);
  const thread = early ?? startThread(view);
  const started: Replica = new Replica({
    configuration: begun,
    thread,
    ...state,
    ...(await pointsFor(configuration, hooked, both(recovered?.around, both(log, around)))),
    ...(signal === undefined ? {} : { signal }),
    arbiter: opened,
    admit,
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
  if (view === undefined) sayJoining(started, tell);
  started.start();
  if (recovered !== undefined) recovered.begin(started, begun.view!, thread, log);
  return started;
}

/** Loaded for those who go on from a log. */
async function openedLog(place: RecoverPlace, failed: Failed) {
  const { LogPeer, openRecovered, OutsideAccount, portsOfRecovered } = await import('../log/recovering.js');
  const { snapshotAt } = await import('../recording/host-logs.js');
  const { HOST_DISK } = await import('../recording/host-disk.js');
  const { log, saved: snapshot } = openRecovered(HOST_DISK, place, snapshotAt);
  const account = new OutsideAccount(place, snapshot?.guest, failed);
  const around: PortsAround = {
    ports: plain => portsOfRecovered(plain, place, snapshot?.guest, account),
    link: link => link,
  };
  return {
    state: snapshot === undefined ? {} : { snapshot },
    around,
    begin(replica: Replica, view: View, thread: ThreadHost, own: ReplicaLog<GuestState> | undefined): void {
      // It would be the only one to go on from, and nothing of it be there.
      if (own === undefined)
        throw new EpochvisorError('RECOVER_UNLOGGED', 'a log that is gone on from is gone on with');
      const whenSynced = own.whenSynced.bind(own);
      const peer = new LogPeer({
        ...{ log, place, view: view.number, timers: TIMERS, failed, whenSynced, account },
        isBusy: () => thread.waits,
        awaitsMore: () => thread.awaitsMore,
        isCongested: () => thread.isCongested,
      });
      replica.addLog(view.primary, peer);
    },
  };
}

type Failed = ReplicaHost['failed'];

/** How it does, again and again, from the first moment on. */
function reportToAgent(report: () => ReplicaReport, search: PeerSearch, tell: ReplicaHost['tell']): void {
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

/** Loaded for those who log. That nothing can be written is told, and no reason not to start. */
async function logFor(
  configuration: ReplicaConfiguration,
  snapshot: MachineSnapshot | undefined,
  tell: ReplicaHost['tell'],
): Promise<ReplicaLog<GuestState> | undefined> {
  if (configuration.log === undefined) return undefined;
  const { openReplicaLog } = await import('./logging.js');
  return openReplicaLog(configuration, configuration.log, snapshot, tell);
}

/** What is nearer to the driver comes first. */
function both(inner: PortsAround | undefined, outer: PortsAround | undefined): PortsAround | undefined {
  if (inner === undefined || outer === undefined) return inner ?? outer;
  return {
    ports: (ports: ReplicaPorts<GuestState>) => inner.ports(outer.ports(ports)),
    link: (link: PeerLink) => inner.link(outer.link(link)),
  };
}

/** Loaded for those who test: what is told lies around what keeps the dead silent. */
async function pointsFor(
  { ioHook, incarnation }: ReplicaConfiguration,
  hooked: HookedReplica,
  around: PortsAround | undefined,
): Promise<Pick<ReplicaParts, 'around'>> {
  if (ioHook === undefined) return around === undefined ? {} : { around: () => around };
  const { loadIoHook } = await import('./io-hook.js');
  const { IoPoints } = await import('./io-points.js');
  const hook = await loadIoHook(ioHook, hooked);
  return {
    around: known => {
      const points = new IoPoints<GuestState>(hook, incarnation, known);
      return {
        ports: ports => points.ports(around?.ports(ports) ?? ports),
        link: link => points.link(around?.link(link) ?? link),
      };
    },
  };
}

/** Loaded for those who measure: a start costs what it loads. */
async function sample(
  thread: ThreadHost,
  isPrimary: boolean,
  silence: () => ReplicaSilence,
  tell: ReplicaHost['tell'],
): Promise<void> {
  const { Sampling } = await import('./sampling.js');
  new Sampling(thread.sampled, isPrimary, silence, samples => tell({ type: 'sampled', samples }));
}

/** The launcher hears of a replica that joins until others watch it. */
function sayJoining(replica: Replica, tell: ReplicaHost['tell']): void {
  const saying = setInterval(() => {
    if (replica.isNamed || replica.isOver) clearInterval(saying);
    else tell({ type: 'joins' });
  }, JOINS_EVERY_MS);
}
