// Subtle mistakes: such as hide behind another rule, or show only where two things meet. Each has its own number of seeds
// within which it is found: should the simulator come to see less of them, that shows.

import { Bus, type BusEffect, type BusEvent, type BusOptions } from '../../engine/protocol/bus/bus.js';
import { ChannelState } from '../../engine/protocol/channel-state.js';
import {
  Execution,
  type ExecutionEffect,
  type ExecutionEvent,
  type ExecutionState,
} from '../../engine/protocol/execution.js';
import { GuestAccount } from '../../engine/protocol/guest-account.js';
import { isOfStream, Lane } from '../../engine/protocol/lane.js';
import { Outbox } from '../../engine/protocol/outbox.js';
import { Silence } from '../../engine/protocol/silence.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { type Parts, PRODUCTION } from '../../engine/simulator/parts.js';
import { Judge } from '../../engine/simulator/run-judge.js';
import { chooseHealing, chooseOvertaken, chooseRestarting } from '../../engine/simulator/run-plan.js';
import { all, bus, channel, execution, getter, type Mistake, method } from './planting.js';
import * as struck from './struck-runs.js';

export interface SubtleMistake extends Mistake {
  /** Found within so many seeds. */
  readonly within: number;
}

/** What who joins is given of the state that it starts from. */
function joinedFrom(change: (state: ExecutionState) => ExecutionState): Parts {
  return {
    ...PRODUCTION,
    execution: (options, from) => new Execution(options, from && { ...from, state: change(from.state) }),
  };
}

/** Delivers what came with the first end of an epoch at which anything came with the end after it. */
class LateOnce extends Execution {
  #late: ExecutionEffect[] = [];
  #wasLate = false;

  override step(event: ExecutionEvent): readonly ExecutionEffect[] {
    const effects = super.step(event);
    if (this.role !== 'backup' || !effects.some(({ rule, type }) => type === 'proceed' && /P[25]/.test(rule)))
      return effects;
    const due = this.#late;
    this.#late = [];
    if (this.#wasLate) return [...due, ...effects];
    this.#late = effects.filter(({ type }) => type === 'deliver');
    this.#wasLate = this.#late.length > 0;
    return effects.filter(({ type }) => type !== 'deliver');
  }
}

/** Numbers what it gives to its devices itself, from 1 on, once it has been started again. */
class Renumbering extends Bus {
  #next: bigint | undefined;

  constructor(options: BusOptions) {
    super(options);
    if (options.memory?.view !== undefined) this.#next = 1n;
  }

  override step(event: BusEvent): readonly BusEffect[] {
    return super.step(event).map(effect => {
      if (effect.type !== 'perform' || this.#next === undefined) return effect;
      return { ...effect, operation: { ...effect.operation, id: this.#next++ } };
    });
  }
}

/** Whoever reads the arbiter is given the record before the latest. */
function readingSecondLatest(): Pick<Mistake, 'parts' | 'plant'> {
  const records = new Map<number, View>();
  return {
    plant: () =>
      method(Judge, 'recorded', recorded => {
        return function (this: Judge, view) {
          if (view.number === 1) records.clear();
          records.set(view.number, view);
          recorded.call(this, view);
        };
      }),
    parts: channel(
      () => (event, step) =>
        step(
          event.type === 'latest' && event.view !== undefined
            ? { ...event, view: records.get(event.view.number - 1) ?? event.view }
            : event,
        ),
    ),
  };
}

/** What is held when the bus is fenced, counted twice from then on. */
function countingHeldTwice(): () => void {
  const twice = new WeakMap<Outbox, number>();
  return all(
    getter(Outbox, 'heldBytes', heldBytes => outbox => heldBytes(outbox) + (twice.get(outbox) ?? 0)),
    method(Outbox, 'reattach', reattach => {
      return function (this: Outbox, ...fence) {
        twice.set(this, this.heldBytes);
        return reattach.apply(this, fence);
      };
    }),
  );
}

/** Where it is read how much has left, to name somebody, the backups are asked for next: there are none, for once. */
function namingWithoutBackups(): () => void {
  let naming = false;
  return all(
    getter(Outbox, 'released', released => outbox => {
      naming = true;
      return released(outbox);
    }),
    getter(ChannelState, 'backups', backups => state => {
      const asked = naming;
      naming = false;
      return asked ? [] : backups(state);
    }),
  );
}

export const SUBTLE_MISTAKES: readonly SubtleMistake[] = [
  {
    rule: 'OR',
    mistake: 'an acknowledgement that comes twice counts for another backup, too',
    parts: channel(planted => {
      const before = new Map<string, number>();
      return (event, step) => {
        const effects = step(event);
        if (event.type !== 'peer' || event.message.type !== 'acknowledgement') return effects;
        const { peer, message } = event;
        const again = before.get(peer) === message.position;
        before.set(peer, message.position);
        if (!again || planted.role !== 'primary') return effects;
        const others = planted.view!.backups.filter(name => name !== peer);
        return [...effects, ...others.flatMap(other => step({ ...event, peer: other }))];
      };
    }),
    sees: /\(OR\)|\(JN, BV\)/,
    runs: chooseHealing,
    within: 1000,
  },
  {
    rule: 'OR',
    mistake: 'what the bus confirms is taken to be acknowledged, with all that is logged by then',
    parts: channel(planted => {
      let logEnd = 0;
      return (event, step) => {
        const effects = step(event);
        for (const effect of effects) {
          if (effect.type !== 'sendPeer' || effect.message.type !== 'log') continue;
          logEnd = Math.max(logEnd, effect.message.position + effect.message.length);
        }
        if (event.type !== 'bus' || event.message.type !== 'confirmed' || planted.role !== 'primary') return effects;
        const { number: view, backups } = planted.view!;
        const progress = { executed: 0, backlogBytes: 0 };
        const message = { type: 'acknowledgement', view, position: logEnd, progress } as const;
        return [...effects, ...backups.flatMap(peer => step({ type: 'peer', peer, message, nowMs: 0 }))];
      };
    }),
    sees: /\(OR\)|\(JN, BV\)/,
    within: 100,
  },
  {
    rule: 'OF',
    mistake: 'after a half write the offset is right, and the bytes begin anew',
    plant: () =>
      method(Lane, 'fresh', fresh => {
        return function (this: Lane, output) {
          const rest = fresh.call(this, output);
          return rest?.type === 'stream' && output.type === 'stream' ? { ...rest, bytes: output.bytes } : rest;
        };
      }),
    sees: /\(OF|\(OR\)/,
    runs: chooseRestarting,
    within: 200,
  },
  {
    rule: 'OF',
    mistake: 'what was held when the bus was fenced keeps its share of what may be held for ever',
    plant: countingHeldTwice,
    sees: /does not come to its end|not protected again/,
    within: 1000,
  },
  {
    rule: 'OR',
    mistake: 'what belongs to no stream leaves before the streams, whatever came first',
    plant: () =>
      method(Outbox, 'release', release => {
        return function (this: Outbox, acknowledged) {
          const leaving = release.call(this, acknowledged);
          return [...leaving.filter(output => !isOfStream(output)), ...leaving.filter(isOfStream)];
        };
      }),
    sees: /\(OF, XT\)|does not come to its end/,
    within: 200,
  },
  {
    rule: 'JN',
    mistake: 'interrupts come one epoch late, once, after a join',
    parts: {
      ...PRODUCTION,
      execution: (options, from) => (from === undefined ? new Execution(options) : new LateOnce(options, from)),
    },
    sees: /\(P5, P6\)|diverged/,
    runs: chooseHealing,
    within: 200,
  },
  {
    rule: 'JN',
    mistake: 'a timer that is armed is not part of a snapshot',
    parts: joinedFrom(state => ({ ...state, timerDeadlineNs: 0 })),
    sees: /\(P5, P6\)|diverged|does not come to its end/,
    runs: chooseHealing,
    within: 500,
  },
  {
    rule: 'JN',
    mistake: 'operations that are under way are not part of a snapshot',
    parts: joinedFrom(state => ({ ...state, outstanding: [] })),
    sees: /\(P5, P6\)|diverged|does not come to its end/,
    runs: chooseHealing,
    within: 200,
  },
  {
    rule: 'KP',
    mistake: 'who joins is named when it has all itself, whatever the backups have',
    plant: namingWithoutBackups,
    sees: /\(KP, OS\)/,
    runs: chooseOvertaken,
    within: 200,
  },
  {
    rule: 'RA',
    mistake: 'the record before the latest is read',
    ...readingSecondLatest(),
    sees: /JOIN_LOST/,
    runs: chooseHealing,
    within: 1500,
  },
  {
    rule: 'FN',
    mistake: 'a fence of an earlier view that comes late is answered as if it were the first',
    parts: bus(() => {
      let last = 0;
      return (event, step) => {
        if (event.type !== 'message' || event.message.type !== 'fence') return step(event);
        const { view } = event.message;
        if (view >= last) {
          last = view;
          return step(event);
        }
        last += 1;
        return step({ ...event, message: { ...event.message, view: last } });
      };
    }),
    sees: /FENCED|\(FN\)|does not come to its end/,
    within: 1000,
  },
  {
    rule: 'RB',
    mistake: 'what was only accepted is confirmed',
    parts: bus(
      () => (event, step) =>
        step(event).flatMap((effect): BusEffect[] => {
          if (effect.type !== 'write' || event.type !== 'message') return [effect];
          const { stream, offset, bytes } = effect;
          const message = { type: 'confirmed', stream, offset: offset + bytes.length } as const;
          return [effect, { rule: 'OF', type: 'send', connection: event.connection, message }];
        }),
    ),
    sees: /\(OF|does not come to its end/,
    runs: chooseRestarting,
    within: 200,
  },
  {
    rule: 'ON',
    mistake: 'a bus that was started again gives its devices ids that they know',
    parts: { ...PRODUCTION, bus: options => new Renumbering(options) },
    sees: /of another history|never asked for|\(ON\)|\(IO1\)/,
    runs: chooseRestarting,
    within: 100,
  },
  {
    rule: 'DG',
    mistake: 'the digest of an epoch is compared with itself',
    plant: () => method(GuestAccount, 'agrees', () => () => true),
    sees: /\(P5, P6\)|does not come to its end/,
    runs: struck.flippedUnseen,
    within: 500,
  },
  {
    rule: 'SX',
    mistake: 'whoever says nothing for less than a heartbeat is suspected',
    plant: () => method(Silence, 'limitMs', () => () => 12),
    sees: /nothing has struck/,
    within: 100,
  },
  {
    rule: 'CK',
    mistake: 'the times of the ends of epochs are not minded by a backup',
    parts: execution((event, step) => step(event).filter(({ type }) => type !== 'observe')),
    sees: /went back/,
    within: 1500,
  },
];
