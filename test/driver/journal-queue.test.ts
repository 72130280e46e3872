// The queue of a journal, over a file of the test: what is kept is there, whatever the disk does meanwhile.

import { beforeEach, expect, test } from 'vitest';
import { type Answer, type JournalPort, JournalQueue } from '../../engine/driver/journal-queue.js';

const FULL = new Error('full');
const BROKEN = new Error('broken');

/** Answers wait until the test says so. */
class TestFile implements JournalPort {
  text = 'begun;';
  next: string | undefined;
  full = false;
  said: string[] = [];
  #due: { readonly what: string; readonly act: (error?: unknown) => void }[] = [];

  /** Does what is due, if it is that. @param error is the answer */
  do(what: string, error?: unknown): void {
    const due = this.#due.shift();
    expect(due?.what).toBe(what);
    due!.act(error);
  }

  get due(): string[] {
    return this.#due.map(({ what }) => what);
  }

  #later(what: string, act: (error?: unknown) => void): void {
    this.#due.push({ what, act });
  }

  write(file: 'journal' | 'new', bytes: Uint8Array, from: number, at: number): number {
    if (this.full) throw FULL;
    const text = Buffer.from(bytes.subarray(from)).toString();
    if (file === 'journal') this.text = this.text.slice(0, at) + text;
    else this.next = this.next!.slice(0, at) + text;
    return text.length;
  }
  sync(then: Answer): void {
    this.#later('sync', then);
  }
  begun(): Uint8Array {
    return Buffer.from('anew;');
  }
  createNew(bytes: Uint8Array, then: Answer): void {
    this.#later('createNew', error => {
      this.next = Buffer.from(bytes).toString();
      then(error);
    });
  }
  replace(then: Answer): void {
    this.text = this.next!;
    this.next = undefined;
    this.#later('replace', then);
  }
  dropNew(then: () => void): void {
    this.next = undefined;
    this.#later('dropNew', then);
  }
  soon(act: () => void): void {
    this.#later('soon', act);
  }
  later(act: () => void): () => void {
    this.#later('later', act);
    return () => undefined;
  }
  isFull(error: unknown): boolean {
    return error === FULL;
  }
  waits(): void {
    this.said.push('waits');
  }
  broken(): void {
    this.said.push('broken');
  }
}

let file: TestFile;
let queue: JournalQueue;
let kept: string[];
beforeEach(() => {
  file = new TestFile();
  queue = new JournalQueue(file, file.text.length, 10);
  kept = [];
});

const append = (text: string) => queue.append(Buffer.from(text));
const whenKept = (name: string, onDisk = true) => queue.whenKept(onDisk, () => kept.push(name));

test('what comes while the disk works is not kept by that', () => {
  append('one;');
  whenKept('one');
  file.do('soon');
  append('two;');
  whenKept('two');
  file.do('sync');
  expect(kept).toEqual(['one']);
  file.do('sync');
  expect(kept).toEqual(['one', 'two']);
  expect(file.due).toEqual([]);
});

test('a file that has grown is written anew, with what was appended meanwhile behind', () => {
  append('a very long one;');
  file.do('soon');
  append('two;');
  whenKept('two');
  file.do('createNew');
  expect([file.text, kept]).toEqual(['anew;two;', []]);
  append('three;');
  file.do('replace');
  file.do('sync');
  expect([file.text, kept]).toEqual(['anew;two;three;', ['two']]);
});

// Found when the queue was taken out of journal-file.ts: `two` was said to be kept, and stood nowhere.
test('what found no room while the file was written anew is not kept by that', () => {
  append('a very long one;');
  file.do('soon');
  file.full = true;
  append('two;');
  whenKept('two');
  file.do('createNew');
  expect(file.text).toBe('anew;');
  file.do('later');
  file.do('replace');
  expect(file.due).toEqual(['later']);
  expect([kept, file.said]).toEqual([[], ['waits']]);
  file.full = false;
  file.do('later');
  file.do('soon');
  file.do('sync');
  expect([file.text, kept]).toEqual(['anew;two;', ['two']]);
});

test('where a new file has no room, the old one grows on', () => {
  append('a very long one;');
  file.do('soon');
  append('two;');
  whenKept('two');
  file.do('createNew', FULL);
  file.do('dropNew');
  file.do('sync');
  expect([file.text, kept, file.said]).toEqual(['begun;a very long one;two;', ['two'], []]);
});

test('after a failed sync nobody is told anything', () => {
  append('one;');
  whenKept('one');
  file.do('soon');
  file.do('sync', BROKEN);
  append('two;');
  whenKept('two');
  expect([kept, file.said, file.due]).toEqual([[], ['broken'], []]);
});

test('it is closed when nothing is under way', () => {
  append('one;');
  whenKept('one');
  queue.close(() => kept.push('closed'));
  file.do('soon');
  expect(kept).toEqual([]);
  file.do('sync');
  expect(kept).toEqual(['one', 'closed']);
});
