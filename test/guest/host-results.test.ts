// Results of environment functions as values of the log: whole on every replica, wherever a primary dies amid one.

import { expect, test } from 'vitest';
import { HostResults } from '../../engine/guest/host-results.js';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (taken: Uint8Array) => Buffer.from(taken).toString();

/** A replica that consumes the values of a log, and from its end on its own, which it adds to it. */
function replica(log: bigint[], result: string): string {
  let at = 0;
  const results: HostResults = new HostResults(() => {
    if (at === log.length) log.push(results.read());
    return log[at++]!;
  });
  return text(results.take(() => bytes(result)));
}

test.each(['', 'a', '1234567', '12345678', 'x'.repeat(1000)])(
  'a result of any length is the same at the backup',
  result => {
    const log: bigint[] = [];
    expect(replica(log, result)).toBe(result);
    const length = log.length;
    expect(replica(log, 'none of it')).toBe(result);
    expect(log).toHaveLength(length);
  },
);

test('who is promoted amid a result answers with its own from the beginning, and whoever follows has the same', () => {
  const whole: bigint[] = [];
  replica(whole, 'the result of the dead primary');
  for (let received = 0; received < whole.length; received++) {
    const log = whole.slice(0, received);
    expect(replica(log, 'own of the survivor')).toBe('own of the survivor');
    expect(replica([...log], 'a third')).toBe('own of the survivor');
    // The survivor dies amid its own, too.
    for (let more = received + 1; more < log.length; more++) {
      const torn = log.slice(0, more);
      expect(replica(torn, 'a third')).toBe('a third');
      expect(replica([...torn], 'a fourth')).toBe('a third');
    }
  }
});

test('the function is called once, and only where this replica answers', () => {
  const log: bigint[] = [];
  let calls = 0;
  const results: HostResults = new HostResults(() => {
    const value = results.read();
    log.push(value);
    return value;
  });
  results.take(() => {
    calls += 1;
    return bytes('some more than seven');
  });
  expect(calls).toBe(1);
  const followers = new HostResults(() => log.shift()!);
  followers.take(() => {
    calls += 1;
    return bytes('');
  });
  expect(calls).toBe(1);
});
