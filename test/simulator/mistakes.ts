// Every rule of the protocol, broken.

import type { Channel, ChannelEffect, ChannelEvent } from '../../engine/protocol/channel.js';
import { ChannelState } from '../../engine/protocol/channel-state.js';
import { Clock } from '../../engine/protocol/clock.js';
import { Execution, type ExecutionEffect, type ExecutionEvent } from '../../engine/protocol/execution.js';
import { OtherOutputs } from '../../engine/protocol/other-outputs.js';
import { type Held, Outbox } from '../../engine/protocol/outbox.js';
import { type Part, type Parts, PRODUCTION } from '../../engine/simulator/parts.js';
import { chooseHealing, choosePair, chooseRun } from '../../engine/simulator/run-plan.js';
import {
  all,
  bus,
  channel,
  execution,
  getter,
  type Mistake,
  method,
  releasingWhatIsTold,
  type Steps,
} from './planting.js';
import * as struck from './struck-runs.js';

/** `event` as if its sender had said that all below `settled` is settled. */
function settledAt(event: ChannelEvent<Part>, settled: number): ChannelEvent<Part> {
  if (event.type !== 'peer' || (event.message.type !== 'log' && event.message.type !== 'heartbeat')) return event;
  return { ...event, message: { ...event.message, settled } };
}

/** Acknowledgements of everything, as if the backups had sent them. */
function acknowledgeAll(channel: Channel<Part>, step: (event: ChannelEvent<Part>) => ChannelEffect<Part>[]) {
  const view = channel.view!.number;
  const message = { type: 'acknowledgement', view, position: 1e9, progress: { executed: 0, backlogBytes: 0 } } as const;
  return channel.view!.backups.flatMap(peer => step({ type: 'peer', peer, message, nowMs: 0 }));
}

class ClockWithoutMemory extends Clock {
  override adopt(): void {}
  override readRealTimeNs(hostNs: bigint): bigint {
    return hostNs;
  }
  override readMonotonicNs(hostNs: number): number {
    return Math.floor(hostNs);
  }
}

/** A bus that appends whatever is written. */
function appendingBus(): Parts {
  return bus(() => {
    const received = new Map<number, number>();
    return (event, step) => {
      if (event.type !== 'message' || event.message.type !== 'output') return step(event);
      const { output } = event.message;
      if (output.type !== 'stream') return step(event);
      const offset = received.get(output.stream) ?? 0;
      const effects = step({ ...event, message: { ...event.message, output: { ...output, offset } } });
      for (const effect of effects) {
        if (effect.type === 'write') received.set(effect.stream, effect.offset + effect.bytes.length);
      }
      return effects;
    };
  });
}

/** A survivor that sends again what the bus says it has. */
function forgetsOffsets(): Parts {
  return channel(
    () => (event, step) =>
      step(
        event.type === 'bus' && event.message.type === 'fenced'
          ? { ...event, message: { ...event.message, streams: [] } }
          : event,
      ),
  );
}

export const MISTAKES: readonly Mistake[] = [
  {
    rule: 'OR',
    mistake: 'an output leaves before it is acknowledged',
    parts: channel(planted => (event, step) => {
      const effects = step(event);
      if (event.type === 'logged' && planted.role === 'primary') effects.push(...acknowledgeAll(planted, step));
      return effects;
    }),
    sees: /\(OR\)/,
  },
  {
    rule: 'SX',
    mistake: 'a primary that lost its backup lets outputs go before it has a view of its own',
    parts: channel(
      planted => (event, step) =>
        event.type === 'peerClosed' && planted.role === 'primary'
          ? [...acknowledgeAll(planted, step), ...step(event)]
          : step(event),
    ),
    sees: /\(OR\)/,
  },
  {
    rule: 'CL',
    mistake: 'a backup goes on acknowledging after it has sent a claim',
    parts: channel(planted => {
      let claiming = false;
      return (event, step) => {
        const effects = step(event);
        if (effects.some(({ type, rule }) => type === 'claim' && rule === 'CL')) claiming = true;
        if (event.type === 'claimed' && event.answer.result !== 'unreachable') claiming = false;
        if (!claiming || event.type !== 'peer' || event.message.type !== 'log') return effects;
        const { view, position, length } = event.message;
        const progress = { executed: 0, backlogBytes: 0 };
        const message = { type: 'acknowledgement', view, position: position + length, progress } as const;
        return planted.view!.number === view
          ? [...effects, { rule: 'P4', type: 'sendPeer', peer: event.peer, message } as const]
          : effects;
      };
    }),
    sees: /\(OR\)/,
  },
  {
    rule: 'VW',
    mistake: 'an arbiter out of reach is taken for a yes',
    parts: channel(
      () => (event, step) =>
        step(
          event.type === 'claimed' && event.answer.result === 'unreachable'
            ? { ...event, answer: { result: 'won' } }
            : event,
        ),
    ),
    sees: /\((VW|FN)\)/,
  },
  {
    rule: 'LS',
    mistake: 'a replica whose claim is lost goes on as if it had won',
    parts: channel(
      () => (event, step) =>
        step(
          event.type === 'claimed' && event.answer.result === 'lost' ? { ...event, answer: { result: 'won' } } : event,
        ),
    ),
    sees: /\(VW\)/,
  },
  {
    rule: 'RS',
    mistake: 'nothing is sent again to a bus that was lost and found',
    parts: channel(() => (event, step) => step(event).filter(({ rule }) => rule !== 'RS')),
    sees: /does not come to its end|defect|differs/,
  },
  {
    rule: 'FN',
    mistake: 'the bus takes outputs of any view, from anyone',
    parts: bus(() => {
      let owner = { connection: 0, view: 0 };
      return (event, step) => {
        if (event.type !== 'message') return step(event);
        const { connection, message } = event;
        if (message.type === 'fence' && message.view > owner.view) owner = { connection, view: message.view };
        if (message.type !== 'output' || message.view >= owner.view) return step(event);
        return step({ ...event, connection: owner.connection, message: { ...message, view: owner.view } });
      };
    }),
    sees: /\(FN\)/,
    runs: struck.strandedOutputs,
  },
  {
    rule: 'ON',
    mistake: 'the bus performs a repeat',
    parts: bus(() => (event, step) => step(event), false),
    sees: /\(ON\)/,
  },
  {
    rule: 'OF',
    mistake: 'neither replica nor bus looks at the offset of what is written',
    parts: { ...appendingBus(), channel: forgetsOffsets().channel },
    sees: /\(OF/,
    // The places of an end and a close cannot be appended: such streams stand still.
    runs: seed => ({ ...chooseRun(seed), visits: [] }),
  },
  {
    rule: 'RL',
    mistake: 'the bus forgets input as soon as it was sent',
    parts: releasingWhatIsTold(told =>
      told.kind === 'stream' ? { stream: told.stream, offset: told.offset + told.bytes.length } : undefined,
    ),
    sees: /no gap|does not come to its end|\(RL\)/,
  },
  {
    rule: 'CK',
    mistake: 'a survivor reads its own clock and no other',
    parts: { ...PRODUCTION, clock: () => new ClockWithoutMemory() },
    sees: /went back/,
  },
  {
    rule: 'FL',
    mistake: 'the run of empty epochs is logged after the output that it precedes',
    parts: execution((event, step) => {
      const effects = step(event);
      if (event.type !== 'write' && event.type !== 'start') return effects;
      const late = effects.filter(({ type }) => type === 'log');
      const at = effects.findIndex(({ type }) => type === 'output') + 1;
      const others = effects.filter(({ type }) => type !== 'log');
      return late.length === 0 ? effects : [...others.slice(0, at), ...late, ...others.slice(at)];
    }),
    sees: /\(OR\)/,
  },
  {
    rule: 'FL',
    mistake: 'nothing is shipped before the guest waits',
    parts: execution((event, step) => step(event).filter(({ type }) => type !== 'flush')),
    sees: /does not come to its end/,
  },
  {
    rule: 'P6',
    mistake: 'a backup returns a value of its own',
    parts: execution((event, step) =>
      step(event).map(effect =>
        effect.type === 'result' && effect.rule === 'P6' ? { ...effect, value: effect.value + 1n } : effect,
      ),
    ),
    sees: /\(P5, P6\)|diverged|differs/,
  },
  {
    rule: 'P5',
    mistake: 'a backup loses interrupts that came with the end of an epoch',
    parts: execution((event, step) => step(event).filter(({ rule, type }) => !(rule === 'P5' && type === 'deliver'))),
    sees: /\(P5, P6\)|diverged/,
  },
  {
    rule: 'P8',
    mistake: 'no uncertain interrupt is raised',
    parts: execution((event, step) =>
      step(event).map(effect =>
        effect.type === 'deliver'
          ? { ...effect, interrupts: effect.interrupts.filter(({ kind }) => kind !== 'uncertain') }
          : effect,
      ),
    ),
    sees: /does not come to its end|never performed/,
  },
  {
    rule: 'P1',
    mistake: 'what the bus tells a survivor before P8 is done is lost',
    parts: execution(function (this: Execution, event, step) {
      return event.type === 'interrupt' && this.role !== 'primary' ? [] : step(event);
    } as Steps<ExecutionEvent, ExecutionEffect>),
    sees: /no gap|does not come to its end/,
  },
  {
    rule: 'XT',
    mistake: 'a survivor whose guest has ended keeps that to itself',
    parts: execution((event, step) => (event.type === 'promote' ? step(event).slice(0, 0) : step(event))),
    sees: /does not come to its end/,
    runs: choosePair,
  },
  {
    rule: 'JN',
    mistake: 'a joining replica is named before its guest runs',
    parts: channel(() => (event, step) => {
      if (event.type !== 'peer' || event.message.type !== 'heartbeat') return step(event);
      const { progress } = event.message;
      return step({ ...event, message: { ...event.message, progress: { ...progress, executed: 1e9 } } });
    }),
    sees: /\(JN/,
    runs: struck.slowJoin,
  },
  {
    rule: 'JN',
    mistake: 'the word of a joining replica counts as that of a backup',
    parts: channel(planted => (event, step) => {
      const effects = step(event);
      if (event.type !== 'peer' || event.message.type !== 'acknowledgement' || planted.role !== 'primary')
        return effects;
      if (planted.view!.backups.includes(event.peer)) return effects;
      for (const peer of planted.view!.backups) effects.push(...step({ ...event, peer }));
      return effects;
    }),
    sees: /\(OR\)|\(JN, BV\)/,
    // It takes a rare run, of which there is one among those whose epochs stay as long as they are.
    runs: seed => ({ ...chooseHealing(seed), lengthProbability: 0 }),
  },
  {
    rule: 'JN',
    mistake: 'a joining replica is not told of output from before its snapshot that may not be there',
    parts: withoutPending(({ output }) => output.type === 'stream'),
    sees: /does not come to its end|a defect|\(OF/,
    runs: struck.strandedWhileJoining,
  },
  {
    rule: 'BV',
    mistake: 'while a claim is out only the backups of the old view are waited for',
    parts: channel(planted => {
      let named: string | undefined;
      let logEnd = 0;
      return (event, step) => {
        const effects = step(event);
        for (const effect of effects) {
          if (effect.type === 'claim') named = effect.rule === 'JN' ? effect.view.backups.at(-1) : undefined;
          if (effect.type !== 'sendPeer' || effect.message.type !== 'log') continue;
          logEnd = effect.message.position + effect.message.length;
        }
        if (event.type === 'claimed' || event.type !== 'logged' || named === undefined) return effects;
        const progress = { executed: 0, backlogBytes: 0 };
        const view = planted.view!.number;
        const message = { type: 'acknowledgement', view, position: logEnd, progress } as const;
        return [...effects, ...step({ type: 'peer', peer: named, message, nowMs: 0 })];
      };
    }),
    sees: /\(OR\)|\(JN, BV\)/,
    runs: seed => ({ ...chooseHealing(seed), arbiterNs: [1e6, 5e7] }),
  },
  {
    rule: 'RA',
    mistake: 'a joining replica that loses its primary takes itself to be named',
    parts: channel((planted, incarnation) => (event, step) => {
      const effects = step(event);
      if (!effects.some(({ type }) => type === 'readLatest')) return effects;
      const view = { ...planted.view!, number: planted.view!.number + 1, backups: [incarnation] };
      return [...effects, ...step({ type: 'latest', view, nowMs: 0 })];
    }),
    sees: /\(VW\)/,
    runs: chooseHealing,
  },
  {
    rule: 'OS',
    mistake: 'the winner does not wait for the others',
    parts: channel(planted => (event, step) => {
      const effects = step(event);
      if (event.type !== 'claimed' || planted.role !== 'primary' || event.answer.result !== 'won') return effects;
      const view = planted.view!;
      for (const peer of view.backups) {
        const message = { type: 'follow', view: view.number, position: 0 } as const;
        effects.push(...step({ type: 'peer', peer, message, nowMs: 0 }));
      }
      return effects;
    }),
    sees: /diverged|something else|a defect|\(KP, OS\)/,
    runs: struck.threeStruckTwice,
  },
  {
    rule: 'KP',
    mistake: 'nothing is kept for another',
    parts: channel(() => (event, step) => step(settledAt(event, 1e9))),
    sees: /\(KP, OS\)/,
    runs: struck.threeStruckTwice,
  },
  {
    rule: 'KP',
    mistake: 'all is kept for ever',
    parts: channel(() => (event, step) => step(settledAt(event, 0))),
    sees: /\(KP\)/,
    runs: seed => ({ ...chooseHealing(seed), replicas: 3, epochLength: 1 }),
  },
  {
    rule: 'EL',
    mistake: 'a backup takes another epoch length over an epoch late',
    plant: () => {
      const lengths = new WeakMap<Execution, number>();
      return getter(Execution, 'epochLength', epochLength => of => {
        const now = epochLength(of);
        const before = lengths.get(of) ?? now;
        lengths.set(of, now);
        return of.role === 'backup' ? before : now;
      });
    },
    sees: /diverged \(DG\)/,
  },
  {
    rule: 'EL',
    mistake: 'a joining replica begins with the epoch length that the machine began with',
    parts: {
      ...PRODUCTION,
      execution: (options, from) =>
        new Execution(options, from && { ...from, state: { ...from.state, epochLength: options.epochLength } }),
    },
    sees: /diverged \(DG\)/,
    runs: struck.resizedAndJoined,
  },
  {
    rule: 'EL',
    mistake: 'a survivor goes on with the epoch length that its machine began with',
    plant: () => {
      const begun = new WeakMap<Execution, number>();
      return getter(Execution, 'epochLength', epochLength => of => {
        if (!begun.has(of)) begun.set(of, epochLength(of));
        return of.role === 'backup' ? epochLength(of) : begun.get(of)!;
      });
    },
    sees: /diverged \(DG\)/,
    runs: struck.resizedAndJoined,
  },
  {
    rule: 'SD',
    mistake: 'a state digest that differs is not minded',
    parts: execution((event, step) => step(event.type === 'verified' ? { ...event, difference: undefined } : event)),
    sees: /diverged|differs from what one machine writes|at the end, one machine writes|never asked for|of another history|waits for ever|something else|over before|a defect/,
    runs: seed => ({
      ...struck.flippedBackup(seed),
      repair: false,
      faults: [...struck.flippedBackup(seed).faults, { kind: 'kill', replica: 0, atStep: 400 }],
    }),
  },
  {
    rule: 'RL',
    mistake: 'a release that was sent is taken to have arrived',
    plant: ignoringReleases,
    sees: /\(RL\)|does not come to its end/,
    runs: struck.lostReleases,
  },
  {
    rule: 'RS',
    mistake: 'no release is sent again',
    plant: () =>
      method(Outbox, 'reattach', reattach => {
        return function (this: Outbox, ...offsets) {
          const { again, uncertain } = reattach.apply(this, offsets);
          return {
            again: again.filter(({ type }) => type !== 'releaseInput' && type !== 'releaseOperation'),
            uncertain,
          };
        };
      }),
    sees: /\(RL\)|does not come to its end/,
    runs: struck.connectionLost,
  },
  {
    rule: 'JN',
    mistake: 'a joining replica is not told of releases from before its snapshot that may not have arrived',
    parts: withoutPending(({ output }) => output.type === 'releaseInput' || output.type === 'releaseOperation'),
    sees: /\(RL\)|does not come to its end/,
    runs: struck.strandedWhileJoining,
  },
  {
    rule: 'JN',
    mistake: 'what was put out right at the position of a snapshot is taken to be in it',
    parts: withoutPending(({ position }, joinedAt) => position === joinedAt),
    sees: /\(RL\)|does not come to its end/,
    runs: struck.cutAtSnapshot,
  },
  {
    rule: 'KP',
    mistake: 'somebody is named though it lacks what the others keep no more',
    plant: namingBeforeSettled,
    sees: /\(KP, OS\)/,
    runs: struck.deathAtNaming,
  },
  {
    rule: 'OS',
    mistake: 'a follower that was brought up is taken to have what it was only sent',
    parts: channel(planted => {
      let logEnd = 0;
      return (event, step) => {
        if (event.type === 'peer' && (event.message.type === 'log' || event.message.type === 'offer')) {
          logEnd = Math.max(logEnd, event.message.position + event.message.length);
        }
        const effects = step(event);
        if (!effects.some(({ type }) => type === 'promote')) return effects;
        const { number: view, backups } = planted.view!;
        const progress = { executed: 0, backlogBytes: 0 };
        const message = { type: 'acknowledgement', view, position: logEnd, progress } as const;
        return [...effects, ...backups.flatMap(peer => step({ type: 'peer', peer, message, nowMs: 0 }))];
      };
    }),
    sees: /\(OR\)|\(JN, BV\)/,
    runs: struck.slowFollower,
  },
  {
    rule: 'LS',
    mistake: 'a primary without the bus stays, though its backup has it',
    parts: channel(() => (event, step) => {
      if (event.type !== 'peer' || event.message.type !== 'heartbeat') return step(event);
      return step({ ...event, message: { ...event.message, bus: false } });
    }),
    sees: /does not come to its end/,
    runs: struck.primaryWithoutBus,
  },
];

/** A primary that leaves some of what a joining replica is to hold untold. */
function withoutPending(leftOut: (pending: Held, joinedAt: number) => boolean): Parts {
  return channel(() => {
    let joinedAt = 0;
    return (event, step) =>
      step(event).filter(effect => {
        if (effect.type !== 'sendPeer') return true;
        const { message } = effect;
        if (message.type === 'welcome') joinedAt = message.position;
        return message.type !== 'pending' || !leftOut(message, joinedAt);
      });
  });
}

/** The position of an outbox, as if every release that was sent had arrived. */
function ignoringReleases(): () => void {
  let within = false;
  return all(
    getter(Outbox, 'left', left => outbox => {
      within = true;
      try {
        return left(outbox);
      } finally {
        within = false;
      }
    }),
    getter(OtherOutputs, 'oldestRelease', oldest => sent => (within ? undefined : oldest(sent))),
  );
}

/**
 * Who is named has to have what precedes all outputs that have left, and nothing more: of the two positions that are read
 * then, `released` and `settled`, the second is 0.
 */
function namingBeforeSettled(): () => void {
  let reading: 'elsewhere' | 'naming' | 'noted' = 'elsewhere';
  const watched = new WeakSet<object>();
  return all(
    getter(Outbox, 'released', released => outbox => {
      reading = 'naming';
      return released(outbox);
    }),
    method(ChannelState, 'newPeer', newPeer => {
      return function (this: ChannelState<unknown>, link) {
        const peer = newPeer.call(this, link);
        if (watched.has(this)) return peer;
        watched.add(this);
        let { settled } = this;
        Object.defineProperty(this, 'settled', {
          get: () => {
            if (reading !== 'noted') return settled;
            reading = 'elsewhere';
            return 0;
          },
          set: (position: number) => {
            settled = position;
            if (reading === 'naming') reading = 'noted';
          },
        });
        return peer;
      };
    }),
  );
}
