// Asking an etcd of several members, of which some may be dead, cut off, slow or just back: one question, one answer.
//
//   - A question goes to the member that answered last. Whoever does not answer within staggerMs is not waited for: the next
//     one is asked beside it, and the first answer counts. A member that is gone with its host answers nothing at all, and
//     whoever took over from a dead primary should not have to wait for that.
//   - A question that was lost within etcd (it was passed on to a leader that is no more) is answered late or never: every
//     roundMs all are asked again, beside what is under way.
//   - When all of a round have said why not, or after callMaxMs, it is not known whether anything was done.
//
// So whatever is asked may be done several times, and late: everything that is written is put-if-absent or compared, and says
// by itself whose it is. That an etcd is the one that was asked before is looked at, too: a list of members that do not belong
// together, or an etcd put back to an earlier state, would let a view be won twice. Such a member is not believed.
//
// Why this, and no library: what is needed is six requests, and every replica would load a library with its gRPC at its start. The
// client for Node that there is has open faults in its leases; what counts here, when an answer is believed, it leaves to others.

import { setMaxListeners } from 'node:events';
import { EpochvisorError } from '../errors/errors.js';
import type { EtcdAddress, EtcdEndpoint } from './etcd-address.js';
import { checkUser, type EtcdCredentials, namesTlsFiles, secureContextOf } from './etcd-credentials.js';
import { type Answer, EtcdFailure, EtcdRequests, FAILED_PRECONDITION } from './etcd-request.js';

export interface EtcdTiming {
  readonly staggerMs: number;
  readonly roundMs: number;
  readonly callMaxMs: number;
}

export const DEFAULT_ETCD_TIMING: EtcdTiming = {
  // A member in order answers in a few ms, and one far away in some tens.
  staggerMs: 100,
  // As long as an etcd takes to notice that its leader is gone, if nobody has set it otherwise.
  roundMs: 1_000,
  callMaxMs: 4_000,
};

export class EtcdGateway {
  readonly #endpoints: readonly EtcdEndpoint[];
  readonly #requests: EtcdRequests;
  readonly #timing: EtcdTiming;
  /** `USER:PASSWORD` */
  readonly #user: string | undefined;
  #token: string | undefined;
  /** The endpoint that answered last. */
  #first = 0;
  /** The etcd that answered, and how far it had come. */
  #cluster: string | undefined;
  #revision = 0n;

  /** @throws EpochvisorError ARBITER_CREDENTIALS */
  constructor(address: EtcdAddress, credentials: EtcdCredentials, timing = DEFAULT_ETCD_TIMING) {
    this.#timing = timing;
    this.#endpoints = address.endpoints;
    const isSecure = address.secure || namesTlsFiles(credentials);
    this.#requests = new EtcdRequests(isSecure ? secureContextOf(credentials) : undefined);
    this.#user = credentials.user ?? address.user;
    if (this.#user !== undefined) checkUser(this.#user);
  }

  /**
   * The answer to one request, which may have been made several times.
   * @throws EpochvisorError ARBITER_UNREACHABLE: it is not known whether it was made
   */
  ask(path: string, body: object): Promise<Answer> {
    const { staggerMs, roundMs, callMaxMs } = this.#timing;
    const count = this.#endpoints.length;
    const first = this.#first;
    const since = this.#revision;
    const reasons = new Map<string, string>();
    const over = new AbortController();
    // One for each request under way: as many as endpoints in so many rounds, and twice that.
    setMaxListeners(0, over.signal);
    return new Promise((resolve, reject) => {
      let begun = 0;
      let underWay = 0;
      let next: NodeJS.Timeout | undefined;
      const end = () => {
        clearTimeout(next);
        clearTimeout(deadline);
        over.abort();
      };
      const fail = () => {
        end();
        reject(this.#unreachable(reasons));
      };
      const deadline = setTimeout(fail, callMaxMs);
      const begin = () => {
        clearTimeout(next);
        const at = (first + begun) % count;
        begun += 1;
        underWay += 1;
        next = setTimeout(begin, begun % count === 0 ? roundMs : staggerMs);
        this.#askOne(this.#endpoints[at]!, path, body, since, over.signal).then(
          answer => {
            if (over.signal.aborted) return;
            end();
            this.#first = at;
            resolve(answer);
          },
          (error: unknown) => {
            underWay -= 1;
            if (over.signal.aborted) return;
            if (!(error instanceof EtcdFailure)) {
              end();
              reject(error);
              return;
            }
            reasons.set(this.#endpoints[at]!.name, error.message);
            if (begun % count !== 0) begin();
            else if (underWay === 0) fail();
          },
        );
      };
      begin();
    });
  }

  async #askOne(
    endpoint: EtcdEndpoint,
    path: string,
    body: object,
    since: bigint,
    signal: AbortSignal,
  ): Promise<Answer> {
    for (let isAgain = false; ; isAgain = true) {
      const token =
        this.#user === undefined ? undefined : (this.#token ?? (await this.#authenticate(endpoint, signal)));
      try {
        const answer = await this.#requests.post(endpoint, path, body, token, signal);
        this.#believe(answer, since);
        return answer;
      } catch (error) {
        // A member that was started again knows no token, and some versions (3.4.23) then close the connection without a word;
        // one that was kept may have been closed a moment ago, too.
        if (isAgain || !(error instanceof EtcdFailure) || error.kind === 'other') throw error;
        if (this.#token === token) this.#token = undefined;
      }
    }
  }

  /** @returns undefined: this etcd asks nobody who they are */
  async #authenticate(endpoint: EtcdEndpoint, signal: AbortSignal): Promise<string | undefined> {
    const [, name, password] = /^([^:]+):(.*)$/s.exec(this.#user!)!;
    let answer: Answer;
    try {
      answer = await this.#requests.post(endpoint, '/v3/auth/authenticate', { name, password }, undefined, signal);
    } catch (error) {
      // As etcdctl does.
      if (error instanceof EtcdFailure && error.code === FAILED_PRECONDITION) return undefined;
      throw error;
    }
    if (typeof answer.token !== 'string' || !/^[\x21-\x7e]{1,4096}$/.test(answer.token)) {
      throw new EtcdFailure('it gives no token');
    }
    this.#token = answer.token;
    return answer.token;
  }

  /** @throws EtcdFailure where it is no answer of the etcd that was asked before */
  #believe(answer: Answer, since: bigint): void {
    const header = Object(answer.header ?? Object(answer.result).header) as Record<string, unknown>;
    const { cluster_id: cluster, revision } = header;
    if (typeof cluster !== 'string' || !/^\d{1,20}$/.test(cluster)) throw new EtcdFailure('its answer is none of etcd');
    if (this.#cluster !== undefined && cluster !== this.#cluster) {
      throw new EtcdFailure('it belongs to another etcd than the one that was asked before');
    }
    this.#cluster = cluster;
    // Leases are renewed by the leader, at whatever point the member that tells of it has come to.
    if (answer.header === undefined) return;
    if (typeof revision !== 'string' || !/^\d{1,19}$/.test(revision))
      throw new EtcdFailure('its answer has no revision');
    if (BigInt(revision) < since) {
      throw new EtcdFailure('it has gone back to an earlier state than it was in: views may be missing');
    }
    if (BigInt(revision) > this.#revision) this.#revision = BigInt(revision);
  }

  #unreachable(reasons: ReadonlyMap<string, string>): EpochvisorError {
    const said = this.#endpoints.map(({ name }) => `${name}: ${reasons.get(name) ?? 'no answer'}`);
    return new EpochvisorError('ARBITER_UNREACHABLE', `etcd can't be asked: ${said.join('; ')}`);
  }
}
