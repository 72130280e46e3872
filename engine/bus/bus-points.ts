// The places of a hook of a bus (bus-hook.ts): around its memory, its devices and the links that it is given.

import type { OperationDevice, SourceSink, StreamDevice, StreamSink } from '../../devices/device.js';
import type { Link } from '../channel/link.js';
import { decodeFromBus, decodeToBus } from '../wire/packets.js';
import {
  type BusHook,
  type BusInFlight,
  type BusKind,
  type BusPlace,
  START_STEPS,
  type StartStep,
  type TestedBus,
} from './bus-hook.js';
import type { BusLink, ServerMemory } from './server.js';

export class BusPoints implements TestedBus {
  readonly #hook: BusHook;
  readonly #numbers = new Map<string, number>();
  readonly #reached = new Set<string>();
  /** Of replicas, that stand. */
  readonly #links = new Set<Link>();
  #generation = 0;
  #sent = 0;
  #taken = 0;
  #kept = 0;
  #operations = 0;
  #isOver = false;

  constructor(hook: BusHook) {
    this.#hook = hook;
  }

  inFlight(): BusInFlight {
    return {
      generation: this.#generation,
      replicas: this.#links.size,
      sent: this.#sent,
      taken: this.#taken,
      kept: this.#kept,
      operations: this.#operations,
      isOver: this.#isOver,
    };
  }

  settle(): void {
    for (const link of this.#links) link.flush();
  }

  /** A step of the start. */
  async step<Result>(step: StartStep, act: () => Promise<Result>): Promise<Result> {
    this.#start(step, 'before');
    const result = await act();
    this.#start(step, 'after');
    return result;
  }

  memory(memory: ServerMemory): ServerMemory {
    this.#generation = memory.generation;
    this.#isOver = memory.memory.outcome !== undefined;
    return around(memory, {
      append: records => {
        const what = `keep ${[...new Set(records.map(({ type }) => type))].join(' and ')}`;
        this.#around('memory', what, () => {
          memory.append(records);
          this.#kept += 1;
          if (records.some(({ type }) => type === 'ended')) this.#isOver = true;
        });
      },
    });
  }

  /** Something that only reads has no such places. */
  stream<Device extends StreamDevice>(device: Device): Device {
    const changes: Partial<StreamDevice> = {
      start: (sink: StreamSink) => {
        const changed: Partial<SourceSink> = {
          written: (stream, offset, mark) => {
            const number = this.#next('written');
            this.#hook.at({ kind: 'output', number, when: 'after', what: `write stream ${stream}` }, this);
            sink.written(stream, offset, mark);
          },
        };
        device.start(around(sink, changed));
      },
      write: (stream, offset, bytes) => {
        const number = this.#next('output');
        this.#hook.at({ kind: 'output', number, when: 'before', what: `write stream ${stream}` }, this);
        device.write(stream, offset, bytes);
      },
    };
    return around(device, changes as Partial<Device>);
  }

  operations(device: OperationDevice): OperationDevice {
    return around(device, {
      perform: async operation => {
        const what = `perform operation ${operation.id} of device ${operation.device}`;
        const number = this.#next('operation');
        this.#hook.at({ kind: 'operation', number, when: 'before', what }, this);
        this.#operations += 1;
        const completion = await device.perform(operation);
        this.#operations -= 1;
        this.#hook.at({ kind: 'operation', number, when: 'after', what }, this);
        return completion;
      },
    });
  }

  /** Of a replica; the step `attached` ends when the server has taken it (`attached`). */
  link(link: Link): BusLink {
    this.#start('attached', 'before');
    this.#links.add(link);
    return around<BusLink>(link, {
      listen: ({ message, closed }) =>
        link.listen({
          message: bytes => this.#takes(decodeToBus(bytes).type, () => message(bytes)),
          closed: (...reason) => {
            this.#links.delete(link);
            closed(...reason);
          },
        }),
      send: bytes => this.#sends(bytes, () => link.send(bytes)),
      sendLate: bytes => this.#sends(bytes, () => link.sendLate(bytes)),
    });
  }

  attached(): void {
    this.#start('attached', 'after');
  }

  #takes(type: string, take: () => void): void {
    this.#around('message', `take ${type}`, () => {
      this.#taken += 1;
      if (type === 'fence') this.#start('fenced', 'before');
      take();
    });
  }

  #sends(bytes: Uint8Array, send: () => boolean): boolean {
    const { type } = decodeFromBus(bytes);
    if (type === 'heartbeat') return send();
    return this.#around('message', `send ${type}`, () => {
      const isOpen = send();
      this.#sent += 1;
      if (type === 'fenced') this.#start('fenced', 'after');
      return isOpen;
    });
  }

  /** The first time alone. */
  #start(step: StartStep, when: BusPlace['when']): void {
    const name = `${step} ${when}`;
    if (this.#reached.has(name)) return;
    this.#reached.add(name);
    this.#hook.at({ kind: 'start', number: START_STEPS.indexOf(step) + 1, when, what: step }, this);
  }

  #around<Result>(kind: BusKind, what: string, act: () => Result): Result {
    const number = this.#next(kind);
    this.#hook.at({ kind, number, when: 'before', what }, this);
    const result = act();
    this.#hook.at({ kind, number, when: 'after', what }, this);
    return result;
  }

  #next(of: string): number {
    const number = (this.#numbers.get(of) ?? 0) + 1;
    this.#numbers.set(of, number);
    return number;
  }
}

/** An object with some of its functions changed. */
function around<Changed extends object>(whole: Changed, changes: Partial<Changed>): Changed {
  return new Proxy(whole, {
    get: (target, name) => {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name) as unknown;
      const value: unknown = Reflect.get(target, name, target);
      // Private fields are the target's.
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
