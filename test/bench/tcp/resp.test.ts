// What the benches understand of Redis's protocol: replies in pieces, in a row, of every kind.
import { describe, expect, it } from 'vitest';
import { command, isError, replyAt, replyEnd } from '../../../bench/tcp/resp.js';

const read = (text: string) => {
  const bytes = Buffer.from(text);
  const end = replyEnd(bytes, 0);
  return end < 0 ? undefined : replyAt(bytes, 0, end);
};

describe("Redis's protocol", () => {
  it('writes commands with lengths in bytes', () => {
    expect(command('SET', 'key', 'é')).toBe('*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$2\r\né\r\n');
  });

  it('reads every kind of reply that is asked for', () => {
    expect(read('+OK\r\n')).toBe('OK');
    expect(read(':-12\r\n')).toBe(-12);
    expect(read('$5\r\na\r\nb!\r\n')).toBe('a\r\nb!');
    expect(read('$0\r\n\r\n')).toBe('');
    expect(read('$-1\r\n')).toBeNull();
    expect(read('-ERR wrong\r\n')).toEqual({ error: 'ERR wrong' });
    expect(isError(Buffer.from('-ERR wrong\r\n'), 0)).toBe(true);
  });

  it('waits for what is not there yet, wherever it is cut', () => {
    const reply = '$12\r\nhello\r\nworld\r\n';
    for (let cut = 0; cut < reply.length; cut++) expect(read(reply.slice(0, cut)), `cut at ${cut}`).toBeUndefined();
    expect(read(reply)).toBe('hello\r\nworld');
  });

  it('finds replies in a row', () => {
    const bytes = Buffer.from('+OK\r\n$1\r\nx\r\n:3\r\n');
    expect([replyEnd(bytes, 0), replyEnd(bytes, 5), replyEnd(bytes, 12)]).toEqual([5, 12, 16]);
    expect(replyAt(bytes, 5, 12)).toBe('x');
  });
});
