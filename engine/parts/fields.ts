// Reading a JSON object that people edit: each fault is one line that names the file, the field, and what is right.

import { EpochvisorError } from '../errors/errors.js';

/** Longest value that a message quotes. */
const QUOTED_MAX = 60;

export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #where: string;
  readonly #read = new Set<string>();

  /** @param where names the file in messages @throws EpochvisorError DESCRIPTION_INVALID */
  static parse(text: string, where: string): Fields {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw invalid(where, `it is not JSON: ${(error as Error).message.split('\n')[0]}`);
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return new Fields(value as Record<string, unknown>, where);
    }
    throw invalid(where, 'it is not a JSON object');
  }

  private constructor(values: Readonly<Record<string, unknown>>, where: string) {
    this.#values = values;
    this.#where = where;
  }

  constant(name: string, wanted: string): void {
    if (this.#take(name) !== wanted) throw this.#wrong(name, JSON.stringify(wanted));
  }

  /** @throws EpochvisorError DESCRIPTION_VERSION */
  version(wanted: number): void {
    const found = this.#take('version');
    if (found === wanted) return;
    const what = `${this.#where} is of version ${quote(found)}, and this epochvisor knows version ${wanted}`;
    throw new EpochvisorError('DESCRIPTION_VERSION', what, 'use the epochvisor that made it, or make it anew');
  }

  matching(name: string, pattern: RegExp, what: string): string {
    const value = this.#take(name);
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw this.#wrong(name, what);
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    const value = choices.find(choice => choice === this.#take(name));
    if (value !== undefined) return value;
    throw this.#wrong(name, `one of ${choices.map(choice => JSON.stringify(choice)).join(', ')}`);
  }

  integer(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.#wrong(name, `a whole number from ${least} to ${most}`);
  }

  number(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (typeof value === 'number' && value >= least && value <= most) return value;
    throw this.#wrong(name, `a number from ${least} to ${most}`);
  }

  boolean(name: string): boolean {
    const value = this.#take(name);
    if (typeof value === 'boolean') return value;
    throw this.#wrong(name, 'true or false');
  }

  /** A moment, ms since 1970. */
  time(name: string): number {
    const value = this.#take(name);
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    if (ms >= 0) return ms;
    throw this.#wrong(name, 'a time such as "2026-01-31T12:00:00.000Z"');
  }

  /** @param read one item; undefined: it is none */
  list<T>(name: string, what: string, read: (item: unknown) => T | undefined): readonly T[] {
    const value = this.#take(name);
    if (!Array.isArray(value)) throw this.#wrong(name, 'a list');
    return value.map((item: unknown, index) => {
      const one = read(item);
      if (one !== undefined) return one;
      throw invalid(this.#where, `"${name}"[${index}] is ${quote(item)}, not ${what}`);
    });
  }

  optional<T>(name: string, read: () => T): T | undefined {
    return Object.hasOwn(this.#values, name) ? read() : undefined;
  }

  /** Whatever was not read is a mistake. */
  end(): void {
    const unknown = Object.keys(this.#values).find(name => !this.#read.has(name));
    if (unknown !== undefined) throw invalid(this.#where, `it has a field ${quote(unknown)} that nobody knows`);
  }

  #take(name: string): unknown {
    this.#read.add(name);
    if (Object.hasOwn(this.#values, name)) return this.#values[name];
    throw invalid(this.#where, `the field "${name}" is missing`);
  }

  #wrong(name: string, what: string): EpochvisorError {
    return invalid(this.#where, `"${name}" is ${quote(this.#values[name])}, not ${what}`);
  }
}

function invalid(where: string, what: string): EpochvisorError {
  return new EpochvisorError('DESCRIPTION_INVALID', `${where}: ${what}`, 'put it right, or make the folder anew');
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}...` : text;
}
