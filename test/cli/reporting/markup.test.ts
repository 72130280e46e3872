// Escaping: whatever a guest writes is text in a report, for XML and for HTML.

import { expect, test } from 'vitest';
import { element, escaped } from '../../../engine/cli/reporting/markup.js';
import { HOSTILE } from './sample-records.js';
import { parseXml } from './strict-xml.js';

test('what XML can say comes back as it was, in text and in attributes', () => {
  const text = `a < b && c > "d" 'e' ]]> é 漢 𝄞\r\n\tf`;
  const read = parseXml(element('a', { b: text }, text).source);
  expect(read.attributes.b).toBe(text);
  expect(read.text).toBe(text);
});

test('characters that XML has no way to write are named', () => {
  expect(escaped('\0 \x1b \x7f \x85 \ud800 \uffff')).toBe(String.raw`\u0000 \u001b \u007f \u0085 \ud800 \uffff`);
  const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).join(' ');
  expect(() => parseXml(element('a', { b: all }, all).source)).not.toThrow();
});

test('text makes no elements', () => {
  const read = parseXml(element('a', { b: HOSTILE }, HOSTILE, element('c', {})).source);
  expect(read.children.map(({ name }) => name)).toEqual(['c']);
});

test('only what HTML takes for empty is written as empty', () => {
  expect(element('td', {}).source).toBe('<td></td>');
  expect(element('input', { id: 'x', checked: undefined }).source).toBe('<input id="x"/>');
});
