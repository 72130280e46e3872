// Streams that come and go, with mistakes: in what is told again, in windows, in what is known to be closed.

import type { BusEffect } from '../../engine/protocol/bus/bus.js';
import { Streams } from '../../engine/protocol/bus/streams.js';
import { Outbox } from '../../engine/protocol/outbox.js';
import { FIRST_OPENED_STREAM } from '../../engine/protocol/vocabulary.js';
import { choosePair } from '../../engine/simulator/run-plan.js';
import { STREAM_DIALLED } from '../../engine/simulator/toy-guest.js';
import { bus, channel, type Mistake, method, releasingWhatIsTold } from './planting.js';

export const STREAM_MISTAKES: readonly Mistake[] = [
  {
    rule: 'RL',
    mistake: 'the bus takes whoever was told that a stream was opened to know it for good',
    parts: releasingWhatIsTold(told =>
      told.kind === 'opened' ? { stream: told.stream, offset: told.offset + 1 } : undefined,
    ),
    sees: /no gap|does not come to its end|is opened, /,
  },
  {
    rule: 'RL',
    mistake: 'a new owner is not told that a stream was reset',
    parts: bus(() => (event, step) => {
      const isReset = (effect: BusEffect) =>
        effect.type === 'send' && effect.message.type === 'interrupt' && effect.message.interrupt.kind === 'reset';
      return step(event).filter(effect => event.type !== 'message' || !isReset(effect));
    }),
    sees: /does not come to its end/,
  },
  {
    rule: 'RL',
    mistake: 'a new owner is not told of what the guest had asked to be opened, and is told that it is done',
    parts: bus(() => (event, step) => {
      const isDialled = (effect: BusEffect) =>
        effect.type === 'send' &&
        effect.message.type === 'interrupt' &&
        effect.message.interrupt.kind === 'opened' &&
        effect.message.interrupt.stream === STREAM_DIALLED;
      return step(event).filter(effect => event.type !== 'message' || !isDialled(effect));
    }),
    sees: /no gap|is not known|does not come to its end/,
  },
  {
    rule: 'OF',
    mistake: 'the guest never hears that there is room again',
    parts: channel(
      () => (event, step) =>
        step(event).filter(effect => effect.type !== 'interrupt' || effect.interrupt.kind !== 'taken'),
    ),
    sees: /does not come to its end/,
  },
  {
    rule: 'OF',
    mistake: 'the guest of a new primary never hears of room that was made before',
    parts: channel(() => (event, step) => {
      const fenced = event.type === 'bus' && event.message.type === 'fenced';
      return step(event).filter(effect => !fenced || effect.type !== 'interrupt' || effect.interrupt.kind !== 'taken');
    }),
    sees: /does not come to its end/,
  },
  {
    rule: 'OF',
    mistake: 'a stream that the bus has forgotten is taken to be one that it does not know yet',
    parts: bus(
      () => (event, step) =>
        step(event).map(effect =>
          effect.type === 'send' && effect.message.type === 'fenced'
            ? { ...effect, message: { ...effect.message, next: FIRST_OPENED_STREAM } }
            : effect,
        ),
    ),
    plant: () =>
      method(Streams, 'output', output => {
        return function (this: Streams, one) {
          const open = one.stream < FIRST_OPENED_STREAM || this.open.includes(one.stream);
          return open ? output.call(this, one) : `output of stream ${one.stream}, which is closed`;
        };
      }),
    sees: /does not come to its end|a defect|\(OF/,
  },
  {
    rule: 'OF',
    mistake: 'an end counts for nothing, and what was confirmed before it confirms it, too',
    plant: () =>
      method(Outbox, 'confirm', confirm => {
        return function (this: Outbox, stream, offset) {
          confirm.call(this, stream, stream >= FIRST_OPENED_STREAM ? offset + 1 : offset);
        };
      }),
    sees: /\(OF|does not come to its end|\(RL\)/,
  },
  {
    rule: 'LG',
    mistake: 'a backup is told once what is confirmed, and of no change',
    plant: () => method(Outbox, 'takeUntold', () => () => []),
    sees: /does not come to its end|not protected again/,
    runs: seed => ({ ...choosePair(seed), guestSteps: 100, floodBytes: 4096, faults: [] }),
  },
];
