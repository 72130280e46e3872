// Who may see the page of a machine and act on it: a page of another site can't, nor who does not know the token.

import { describe, expect, test } from 'vitest';
import { isLoopback, newToken, refusalOf } from '../../engine/dashboard/page-guard.js';

const HERE = '127.0.0.1:8080';

describe('on loopback', () => {
  test.each(['127.0.0.1:8080', 'localhost:8080', 'LOCALHOST', '[::1]:8080', '127.9.9.9:1'])('%s is called', host => {
    expect(refusalOf({ host }, '/', undefined)).toBeUndefined();
    expect(refusalOf({ host, origin: `http://${host}` }, '/feed', undefined)).toBeUndefined();
  });

  test.each([
    'evil.example:8080',
    '127.0.0.1.evil.example',
    'localhost.evil.example:8080',
    '10.0.0.1:8080',
    '',
    '[::1',
    '127.0.0.1@evil',
  ])('who calls %s is refused: a name of another site may resolve to this host', host => {
    expect(refusalOf({ host }, '/', undefined)?.status).toBe(403);
  });

  test.each([
    'http://evil.example',
    'https://127.0.0.1:8080',
    'http://127.0.0.1:9090',
    'http://localhost:8080',
    'null',
    '',
  ])('a page of %s is refused', origin => {
    expect(refusalOf({ host: HERE, origin }, '/feed', undefined)?.status).toBe(403);
  });
});

describe('elsewhere', () => {
  const token = newToken();

  test('who knows the token may, by whatever name', () => {
    expect(refusalOf({ host: 'a.example:8080' }, `/?token=${token}`, token)).toBeUndefined();
    const sameSite = { host: 'a.example:8080', origin: 'http://a.example:8080' };
    expect(refusalOf(sameSite, `/feed?token=${token}`, token)).toBeUndefined();
  });

  test.each([
    '/',
    '/?token=',
    '/?token=x',
    `/?token=${token}x`,
    `/?token=${token.slice(1)}`,
    `/?x=${token}`,
    `/${token}`,
  ])('who asks for %s is told what to do', url => {
    const refusal = refusalOf({ host: 'a.example' }, url, token);
    expect(refusal?.status).toBe(401);
    expect(refusal?.line).toContain('open the whole address');
  });

  test('a page of another site is refused though it knew the token', () => {
    const headers = { host: 'a.example', origin: 'http://b.example' };
    expect(refusalOf(headers, `/feed?token=${token}`, token)?.status).toBe(403);
  });
});

test('loopback is told from other addresses', () => {
  expect(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'].filter(isLoopback)).toHaveLength(4);
  expect(['0.0.0.0', '::', '10.0.0.127', '192.168.127.1', '::2'].filter(isLoopback)).toEqual([]);
});
