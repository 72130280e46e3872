// Links that stand before a replica knows how it begins.

import { expect, test, vi } from 'vitest';
import type { Link } from '../../engine/channel/link.js';
import { HeldLinks } from '../../engine/replica/held-links.js';

const link = (isOpen = true) => ({ isOpen, terminate: vi.fn() }) as unknown as Link & { terminate: () => void };
const again = () => undefined;

test('are held, given over once, and handed on from then on', () => {
  const links = new HeldLinks();
  const [one, other, third] = [link(), link(), link()];
  links.add('a', one, again);
  links.add('b', other, again);
  const taken: [string, Link][] = [];
  links.giveTo({ addPeer: (peer, given) => void taken.push([peer, given]) });
  expect(taken).toEqual([
    ['a', one],
    ['b', other],
  ]);
  links.add('c', third, again);
  expect(taken).toHaveLength(3);
});

test('count while they are open, and the last of a peer only', () => {
  const links = new HeldLinks();
  expect(links.has('a')).toBe(false);
  const first = link();
  links.add('a', first, again);
  expect(links.has('a')).toBe(true);
  links.add('a', link(false), again);
  expect(links.has('a')).toBe(false);
  expect(first.terminate).toHaveBeenCalledOnce();
});
