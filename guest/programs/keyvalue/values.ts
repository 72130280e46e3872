// What a key can hold: text, a hash, a list or a set. The first word of each says which.
//
//     text      0      4        8                hash, set: a Dictionary, whose values are texts or 0
//               | kind | length | bytes ...      list: a ring of texts
import { INTEGER_BYTES, putInteger } from './bytes';
import { Dictionary, Entry, newDictionary, NONE } from './dictionary';
import { allocate, release, roomOf } from './memory';

export const enum Kind {
  TEXT = 0,
  HASH = 1,
  LIST = 2,
  SET = 3,
}

/** Bytes of one text. Redis has 512 MiB; a guest has 4 GiB for everything, and each replica holds it, and each snapshot. */
export const TEXT_BYTES_MAX: i32 = 64 << 20;

// @ts-ignore: decorator
@inline
export function kindOf(value: usize): u32 {
  return load<u32>(value);
}

@unmanaged
export class Text {
  kind: u32;
  length: i32;

  @inline
  get bytes(): usize {
    return changetype<usize>(this) + offsetof<Text>();
  }

  @inline
  get room(): i32 {
    return <i32>(roomOf(changetype<usize>(this)) - offsetof<Text>());
  }
}

/** @param room bytes that it can take; what it holds is copied */
export function newText(address: usize, length: i32, room: i32 = length): Text {
  const text = changetype<Text>(allocate(offsetof<Text>() + <usize>room));
  text.kind = Kind.TEXT;
  text.length = length;
  memory.copy(text.bytes, address, length);
  return text;
}

/** A text with these bytes: the old one where they fit it well, else a new one. `old` may be 0, and is used up. */
export function replaceText(old: usize, address: usize, length: i32): usize {
  if (old != 0) {
    const text = changetype<Text>(old);
    if (text.kind == Kind.TEXT && length <= text.room && text.room <= 2 * length + 64) {
      memory.copy(text.bytes, address, length);
      text.length = length;
      return old;
    }
    releaseValue(old);
  }
  return changetype<usize>(newText(address, length));
}

const digits: usize = memory.data(32);

/** The same with a number's digits. */
export function replaceInteger(old: usize, value: i64): usize {
  const length = putInteger(value, digits);
  if (old != 0 && changetype<Text>(old).room >= length) {
    memory.copy(changetype<Text>(old).bytes, digits, length);
    changetype<Text>(old).length = length;
    return old;
  }
  if (old != 0) release(old);
  return changetype<usize>(newText(digits, length, INTEGER_BYTES));
}

/** Bytes added at the end; half as much again is kept free, so that many appends copy little. */
export function appendText(text: Text, address: usize, length: i32): Text {
  const total = text.length + length;
  if (total > text.room) {
    const greater = newText(text.bytes, text.length, min(total + (total >> 1), TEXT_BYTES_MAX));
    release(changetype<usize>(text));
    text = greater;
  }
  memory.copy(text.bytes + <usize>text.length, address, length);
  text.length = total;
  return text;
}

const SLOTS_LEAST: i32 = 4;

/** A ring of texts that grows at both ends. Its slots are a power of two. */
@unmanaged
export class List {
  kind: u32;
  count: i32;
  private slots: usize;
  private capacity: i32;
  private firstSlot: i32;

  begin(): List {
    this.kind = Kind.LIST;
    this.count = 0;
    this.capacity = SLOTS_LEAST;
    this.firstSlot = 0;
    this.slots = allocate(SLOTS_LEAST * 4);
    return this;
  }

  end(): void {
    for (let at = 0; at < this.count; at++) release(changetype<usize>(this.at(at)));
    release(this.slots);
  }

  @inline
  private slotOf(at: i32): usize {
    return this.slots + (<usize>((this.firstSlot + at) & (this.capacity - 1)) << 2);
  }

  @inline
  at(at: i32): Text {
    return load<Text>(this.slotOf(at));
  }

  push(text: Text, atFront: bool): void {
    if (this.count == this.capacity) this.resizeTo(this.capacity << 1);
    if (atFront) this.firstSlot = (this.firstSlot - 1) & (this.capacity - 1);
    store<Text>(this.slotOf(atFront ? 0 : this.count), text);
    this.count++;
  }

  /** The text at an end, which is the caller's from now on. */
  pop(atFront: bool): Text {
    const text = this.at(atFront ? 0 : this.count - 1);
    if (atFront) this.firstSlot = (this.firstSlot + 1) & (this.capacity - 1);
    this.count--;
    if (this.count < this.capacity >> 2 && this.capacity > SLOTS_LEAST) this.resizeTo(this.capacity >> 1);
    return text;
  }

  private resizeTo(capacity: i32): void {
    const slots = allocate(<usize>capacity << 2);
    for (let at = 0; at < this.count; at++) store<Text>(slots + (<usize>at << 2), this.at(at));
    release(this.slots);
    this.slots = slots;
    this.capacity = capacity;
    this.firstSlot = 0;
  }
}

export function newList(): List {
  return changetype<List>(allocate(offsetof<List>())).begin();
}

/** Gives back a table's entries and what they hold. */
export function releaseDictionary(dictionary: Dictionary): void {
  for (let entry = dictionary.first; entry != NONE; ) {
    const following: Entry = dictionary.after(entry);
    if (entry.value != 0) releaseValue(entry.value);
    release(changetype<usize>(entry));
    entry = following;
  }
  dictionary.end();
  release(changetype<usize>(dictionary));
}

export function releaseValue(value: usize): void {
  const kind = kindOf(value);
  if (kind == Kind.HASH || kind == Kind.SET) {
    releaseDictionary(changetype<Dictionary>(value));
    return;
  }
  if (kind == Kind.LIST) changetype<List>(value).end();
  release(value);
}

export function newHash(): Dictionary {
  return newDictionary(Kind.HASH);
}

export function newSet(): Dictionary {
  return newDictionary(Kind.SET);
}
