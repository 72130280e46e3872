// The places of an I/O hook (io-hook.ts): around the ports of a replica's driver, and the links that it is given.

import { linkAround } from '../driver/link-around.js';
import type { BusConnection, BusHandlers, PeerHandlers, PeerLink, ReplicaPorts } from '../driver/ports.js';
import type { FromBus, PeerMessage, ToBus } from '../protocol/messages.js';
import type { View } from '../protocol/vocabulary.js';
import {
  type InFlight,
  type IoHook,
  type IoKind,
  type IoPlace,
  JOIN_STEPS,
  type JoinStep,
  TAKEOVER_STEPS,
  type TakeoverStep,
  type TestedReplica,
} from './io-hook.js';

/** What the replica itself knows. */
export type KnownInFlight = Pick<InFlight, 'role' | 'epoch' | 'count' | 'outstanding' | 'heldBytes'> & {
  readonly viewNow: View | undefined;
};

export class IoPoints<State> implements TestedReplica {
  readonly incarnation: string;
  readonly #hook: IoHook;
  readonly #known: () => KnownInFlight;
  readonly #numbers = new Map<IoKind, number>();
  readonly #steps = new Set<string>();
  /** Of links and the bus: sends what waits for the end of the turn. */
  readonly #flushes = new Set<() => void>();
  #sent = 0;
  #received = 0;
  #sentPosition = 0;
  #acknowledgedPosition = 0;
  #outputsReleased = 0;
  #endLeft = false;
  #fences = false;
  readonly #links = new Set<PeerLink>();
  #isCut = false;
  #isMute = false;

  /** @param known asked once the replica stands */
  constructor(hook: IoHook, incarnation: string, known: () => KnownInFlight) {
    this.incarnation = incarnation;
    this.#hook = hook;
    this.#known = known;
    hook.begin?.(this);
  }

  ports(ports: ReplicaPorts<State>): ReplicaPorts<State> {
    const { arbiter } = ports;
    this.#listenAlong(ports.guest);
    return {
      ...ports,
      connectBus: handlers => ports.connectBus(this.#busHandlers(handlers)),
      arbiter: {
        claim: (view, answer) => {
          const takesOver = this.#known().role === 'backup';
          const ask = () =>
            arbiter.claim(view, answered => {
              const act = () => answer(answered);
              if (takesOver && answered.result === 'won') this.#takeover('claim', act);
              else act();
            });
          if (takesOver) this.#takeover('suspicion', ask);
          else if (this.#namesAnother(view)) this.#join('claim', ask);
          else ask();
        },
        latest: (machine, answer) => arbiter.latest(machine, answer),
      },
      pieces: (state, then) => this.#join('take', () => ports.pieces(state, then)),
      reader: () => {
        const reader = ports.reader();
        return {
          push: piece => reader.push(piece),
          get complete() {
            return reader.complete;
          },
          finish: () => this.#join('snapshot', () => reader.finish()),
        };
      },
      tell: news => {
        if (news.type === 'named') this.#join('named', () => ports.tell(news));
        else ports.tell(news);
      },
    };
  }

  link(link: PeerLink): PeerLink {
    const flush = () => link.flush?.();
    this.#flushes.add(flush);
    this.#links.add(link);
    if (this.#isCut) link.terminate();
    return linkAround(link, {
      listen: handlers => {
        const ended = () => {
          this.#flushes.delete(flush);
          this.#links.delete(link);
        };
        link.listen(this.#peerHandlers(handlers, ended));
      },
      send: message =>
        this.#sends(message, () => {
          if (!this.#isMute) link.send(message);
        }),
      sendPiece: piece => {
        if (!this.#isMute) link.sendPiece(piece);
      },
      flush,
    });
  }

  inFlight(): InFlight {
    const { viewNow, ...known } = this.#known();
    return {
      view: viewNow?.number ?? 0,
      ...known,
      sent: this.#sent,
      received: this.#received,
      sentPosition: this.#sentPosition,
      acknowledgedPosition: this.#acknowledgedPosition,
      outputsReleased: this.#outputsReleased,
      endLeft: this.#endLeft,
    };
  }

  settle(): void {
    for (const flush of this.#flushes) flush();
  }

  cut(): void {
    this.#isCut = true;
    for (const link of this.#links) link.terminate();
  }

  mute(): void {
    this.#isMute = true;
  }

  #listenAlong(guest: ReplicaPorts<State>['guest']): void {
    const hook = this.#hook;
    if (hook.putOut === undefined && hook.live === undefined) return;
    const listen = guest.listen.bind(guest);
    guest.listen = listener =>
      listen({
        ...listener,
        output: (position, output) => {
          hook.putOut?.(output, this);
          listener.output(position, output);
        },
        live: (failoverEpoch, uncertain) => {
          hook.live?.(failoverEpoch, this);
          listener.live(failoverEpoch, uncertain);
        },
      });
  }

  // ---- other replicas

  #peerHandlers(handlers: PeerHandlers, ended: () => void): PeerHandlers {
    return {
      message: message => this.#receives(message, () => handlers.message(message)),
      piece: handlers.piece,
      closed: reason => {
        ended();
        handlers.closed(reason);
      },
    };
  }

  #sends(message: PeerMessage<Uint8Array>, send: () => void): void {
    if (message.type === 'heartbeat') {
      send();
      return;
    }
    const say = () => {
      send();
      this.#sent += 1;
      if (message.type === 'log') this.#sentPosition = message.position + message.length;
    };
    this.#numbered('message', `send ${message.type}`, () => {
      if (message.type === 'join') this.#join('ask', say);
      else if (message.type === 'view' && this.#known().role === 'primary') this.#join('told', say);
      else say();
    });
  }

  #receives(message: PeerMessage<Uint8Array>, hear: () => void): void {
    if (message.type === 'heartbeat') {
      hear();
      return;
    }
    this.#received += 1;
    if (message.type === 'acknowledgement') this.#acknowledgedPosition = message.position;
    this.#numbered('message', `receive ${message.type}`, () => {
      if (message.type === 'join') this.#join('asked', hear);
      else if (message.type === 'welcome') this.#join('welcome', hear);
      else hear();
    });
  }

  #namesAnother({ backups }: View): boolean {
    const { viewNow } = this.#known();
    return backups.some(backup => viewNow?.backups.includes(backup) !== true);
  }

  // ---- the bus

  #busHandlers(handlers: BusHandlers): BusHandlers {
    let flush: () => void = () => undefined;
    return {
      opened: bus => {
        flush = () => bus.flush?.();
        this.#flushes.add(flush);
        handlers.opened(this.#bus(bus));
      },
      message: message => this.#hears(message, () => handlers.message(message)),
      closed: () => {
        this.#flushes.delete(flush);
        handlers.closed();
      },
    };
  }

  #bus(bus: BusConnection): BusConnection {
    return {
      get bufferedBytes() {
        return bus.bufferedBytes;
      },
      get arrivedBytes() {
        return bus.arrivedBytes;
      },
      send: message => this.#says(message, () => bus.send(message)),
      terminate: () => bus.terminate(),
    };
  }

  #says(message: ToBus, say: () => void): void {
    if (message.type === 'fence') {
      // The first view's primary fences, too, and takes over from nobody.
      this.#fences = this.#steps.has('takeover claim');
      if (this.#fences) this.#takeover('fence', say);
      else say();
      return;
    }
    const release = () => {
      say();
      this.#outputsReleased += 1;
      if (message.output.type === 'outcome') this.#endLeft = true;
    };
    this.#numbered('output', `release ${message.output.type}`, () => {
      if (this.#fences) this.#takeover('release', release);
      else release();
    });
  }

  #hears(message: FromBus, hear: () => void): void {
    if (message.type === 'heartbeat') hear();
    else {
      this.#numbered('bus', `hear ${message.type}`, () => {
        if (message.type === 'fenced' && this.#fences) this.#takeover('reattachment', hear);
        else hear();
      });
    }
  }

  // ---- places

  #takeover(step: TakeoverStep, act: () => void): void {
    this.#step('takeover', step, TAKEOVER_STEPS.indexOf(step) + 1, act);
  }

  #join<Result>(step: JoinStep, act: () => Result): Result {
    return this.#step('join', step, JOIN_STEPS.indexOf(step) + 1, act);
  }

  /** The first time alone. */
  #step<Result>(kind: IoKind, step: string, number: number, act: () => Result): Result {
    const name = `${kind} ${step}`;
    if (this.#steps.has(name)) return act();
    this.#steps.add(name);
    return this.#around(kind, number, step, act);
  }

  #numbered(kind: IoKind, what: string, act: () => void): void {
    const number = (this.#numbers.get(kind) ?? 0) + 1;
    this.#numbers.set(kind, number);
    this.#around(kind, number, what, act);
  }

  #around<Result>(kind: IoKind, number: number, what: string, act: () => Result): Result {
    this.#tell({ kind, number, when: 'before', what });
    const result = act();
    this.#tell({ kind, number, when: 'after', what });
    return result;
  }

  #tell(place: IoPlace): void {
    this.#hook.at(place, this);
  }
}
