// Clients that remember: what they asked, when, and what was answered; and every write that was acknowledged to them.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Asked, type Done, unexplained } from './linearizable.js';
import { command, type Reply, RespClient } from './resp.js';

const COUNTERS = ['counter:a', 'counter:b'];
const TEXTS = ['text:a', 'text:b'];
const CLIENTS = 4;
/** Of the writer: so many at a time, so often. A store that remembers all of a minute stays small. */
const WRITES = 8;
const WRITE_EVERY_MS = 10;
/** Asked for at once when the writes are looked for. */
const LOOKED_FOR = 500;

/** After a kill: answers that were on their way have come. */
const SILENCE_BEGINS_MS = 20;

function pick<T>(all: readonly T[]): T {
  return all[Math.floor(Math.random() * all.length)]!;
}

/** @throws Error where the server answers with one */
function checked(reply: Reply | undefined): string | number | null {
  if (reply === undefined || (typeof reply === 'object' && reply !== null)) {
    throw new Error(`an error was answered: ${reply?.error}`);
  }
  return reply;
}

/** A few clients on a few keys at once, back to back. */
export class HistoryClients {
  readonly #histories = new Map<string, Done[]>([...COUNTERS, ...TEXTS].map(key => [key, []]));

  async run(port: number, over: () => boolean): Promise<void> {
    // Keys that another round has left would be explained by nothing.
    const first = await RespClient.connect(port);
    for (const [key, history] of this.#histories) {
      const calledMs = performance.now();
      const [reply] = await first.ask([command('SET', key, '0')]);
      const asked: Asked = { kind: 'set', value: '0' };
      history.push({ asked, answer: checked(reply), calledMs, answeredMs: performance.now() });
    }
    first.close();
    await Promise.all(Array.from({ length: CLIENTS }, () => this.#client(port, over)));
  }

  async #client(port: number, over: () => boolean): Promise<void> {
    const client = await RespClient.connect(port);
    while (!over()) {
      const isCounter = Math.random() < 0.5;
      const key = pick(isCounter ? COUNTERS : TEXTS);
      const asked = isCounter ? askedOfCounter() : askedOfText();
      const calledMs = performance.now();
      const [reply] = await client.ask([written(key, asked)]);
      this.#histories.get(key)!.push({ asked, answer: checked(reply), calledMs, answeredMs: performance.now() });
      // Some thousands a second would be of no more use, and in everybody's way.
      await sleep(1);
    }
    client.close();
  }

  get operations(): number {
    return [...this.#histories.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** @returns what can't have happened, in words; empty: all can */
  judge(): string[] {
    return [...this.#histories].flatMap(([key, history]) => {
      const wrong = unexplained(history);
      return wrong === undefined ? [] : [`${key}: nothing explains ${JSON.stringify(wrong)}`];
    });
  }
}

function askedOfCounter(): Asked {
  const chance = Math.random();
  if (chance < 0.5) return { kind: 'increment' };
  return chance < 0.9 ? { kind: 'get' } : { kind: 'set', value: String(Math.floor(Math.random() * 1000)) };
}

function askedOfText(): Asked {
  const chance = Math.random();
  if (chance < 0.5) return { kind: 'append', value: pick(['a', 'b', 'c']) };
  return chance < 0.9 ? { kind: 'get' } : { kind: 'set', value: pick(['', 'x', 'yz']) };
}

function written(key: string, asked: Asked): string {
  switch (asked.kind) {
    case 'get':
      return command('GET', key);
    case 'set':
      return command('SET', key, asked.value);
    case 'append':
      return command('APPEND', key, asked.value);
    case 'increment':
      return command('INCR', key);
  }
}

/** Writes key after key, and knows how many were acknowledged. */
export class Writer {
  acknowledged = 0;

  async run(port: number, over: () => boolean): Promise<void> {
    const client = await RespClient.connect(port);
    while (!over()) {
      const writes = Array.from({ length: WRITES }, (_, index) => this.#write(this.acknowledged + index));
      for (const reply of await client.ask(writes)) checked(reply);
      this.acknowledged += WRITES;
      await sleep(WRITE_EVERY_MS);
    }
    client.close();
  }

  #write(number: number): string {
    return command('SET', `written:${number}`, `value ${number}`);
  }

  /** @returns how many of the acknowledged writes are not there */
  async missing(port: number): Promise<number> {
    const client = await RespClient.connect(port);
    let missing = 0;
    for (let from = 0; from < this.acknowledged; from += LOOKED_FOR) {
      const numbers = Array.from(
        { length: Math.min(LOOKED_FOR, this.acknowledged - from) },
        (_, index) => from + index,
      );
      const replies = await client.ask(numbers.map(number => command('GET', `written:${number}`)));
      missing += numbers.filter((number, index) => replies[index] !== `value ${number}`).length;
    }
    client.close();
    return missing;
  }
}

export interface Wait {
  readonly ms: number;
  readonly untilMs: number;
}

/** One that asks back to back: how long it waited, and until when. */
export class Asker {
  /** Waits of more than this are kept, ms: those around kills are. */
  static readonly KEPT_MS = 2;
  readonly waits: Wait[] = [];
  answers = 0;

  async run(port: number, over: () => boolean): Promise<void> {
    const client = await RespClient.connect(port);
    const question = [command('SET', 'asked', 'x')];
    while (!over()) {
      const begunMs = performance.now();
      checked((await client.ask(question))[0]);
      const untilMs = performance.now();
      this.answers += 1;
      if (untilMs - begunMs > Asker.KEPT_MS) this.waits.push({ ms: untilMs - begunMs, untilMs });
    }
    client.close();
  }

  /** The wait that a kill has caused: the longest that began before what was under way has come, or at once after. */
  silence(killMs: number): Wait | undefined {
    return this.waits
      .filter(({ ms, untilMs }) => untilMs >= killMs && untilMs - ms <= killMs + SILENCE_BEGINS_MS)
      .toSorted((one, other) => other.ms - one.ms)[0];
  }

  /** The longest wait that ended in a span of time. */
  longestMs(fromMs: number, toMs: number): number {
    return Math.max(0, ...this.waits.filter(({ untilMs }) => untilMs >= fromMs && untilMs < toMs).map(({ ms }) => ms));
  }
}
