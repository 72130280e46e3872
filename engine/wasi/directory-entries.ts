// The entries of a directory: by name, and in the order that fd_readdir tells them, with cookies that stay valid.
//
// Every entry gets the next number when it is made, and keeps it: reading on from a cookie tells each entry that was
// there all the time exactly once, whatever was made or removed in between. 1 and 2 are `.` and `..`.

export interface Entry {
  readonly name: string;
  readonly inode: number;
  /** What fd_readdir is to go on from to get the entry after this one. */
  readonly cookie: number;
}

export interface EntriesState {
  readonly entries: readonly Entry[];
  readonly nextCookie: number;
}

export const COOKIE_SELF = 1;
export const COOKIE_PARENT = 2;

export class Entries {
  readonly #byName = new Map<string, Entry>();
  /** In the order of their cookies; undefined where one was removed. */
  #order: (Entry | undefined)[] = [];
  /** Cookies of `#order`, with those of removed entries. */
  #cookies: number[] = [];
  #nextCookie: number;

  constructor(state: EntriesState = { entries: [], nextCookie: COOKIE_PARENT + 1 }) {
    this.#nextCookie = state.nextCookie;
    for (const entry of state.entries) this.#append(entry);
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Entry | undefined {
    return this.#byName.get(name);
  }

  /** `name` must be free. */
  add(name: string, inode: number): void {
    this.#append({ name, inode, cookie: this.#nextCookie });
    this.#nextCookie += 1;
  }

  #append(entry: Entry): void {
    this.#byName.set(entry.name, entry);
    this.#order.push(entry);
    this.#cookies.push(entry.cookie);
  }

  remove(name: string): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    this.#byName.delete(name);
    this.#order[this.#firstAfter(entry.cookie - 1)] = undefined;
    if (this.#order.length > 32 && this.#order.length > 2 * this.#byName.size) {
      this.#order = this.#order.filter(kept => kept !== undefined);
      this.#cookies = this.#order.map(kept => kept?.cookie ?? 0);
    }
  }

  /** The entries whose cookie is greater, in order. */
  *after(cookie: number): Iterable<Entry> {
    for (let index = this.#firstAfter(cookie); index < this.#order.length; index++) {
      const entry = this.#order[index];
      if (entry !== undefined) yield entry;
    }
  }

  #firstAfter(cookie: number): number {
    let low = 0;
    let high = this.#cookies.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#cookies[middle] ?? 0) <= cookie) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  save(): EntriesState {
    return { entries: [...this.after(0)], nextCookie: this.#nextCookie };
  }
}
