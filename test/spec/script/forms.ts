// The forms of a test script: lists in parentheses, strings and words, with the places where they stand.
//
// A script is bytes, not text: strings hold any byte, by escapes or as it is. It is read as latin1, one character a byte.

/** A parenthesis and what is in it: `source[from, to)`, which begins on `line`. */
export interface List {
  readonly kind: 'list';
  readonly items: readonly Form[];
  readonly from: number;
  readonly to: number;
  readonly line: number;
}

export type Form =
  | List
  /** `text` is what its escapes stand for, one character a byte. */
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string };

/** White space and comments to the end of a line; block comments nest, and are left to `#skipBlock`. */
const BETWEEN = /(?:[ \t\n\r]+|;;[^\n]*)*/y;
const TO_BLOCK_EDGE = /[\s\S]*?(\(;|;\))/y;
const STRING = /"((?:[^"\\]|\\[\s\S])*)"/y;
const WORD = /[^ \t\n\r()";]+/y;
const ESCAPE = /\\(?:u\{([0-9a-fA-F_]+)\}|([0-9a-fA-F]{2})|([\s\S]))/g;
const NAMED_ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r' };

/** The lists at the top of a script, in order. Throws where a parenthesis or a string is not closed. */
export function readForms(source: string): List[] {
  return new FormReader(source).topLevel();
}

/** The word that a list begins with; empty where it begins with something else. */
export function headOf(list: List): string {
  const [first] = list.items;
  return first?.kind === 'word' ? first.text : '';
}

/** All words of a list, the first included. */
export function wordsOf(list: List): string[] {
  return list.items.flatMap(item => (item.kind === 'word' ? [item.text] : []));
}

/** All strings of a list, one character a byte. */
export function stringsOf(list: List): string[] {
  return list.items.flatMap(item => (item.kind === 'string' ? [item.text] : []));
}

export function listsOf(list: List): List[] {
  return list.items.flatMap(item => (item.kind === 'list' ? [item] : []));
}

/** What the bytes of a string say. */
export function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

class FormReader {
  readonly #source: string;
  #at = 0;
  #line = 1;
  #lineCountedTo = 0;

  constructor(source: string) {
    this.#source = source;
  }

  topLevel(): List[] {
    const lists: List[] = [];
    for (;;) {
      this.#skip();
      if (this.#at === this.#source.length) return lists;
      if (this.#source[this.#at] !== '(') throw this.#unexpected();
      lists.push(this.#list());
    }
  }

  #list(): List {
    const from = this.#at;
    const line = this.#lineHere();
    const items: Form[] = [];
    this.#at++;
    for (;;) {
      this.#skip();
      const next = this.#source[this.#at];
      if (next === ')') break;
      if (next === '(') items.push(this.#list());
      else if (next === '"') items.push({ kind: 'string', text: unescaped(this.#match(STRING)[1]!) });
      else items.push({ kind: 'word', text: this.#match(WORD)[0] });
    }
    this.#at++;
    return { kind: 'list', items, from, to: this.#at, line };
  }

  #skip(): void {
    for (;;) {
      this.#match(BETWEEN);
      if (!this.#source.startsWith('(;', this.#at)) return;
      this.#skipBlock();
    }
  }

  #skipBlock(): void {
    let depth = 0;
    do depth += this.#match(TO_BLOCK_EDGE)[1] === '(;' ? 1 : -1;
    while (depth > 0);
  }

  #match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match === null) throw this.#unexpected();
    this.#at = pattern.lastIndex;
    return match;
  }

  #lineHere(): number {
    for (; this.#lineCountedTo < this.#at; this.#lineCountedTo++) {
      if (this.#source[this.#lineCountedTo] === '\n') this.#line++;
    }
    return this.#line;
  }

  #unexpected(): Error {
    const found = this.#source.slice(this.#at, this.#at + 20);
    return new Error(`test script, line ${this.#lineHere()}: unexpected ${JSON.stringify(found) || 'end'}`);
  }
}

function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(ESCAPE, (_, point?: string, byte?: string, other?: string) => {
    if (point !== undefined) {
      const character = String.fromCodePoint(Number.parseInt(point.replaceAll('_', ''), 16));
      return Buffer.from(character, 'utf8').toString('latin1');
    }
    if (byte !== undefined) return String.fromCharCode(Number.parseInt(byte, 16));
    return NAMED_ESCAPES[other!] ?? other!;
  });
}
