// Mistakes, planted in the parts of a simulated replica or in the prototypes of production, and the search for them.

import { Bus, type BusEffect, type BusEvent } from '../../engine/protocol/bus/bus.js';
import { Channel, type ChannelEffect, type ChannelEvent, type ChannelOptions } from '../../engine/protocol/channel.js';
import { Execution, type ExecutionEffect, type ExecutionEvent } from '../../engine/protocol/execution.js';
import type { StreamOffset } from '../../engine/protocol/messages.js';
import type { Interrupt } from '../../engine/protocol/vocabulary.js';
import { type Part, type Parts, PRODUCTION } from '../../engine/simulator/parts.js';
import { chooseRun, type RunOptions } from '../../engine/simulator/run-plan.js';
import { simulate } from '../../engine/simulator/simulated-run.js';

export interface Mistake {
  readonly rule: string;
  readonly mistake: string;
  /** What the simulator runs in place of production. */
  readonly parts?: Parts;
  /** Changes what `parts` cannot reach; the answer takes it back. */
  readonly plant?: () => () => void;
  /** What the failure says. */
  readonly sees: RegExp;
  readonly runs?: (seed: number) => RunOptions;
  /** A line that the trace of none of these runs has where nothing is wrong. */
  readonly never?: RegExp;
}

/** The first seed at which a mistake matters, and how. */
export function search(
  { parts = PRODUCTION, plant, runs = chooseRun, never }: Mistake,
  seedsMax: number,
): { readonly seed: number; readonly failure: string } | undefined {
  const undo = plant?.();
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const failure = failureOf(runs(seed), parts, never);
      if (failure !== undefined) return { seed, failure };
    }
    return undefined;
  } finally {
    undo?.();
  }
}

/** What is wrong with a run: as the simulator says, or a line of its trace that should not be there. */
export function failureOf(run: RunOptions, parts: Parts, never?: RegExp): string | undefined {
  if (never === undefined) return simulate(run, parts).failure;
  let unexpected: string | undefined;
  const { failure } = simulate(run, parts, line => {
    if (never.test(line)) unexpected ??= line;
  });
  return failure ?? unexpected;
}

/** Replaces a method of a class, for all of its instances. */
export function method<T extends object, K extends keyof T>(
  of: { readonly prototype: T },
  name: K,
  make: (original: T[K]) => T[K],
): () => void {
  const original = Object.getOwnPropertyDescriptor(of.prototype, name)!;
  Object.defineProperty(of.prototype, name, { ...original, value: make(original.value as T[K]) });
  return () => Object.defineProperty(of.prototype, name, original);
}

/** Replaces a getter of a class, for all of its instances. */
export function getter<T extends object, K extends keyof T>(
  of: { readonly prototype: T },
  name: K,
  make: (original: (of: T) => T[K]) => (of: T) => T[K],
): () => void {
  const original = Object.getOwnPropertyDescriptor(of.prototype, name)!;
  const get = make(instance => original.get!.call(instance) as T[K]);
  Object.defineProperty(of.prototype, name, {
    ...original,
    get(this: T) {
      return get(this);
    },
  });
  return () => Object.defineProperty(of.prototype, name, original);
}

/** Several, taken back in turn. */
export function all(...undos: readonly (() => void)[]): () => void {
  return () => {
    for (const undo of undos) undo();
  };
}

export type Steps<Event, Effect> = (event: Event, step: (event: Event) => readonly Effect[]) => readonly Effect[];

/** Execution whose steps go through `mistake`, which may change what goes in and what comes out. */
export function execution(mistake: Steps<ExecutionEvent, ExecutionEffect>): Parts {
  class Planted extends Execution {
    override step(event: ExecutionEvent): readonly ExecutionEffect[] {
      return mistake.call(this, event, inner => super.step(inner));
    }
  }
  return { ...PRODUCTION, execution: (options, from) => new Planted(options, from) };
}

export type ChannelMistake = (
  channel: Channel<Part>,
  incarnation: string,
) => (event: ChannelEvent<Part>, step: (event: ChannelEvent<Part>) => ChannelEffect<Part>[]) => ChannelEffect<Part>[];

export function channel(mistake: ChannelMistake): Parts {
  class Planted extends Channel<Part> {
    readonly #mistake: ReturnType<ChannelMistake>;
    constructor(options: ChannelOptions) {
      super(options);
      this.#mistake = mistake(this, options.incarnation);
    }
    override step(event: ChannelEvent<Part>): ChannelEffect<Part>[] {
      return this.#mistake(event, inner => super.step(inner));
    }
  }
  return { ...PRODUCTION, channel: options => new Planted(options) };
}

export function bus(mistake: () => Steps<BusEvent, BusEffect>, dedupes = true): Parts {
  class Planted extends Bus {
    readonly #mistake = mistake();
    override step(event: BusEvent): readonly BusEffect[] {
      return this.#mistake(event, inner => super.step(inner));
    }
  }
  return {
    ...PRODUCTION,
    bus: options => new Planted({ ...options, operationIds: options.operationIds && dedupes }),
  };
}

/** A bus that takes what it has told to be released. @param released by which of what it tells */
export function releasingWhatIsTold(released: (told: Interrupt) => StreamOffset | undefined): Parts {
  return bus(() => {
    let view = 0;
    return (event, step) => {
      if (event.type === 'message' && event.message.type === 'fence') view = Math.max(view, event.message.view);
      const effects = [...step(event)];
      for (const effect of [...effects]) {
        if (effect.type !== 'send' || effect.message.type !== 'interrupt') continue;
        const offset = released(effect.message.interrupt);
        if (offset === undefined) continue;
        const message = { type: 'output', view, output: { type: 'releaseInput', ...offset } } as const;
        effects.push(...step({ type: 'message', connection: effect.connection, message }));
      }
      return effects;
    };
  });
}
