// Mistakes in what the bus remembers (RB), for runs in which it dies and is started again.

import { Bus, type BusEffect, type BusEvent, type BusOptions } from '../../engine/protocol/bus/bus.js';
import type { BusMemory, BusRecord } from '../../engine/protocol/bus/bus-memory.js';
import { FIRST_OPENED_STREAM } from '../../engine/protocol/vocabulary.js';
import { type Parts, PRODUCTION } from '../../engine/simulator/parts.js';
import { chooseRestarting } from '../../engine/simulator/run-plan.js';
import { SimulatedJournal } from '../../engine/simulator/simulated-journal.js';
import { type Mistake, method } from './planting.js';
import { forgottenView, strandedAtBus } from './struck-runs.js';

/** A bus that goes on from something else than it remembers. */
function remembering(mistake: (memory: BusMemory) => BusMemory): Parts {
  return {
    ...PRODUCTION,
    bus: ({ memory, ...options }) => new Bus(memory === undefined ? options : { ...options, memory: mistake(memory) }),
  };
}

/** A bus that does not keep what is of this type. */
function forgetting(type: BusRecord['type']): Parts {
  class Planted extends Bus {
    override step(event: BusEvent): readonly BusEffect[] {
      return super.step(event).filter(effect => effect.type !== 'keep' || effect.record.type !== type);
    }
  }
  return { ...PRODUCTION, bus: options => new Planted(options) };
}

/** A bus that tells a new owner that it has what is only on its way. */
class Boasting extends Bus {
  readonly #accepted: Map<number, number>;

  constructor(options: BusOptions) {
    super(options);
    this.#accepted = new Map(options.memory?.outputs.map(({ stream, offset }) => [stream, offset]));
  }

  override step(event: BusEvent): readonly BusEffect[] {
    return super.step(event).map(effect => {
      if (effect.type === 'write') this.#accepted.set(effect.stream, effect.offset + effect.bytes.length);
      if (effect.type !== 'send' || effect.message.type !== 'fenced') return effect;
      const streams = effect.message.streams.map(places => {
        return { ...places, received: Math.max(places.received, this.#accepted.get(places.stream) ?? 0) };
      });
      return { ...effect, message: { ...effect.message, streams } };
    });
  }
}

const MISTAKES: readonly Omit<Mistake, 'rule'>[] = [
  {
    mistake: 'what follows from a fact is seen before it is kept',
    plant: () => method(SimulatedJournal, 'whenKept', () => then => then()),
    sees: /OF|does not come to its end/,
  },
  {
    mistake: 'how far an output has come is forgotten',
    parts: remembering(memory => ({ ...memory, outputs: [] })),
    sees: /OF|does not come to its end/,
  },
  {
    mistake: 'a file that has grown since is not looked at',
    parts: remembering(memory => ({
      ...memory,
      outputs: memory.outputs.map(output => ({ ...output, offset: Math.max(0, output.offset - 1) })),
    })),
    sees: /OF|does not come to its end/,
  },
  {
    mistake: 'that a view was fenced is not kept',
    parts: forgetting('fenced'),
    sees: /FN|no gap/,
    runs: forgottenView,
  },
  { mistake: 'what was opened is not kept', parts: forgetting('opened'), sees: /OF|does not come to its end/ },
  { mistake: 'that a stream was closed is not kept', parts: forgetting('closed'), sees: /RL/ },
  {
    mistake: 'input that was told is not kept',
    parts: forgetting('input'),
    sees: /does not come to its end|reached the guest/,
  },
  { mistake: 'what was released is not kept', parts: forgetting('released'), sees: /RL|does not come to its end/ },
  { mistake: 'that the machine is over is not kept', parts: forgetting('ended'), sees: /XT|does not come to its end/ },
  {
    mistake: 'streams that were open are closed, and not reset',
    parts: remembering(memory => ({ ...memory, open: [] })),
    sees: /does not come to its end/,
  },
  {
    mistake: 'numbers of streams begin anew',
    parts: remembering(memory => ({ ...memory, next: Math.min(memory.next, FIRST_OPENED_STREAM) })),
    sees: /OF|does not come to its end/,
  },
  {
    mistake: 'output on its way is told to be there',
    parts: { ...PRODUCTION, bus: options => new Boasting(options) },
    sees: /does not come to its end|OF/,
    runs: strandedAtBus,
  },
];

export const RESTART_MISTAKES: readonly Mistake[] = MISTAKES.map(mistake => ({
  runs: chooseRestarting,
  ...mistake,
  rule: 'RB',
}));
