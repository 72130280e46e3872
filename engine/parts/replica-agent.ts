// The agent of a host: keeps one replica of a machine alive there, and decides nothing about the machine.
//
// The replica is a process of its own, as under a launcher, and finds by itself how to begin and whom to call. When it ends
// another is started (replacing.ts); when the machine has ended, the agent does. An agent that is killed takes its replica with
// it: the channel between them ends.

import { randomUUID } from 'node:crypto';
import type { Arbiter } from '../arbiter/arbiter.js';
import type { MachineEnd } from '../arbiter/machine-end.js';
import type { ArbiterOptions } from '../arbiter/open-arbiter.js';
import { rewriterHash } from '../cache/rewritten-modules.js';
import type { ListeningPlace } from '../channel/listening-place.js';
import { describeThrown, EpochvisorError } from '../errors/errors.js';
import { Ending } from '../launch/awaited-ending.js';
import type { ReplicaEnding } from '../launch/launching.js';
import { ReplicaProcess } from '../launch/replica-process.js';
import { KeptModule } from '../replica/kept-module.js';
import {
  type FromReplica,
  type LogPlace,
  type ReplicaConfiguration,
  timingFor,
} from '../replica/replica-configuration.js';
import type { ReplicaReport } from '../replica/replica-report.js';
import { machineOptions } from './described-options.js';
import { EndWatch } from './end-watch.js';
import { withdrawQuietly, writeEnding } from './machine-ending.js';
import type { MachineFolder } from './machine-folder.js';
import type { PlannedRecovery } from './recovery-plan.js';
import { Replacing } from './replacing.js';
import type { ReplicaAccount } from './replica-account.js';

/** Nobody of the view answers for so long: it is said. */
const ALONE_MS = 10_000;
/**
 * A replica reports four times a second. The others have replaced one that hangs after the suspicion time; after this one, or
 * twice that, it is ended, for another to take its place on this host.
 */
const SILENCE_MIN_MS = 3_000;

export interface AgentOptions {
  readonly folder: MachineFolder;
  /** Read, and found to be the machine's. */
  readonly module: Uint8Array;
  readonly moduleCache: boolean;
  readonly place: ListeningPlace;
  readonly arbiter: Arbiter;
  /** With which the arbiter was opened. */
  readonly arbiterOptions: ArbiterOptions;
  /** Where its replicas write down what they log. */
  readonly log?: LogPlace;
  /** All replicas are dead: the first of this host goes on from a log. */
  readonly recovery?: PlannedRecovery;
  /** What a user wants to hear. */
  readonly say: (line: string) => void;
  /** Is told what happens to the replicas of this host. */
  readonly account: ReplicaAccount;
  /** What the replica reports of itself; undefined: there is none at present. */
  readonly reported: (report: ReplicaReport | undefined) => void;
}

/** Resolves with the machine's end; rejects where nothing can mend what ended the replica. */
export class ReplicaAgent {
  readonly ended: Promise<MachineEnd>;
  readonly #ending = new Ending<MachineEnd>();
  readonly #options: AgentOptions;
  readonly #replacing = new Replacing();
  #module: KeptModule | undefined;
  #replica: ReplicaProcess | undefined;
  /** What the replica goes on from, until it is known to have. */
  #recovery: PlannedRecovery | undefined;
  #namedSinceMs = Number.NaN;
  #aloneSinceMs = Number.NaN;
  #saidAlone = false;
  #said = '';
  #again: NodeJS.Timeout | undefined;
  /** Ends a replica that hangs. */
  #silence: NodeJS.Timeout | undefined;
  #watch: EndWatch | undefined;
  #over = false;
  #isFirst = true;

  constructor(options: AgentOptions) {
    this.ended = this.#ending.promise;
    this.#options = options;
    this.#recovery = options.recovery;
  }

  /** @throws EpochvisorError TEMPORARY_FOLDER */
  async start(): Promise<void> {
    const { folder, arbiter, module } = this.#options;
    this.#module = new KeptModule();
    await this.#module.fill(module);
    this.#watch = new EndWatch({
      machine: folder.description.machine,
      arbiter,
      ended: end => void this.stop().then(() => this.#ending.resolve(end)),
      failed: error => void this.stop().then(() => this.#ending.reject(error)),
    });
    this.#startReplica();
  }

  /** Ends the replica now, and takes its record away: the others need not find out. */
  async stop(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#watch?.stop();
    clearTimeout(this.#again);
    clearTimeout(this.#silence);
    const replica = this.#replica;
    replica?.kill();
    await replica?.ended;
    this.#module?.close();
    if (replica !== undefined) await this.#withdraw(replica.incarnation);
    this.#options.reported(undefined);
  }

  #startReplica(): void {
    const { folder, moduleCache, place, arbiterOptions, log } = this.#options;
    const { description, secret, arbiter } = folder;
    const incarnation = randomUUID();
    const configuration: ReplicaConfiguration = {
      machine: description.machine,
      incarnation,
      secret,
      encrypted: description.encrypted,
      moduleHash: description.module,
      moduleCache: moduleCache && { rewriter: rewriterHash() },
      options: machineOptions(description),
      arbiter,
      arbiterOptions,
      timing: timingFor(description.suspicionMs),
      backupsWanted: description.replicas - 1,
      place,
      ...(log === undefined ? {} : { log }),
      ...this.#beginning(incarnation),
    };
    this.#namedSinceMs = Number.NaN;
    this.#aloneSinceMs = Number.NaN;
    try {
      const replica = new ReplicaProcess(incarnation, true, this.#module!.descriptor, {
        heard: message => this.#heard(replica, message),
        ended: ending => void this.#ended(replica, ending),
      });
      this.#replica = replica;
      this.#options.account.started(nameOf(replica), this.#isFirst);
      this.#isFirst = false;
      replica.send({ type: 'start', configuration });
    } catch (error) {
      // Node throws for some of what a host may lack (memory).
      this.#goOn({ reason: `can't be started: ${describeThrown(error)}`, killed: false }, 0);
    }
  }

  /** The log is its primary, as far as it goes. */
  #beginning(incarnation: string): Pick<ReplicaConfiguration, 'view' | 'recover'> {
    if (this.#recovery === undefined) return {};
    const { place, view: number, of } = this.#recovery;
    const { machine } = this.#options.folder.description;
    const view = { number, machine, primary: of, backups: [incarnation], claim: randomUUID() };
    return { view, recover: place };
  }

  #heard(replica: ReplicaProcess, message: FromReplica): void {
    if (replica !== this.#replica || this.#over) return;
    this.#options.account.heard(nameOf(replica), message);
    switch (message.type) {
      case 'report':
        this.#reported(replica, message.report, message.alone);
        return;
      case 'unlogged': {
        const { line } = new EpochvisorError(message.code, message.message, message.hint);
        const waits = message.isAwaited ? ', and outputs wait' : '';
        this.#options.say(`replica ${replica.pid} writes no log any more${waits}: ${line}`);
        return;
      }
      case 'logWaits':
        if (message.why === '') this.#options.say(`the log of replica ${replica.pid} has room again`);
        else this.#options.say(`outputs wait for the log of replica ${replica.pid}: ${message.why}`);
        return;
      case 'waits':
        this.#options.say(`replica ${replica.pid} waits: ${message.reason}`);
        return;
      case 'finished':
        // The bus may have died with the last word.
        void this.#finished(message.outcome);
        return;
      default:
        return;
    }
  }

  #reported(replica: ReplicaProcess, report: ReplicaReport, alone: boolean): void {
    const { role, view, protected: isProtected, reason } = report;
    const nowMs = performance.now();
    clearTimeout(this.#silence);
    const silenceMs = Math.max(SILENCE_MIN_MS, 2 * this.#options.folder.description.suspicionMs);
    this.#silence = setTimeout(() => replica.kill(), silenceMs);
    if (role === 'primary') this.#recovery = undefined;
    // Until then the log's view is its own word.
    const isNamed = role === 'primary' || (role === 'backup' && this.#recovery === undefined);
    if (isNamed && Number.isNaN(this.#namedSinceMs)) {
      this.#namedSinceMs = nowMs;
      // Its view watches it from now on.
      replica.isNamed();
    }
    this.#noteAlone(alone, nowMs);
    const what =
      this.#recovery !== undefined
        ? ''
        : {
            primary: `is primary of view ${view}. ${isProtected ? 'Protected' : `Not protected (${reason})`}`,
            backup: `is a backup in view ${view}`,
            joining: 'joins when the machine lacks a replica',
            starting: '',
          }[role];
    if (what !== '' && what !== this.#said) this.#options.say(`replica ${report.pid} ${what}`);
    this.#said = what;
    // The log's view is its own word until then.
    if (this.#recovery === undefined) this.#options.account.reported(report);
    this.#options.reported(report);
  }

  #noteAlone(alone: boolean, nowMs: number): void {
    if (!alone) {
      this.#aloneSinceMs = Number.NaN;
      this.#saidAlone = false;
      return;
    }
    if (Number.isNaN(this.#aloneSinceMs)) this.#aloneSinceMs = nowMs;
    if (this.#saidAlone || nowMs - this.#aloneSinceMs < ALONE_MS) return;
    this.#saidAlone = true;
    this.#options.say(
      `no replica that has the state of the machine answers: if all have ended ${this.#options.log === undefined ? 'it is finished, and another is made by init' : 'one host goes on from its log, by --recover'}; looking on`,
    );
  }

  async #finished(outcome: MachineEnd): Promise<void> {
    const { arbiter, folder, say } = this.#options;
    const end = await writeEnding(arbiter, folder.description.machine, outcome, say);
    await this.stop();
    this.#ending.resolve(end);
  }

  async #ended(replica: ReplicaProcess, ending: ReplicaEnding): Promise<void> {
    if (replica !== this.#replica || this.#over) return;
    clearTimeout(this.#silence);
    this.#options.reported(undefined);
    const isNamed = !Number.isNaN(this.#namedSinceMs);
    this.#options.account.ended(nameOf(replica), ending, isNamed);
    const namedMs = isNamed ? performance.now() - this.#namedSinceMs : 0;
    await this.#withdraw(replica.incarnation);
    this.#goOn(ending, namedMs, replica.pid);
  }

  #goOn(ending: ReplicaEnding, namedMs: number, pid = 0): void {
    if (this.#over) return;
    const next = this.#replacing.ended(ending, namedMs);
    // What can't be gone on from is not tried again: it may be another's by now.
    if (next.type === 'never' || this.#recovery !== undefined) {
      const { code, message, hint } = ending.halted ?? {
        ...{ code: 'RECOVER_DIED', message: `replica ${pid}, which was to go on, is gone: ${ending.reason}` },
        hint: 'try again',
      };
      void this.stop().then(() => this.#ending.reject(new EpochvisorError(code, message, hint)));
      return;
    }
    if (next.isNews) this.#options.say(`replica ${pid} is gone: ${ending.reason}; another is started`);
    this.#again = setTimeout(() => this.#startReplica(), next.delayMs);
  }

  #withdraw(incarnation: string): Promise<void> {
    const { arbiter, folder } = this.#options;
    return withdrawQuietly(arbiter, folder.description.machine, incarnation);
  }
}

function nameOf({ pid, incarnation }: ReplicaProcess): { readonly pid: number; readonly incarnation: string } {
  return { pid, incarnation };
}
