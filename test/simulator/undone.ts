// Mends, undone: faults that the protocol had, or its drivers, before the simulator or somebody's reading found them.

import { Lane } from '../../engine/protocol/lane.js';
import { OtherOutputs } from '../../engine/protocol/other-outputs.js';
import { Outbox } from '../../engine/protocol/outbox.js';
import { IoEnd } from '../../engine/threads/io-end.js';
import { all, bus, channel, execution, type Mistake, method } from './planting.js';
import * as struck from './struck-runs.js';

export const UNDONE: readonly Mistake[] = [
  {
    rule: 'OF',
    mistake: 'output that is there already is neither kept back nor confirmed, and fills the window',
    parts: bus(() => (event, step) => {
      const effects = step(event);
      if (event.type !== 'message') return effects;
      return effects.filter(effect => effect.type !== 'send' || effect.message.type !== 'confirmed');
    }),
    // What is held when the bus is fenced is cut to what the bus lacks; what is produced later is not.
    plant: sendingWhatIsThere,
    sees: /does not come to its end/,
  },
  {
    rule: 'RL',
    mistake: 'a primary says that all of its log has left, whatever its own guest has yet to put out',
    parts: channel(
      () => (event, step) => step(event.type === 'progress' ? { ...event, said: Number.POSITIVE_INFINITY } : event),
    ),
    sees: /\(RL\)|does not come to its end|\(XT\)|\(OF/,
    runs: struck.lostTwice,
  },
  {
    rule: 'RL',
    mistake: 'any answer of the bus settles the releases that were sent',
    parts: channel(planted => (event, step) => {
      const answers = event.type === 'bus' && ['confirmed', 'interrupt'].includes(event.message.type);
      if (!answers || planted.role !== 'primary') return step(event);
      const message = { type: 'heartbeat', taken: Number.POSITIVE_INFINITY } as const;
      return [...step({ ...event, message }), ...step(event)];
    }),
    sees: /\(RL\)|does not come to its end/,
    runs: struck.lostReleases,
  },
  {
    rule: 'RL',
    mistake: 'the bus never says what it has taken',
    parts: bus(
      () => (event, step) =>
        step(event).map(effect =>
          effect.type === 'send' && effect.message.type === 'heartbeat'
            ? { ...effect, message: { type: 'heartbeat', taken: 0 } }
            : effect,
        ),
    ),
    sees: /does not come to its end|not protected again/,
  },
  {
    rule: 'ON',
    mistake: 'an operation that the bus has counts against what may be under way',
    plant: () =>
      method(OtherOutputs, 'send', send => {
        return function (this: OtherOutputs, item, message) {
          send.call(this, item, item.output.type === 'operation' ? Number.POSITIVE_INFINITY : message);
        };
      }),
    sees: /does not come to its end/,
    runs: struck.manyOperations,
  },
  {
    rule: 'FL',
    mistake: 'a ring that was left alone is not looked at again',
    plant: () => method(IoEnd, 'comeBack' as never, () => (() => undefined) as never),
    sees: /does not come to its end/,
  },
  {
    rule: 'P8',
    mistake: 'an outcome at promotion does not stand where the log ended',
    parts: execution((event, step) => {
      const effects = step(event);
      const ends = effects.some(effect => effect.type === 'output' && effect.output.type === 'outcome');
      return ends ? effects.filter(({ type }) => type !== 'adoptClock') : effects;
    }),
    sees: /\(OR\)|\(KP, OS\)|does not come to its end/,
    runs: struck.deathAtTheEnd,
  },
  {
    rule: 'LG',
    mistake: 'log that was refused is a backlog for ever',
    parts: channel(() => {
      let [deferredBytes, refusedBytes] = [0, 0];
      return (event, step) => {
        if (event.type === 'progress') {
          const { executed, backlogBytes } = event.progress;
          return step({ ...event, progress: { executed, backlogBytes: backlogBytes + refusedBytes } });
        }
        const bytes = event.type === 'peer' && event.message.type === 'log' ? event.message.part.length : 0;
        const effects = step(event);
        const given = effects.some(({ type }) => type === 'log');
        if (!given) deferredBytes += bytes;
        if (given || effects.some(({ type }) => type === 'adopted' || type === 'view')) {
          refusedBytes += deferredBytes;
          deferredBytes = 0;
        }
        return effects;
      };
    }),
    sees: /does not come to its end|\(JN\)/,
    runs: struck.refusedLog,
  },
  {
    rule: 'SX',
    mistake: 'a replica that stood still takes the others to have been silent',
    parts: channel(() => {
      let tickedMs = Number.POSITIVE_INFINITY;
      return (event, step) => {
        if (event.type !== 'tick') return step(event);
        const effects = [];
        // As if it had run all the while, and heard nothing.
        for (tickedMs += 1; tickedMs < event.nowMs; tickedMs += 1)
          effects.push(...step({ type: 'tick', nowMs: tickedMs, crowding: 1 }));
        tickedMs = event.nowMs;
        return [...effects, ...step(event)];
      };
    }),
    sees: / owns view 2 /,
    runs: struck.suspendedHost,
    never: / owns view 2 /,
  },
];

function sendingWhatIsThere(): () => void {
  let attaching = false;
  return all(
    method(Outbox, 'reattach', reattach => {
      return function (this: Outbox, ...fence) {
        attaching = true;
        const answer = reattach.apply(this, fence);
        attaching = false;
        return answer;
      };
    }),
    method(Lane, 'fresh', fresh => {
      return function (this: Lane, output) {
        return attaching ? fresh.call(this, output) : output;
      };
    }),
  );
}
