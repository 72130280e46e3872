// Text inside XML and HTML: the one function that every word of a report passes through, and elements made of it.
//
// What guests write ends up in reports, and may be anything: it must neither end an element nor be refused by a strict parser, for
// which even a character reference to a control character is an error.

/** All that XML 1.0 has no way to write: most control characters, halves of surrogate pairs, two that are no characters. */
const UNWRITABLE = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const SPECIAL = /[&<>"'\t\n\r\x7f-\x9f]/g;

const NAMED: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** For attributes, in quotes of either kind, and for text: line breaks survive in both. */
export function escaped(text: string): string {
  return text.replaceAll(UNWRITABLE, inWords).replaceAll(SPECIAL, character => {
    // HTML reads references to these as those of another encoding.
    if (/[\x7f-\x9f]/.test(character)) return inWords(character);
    return NAMED[character] ?? `&#${character.charCodeAt(0)};`;
  });
}

function inWords(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Markup, as against text: whoever makes it has escaped what is in it. */
export class Markup {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

type Content = string | number | Markup | readonly Content[] | undefined;
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element; attributes that are undefined are left out, strings are escaped. */
export function element(name: string, attributes: Attributes, ...content: readonly Content[]): Markup {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined);
  const start = `${name}${given.map(([key, value]) => ` ${key}="${escaped(String(value))}"`).join('')}`;
  const inside = sourceOf(content);
  return new Markup(inside === '' && CLOSES_ITSELF.has(name) ? `<${start}/>` : `<${start}>${inside}</${name}>`);
}

/** Those that HTML knows as empty, and SVG's; any other takes all that follows for its content where it is not closed by an end tag. */
const CLOSES_ITSELF: ReadonlySet<string> = new Set(['meta', 'input', 'br', 'path', 'line', 'rect', 'circle']);

function sourceOf(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Markup) return content.source;
  if (typeof content === 'object') return content.map(sourceOf).join('');
  return escaped(String(content));
}
