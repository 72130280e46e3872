// Reports read by a strict parser, as CI systems and assistive technology read them: a tree, or an error.

import { SaxesParser } from 'saxes';

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: XmlElement[];
  /** Directly in it. */
  text: string;
}

/** @throws Error at the first thing that is not well-formed */
export function parseXml(source: string): XmlElement {
  const root: XmlElement = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  const parser = new SaxesParser();
  parser.on('error', error => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes, children: [], text: '' };
    open.at(-1)!.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => open.pop());
  parser.on('text', text => {
    open.at(-1)!.text += text;
  });
  parser.write(source).close();
  return root.children[0]!;
}

/** The element and all in it, in order. */
export function descendants(element: XmlElement, name?: string): XmlElement[] {
  const all = [element, ...element.children.flatMap(child => descendants(child))];
  return name === undefined ? all : all.filter(one => one.name === name);
}

/** The text of it and all in it. */
export function textOf(element: XmlElement): string {
  return element.text + element.children.map(textOf).join('');
}
