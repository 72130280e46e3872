// A hash table over bytes that grows and shrinks by one bucket at a time (linear hashing, Litwin 1980).
//
// A table that doubles at once makes one client of millions of keys wait for all of them to be moved. Here the buckets are
// split in order, one for each key that is added: with `size` buckets and `mask` the least 2^k - 1 that covers them, a key
// belongs to bucket `hash & mask`, or, where that has not been split off yet, to the bucket it will be split from:
//
//     size 6, mask 7     bucket 0  1  2  3  4  5 | 6  7     a hash that ends in 110 is in bucket 2 until there is a bucket 6
//
// The order of entries follows from what was done to the table and from nothing else.
//
//     entry     0      4      8            12      16      20
//               | next | hash | key length | value | place | key ...
import { areEqual } from './bytes';
import { allocate, release, resize } from './memory';

@unmanaged
export class Entry {
  next: Entry;
  hash: u32;
  keyLength: i32;
  /** Whatever the table's owner means by it. */
  value: usize;
  /** Where among the deadlines it stands, from 1 on; 0: nowhere. */
  place: u32;

  @inline
  get key(): usize {
    return changetype<usize>(this) + offsetof<Entry>();
  }
}

/** No entry. */
// @ts-ignore: decorator
@inline
export const NONE: Entry = changetype<Entry>(0);

const BUCKETS_LEAST: u32 = 4;
/** 2^32 by the golden ratio: what follows one another is spread. */
const GOLDEN: usize = 0x9e3779b1;

@unmanaged
export class Dictionary {
  /** What kind of value it is, where it is one (values.ts). */
  kind: u32;
  count: u32;
  private buckets: usize;
  private capacity: u32;
  private size: u32;
  private mask: u32;

  /** Makes a new block an empty table. */
  begin(kind: u32): Dictionary {
    this.kind = kind;
    this.count = 0;
    this.capacity = BUCKETS_LEAST;
    this.size = BUCKETS_LEAST;
    this.mask = BUCKETS_LEAST - 1;
    this.buckets = allocate(BUCKETS_LEAST * 4);
    memory.fill(this.buckets, 0, BUCKETS_LEAST * 4);
    return this;
  }

  /** Gives back the buckets; entries and their values are to be gone. */
  end(): void {
    release(this.buckets);
  }

  @inline
  private bucketOf(hash: u32): usize {
    let index = hash & this.mask;
    if (index >= this.size) index &= this.mask >> 1;
    return this.buckets + (<usize>index << 2);
  }

  find(hash: u32, key: usize, length: i32): Entry {
    let entry = load<Entry>(this.bucketOf(hash));
    while (entry != NONE) {
      if (entry.hash == hash && entry.keyLength == length && areEqual(entry.key, key, length)) break;
      entry = entry.next;
    }
    return entry;
  }

  /** Adds a key that is not there; its value is 0. */
  add(hash: u32, key: usize, length: i32): Entry {
    if (this.count >= this.size) this.split();
    const entry = changetype<Entry>(allocate(offsetof<Entry>() + <usize>length));
    const bucket = this.bucketOf(hash);
    entry.next = load<Entry>(bucket);
    entry.hash = hash;
    entry.keyLength = length;
    entry.value = 0;
    entry.place = 0;
    memory.copy(entry.key, key, length);
    store<Entry>(bucket, entry);
    this.count++;
    return entry;
  }

  /** Takes an entry out and gives it back. Two buckets go for each: a table that empties ends as a small one. */
  remove(entry: Entry): void {
    let link = this.bucketOf(entry.hash);
    while (load<Entry>(link) != entry) link = changetype<usize>(load<Entry>(link)) + offsetof<Entry>('next');
    store<Entry>(link, entry.next);
    release(changetype<usize>(entry));
    this.count--;
    for (let turn = 0; turn < 2 && this.size > BUCKETS_LEAST && this.count < this.size >> 1; turn++) this.merge();
  }

  /** One bucket more: those whose hash says so move there from the bucket that they shared, in their order. */
  private split(): void {
    if (this.size > this.mask) this.mask = (this.mask << 1) | 1;
    if (this.size == this.capacity) {
      this.capacity <<= 1;
      this.buckets = resize(this.buckets, <usize>this.capacity << 2);
    }
    const index = this.size++;
    let stays = this.buckets + (<usize>(index & (this.mask >> 1)) << 2);
    let moves = this.buckets + (<usize>index << 2);
    for (let entry = load<Entry>(stays); entry != NONE; entry = entry.next) {
      const link = changetype<usize>(entry) + offsetof<Entry>('next');
      if ((entry.hash & this.mask) == index) {
        store<Entry>(moves, entry);
        moves = link;
      } else {
        store<Entry>(stays, entry);
        stays = link;
      }
    }
    store<Entry>(stays, NONE);
    store<Entry>(moves, NONE);
  }

  /** One bucket less: the last one's entries go before those of the bucket that it was split from. */
  private merge(): void {
    const index = --this.size;
    const first = load<Entry>(this.buckets + (<usize>index << 2));
    const bucket = this.buckets + (<usize>(index & (this.mask >> 1)) << 2);
    if (first != NONE) {
      let last = first;
      while (last.next != NONE) last = last.next;
      last.next = load<Entry>(bucket);
      store<Entry>(bucket, first);
    }
    if (this.size == (this.mask + 1) >> 1) this.mask >>= 1;
    if (this.size <= this.capacity >> 2 && this.capacity > BUCKETS_LEAST) {
      this.capacity >>= 1;
      this.buckets = resize(this.buckets, <usize>this.capacity << 2);
    }
  }

  /** The first entry. To go through all, ask for the `after` of each; none may be added or removed meanwhile. */
  get first(): Entry {
    return this.fromBucket(0);
  }

  after(entry: Entry): Entry {
    return entry.next != NONE ? entry.next : this.fromBucket(((this.bucketOf(entry.hash) - this.buckets) >> 2) + 1);
  }

  /** Some entry, as far as `draw` is random; the table is not empty. */
  draw(draw: u32): Entry {
    const from = (<usize>draw * GOLDEN) % this.size;
    const entry = this.fromBucket(from);
    return entry != NONE ? entry : this.fromBucket(0);
  }

  private fromBucket(index: usize): Entry {
    for (; index < this.size; index++) {
      const entry = load<Entry>(this.buckets + (index << 2));
      if (entry != NONE) return entry;
    }
    return NONE;
  }
}

export function newDictionary(kind: u32): Dictionary {
  return changetype<Dictionary>(allocate(offsetof<Dictionary>())).begin(kind);
}
