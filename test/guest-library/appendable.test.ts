// The appendable file on a machine made up for it: an append is made once, whoever asks for it again, and wherever.
import { describe, expect, it } from 'vitest';
import { type Served, type SocketWorld, type Step, serveScript } from './fake-sockets.js';

const serve = (script: Iterable<Step>, world?: SocketWorld): Served => serveScript('appendable', script, world);
const told = (says: string) => serve([{ opens: 1 }, { of: 1, says }]).told.get(1)!;

describe('the appendable file', () => {
  it('is what was appended, in order', () => {
    expect(told('read\nappend a 1 5\nhelloappend b 1 6\n worldread\n')).toBe('0\nok 0\nok 5\n11\nhello world');
    expect(told('append a 1 0\nappend a 2 3\n\nx\nread\r\n')).toBe('ok 0\nok 0\n3\n\nx\n');
  });

  it('appends once what a client repeats, also over another connection', () => {
    const script: Step[] = [
      { opens: 1 },
      { of: 1, says: 'append a 1 2\nxxappend b 7 1\nyappend a 1 2\nxx' },
      { of: 1, resets: true },
      { opens: 2 },
      { of: 2, says: 'append a 1 2\nxxappend a 3 1\nzappend a 2 1\n!append a 3 1\nzread\n' },
    ];
    const { told, closed } = serve(script);
    expect(told.get(1)).toBe('ok 0\nok 2\nok 0\n');
    expect(told.get(2)).toBe('ok 0\nok 3\nold\nok 3\n4\nxxyz');
    expect(closed).toEqual([1]);
  });

  it('means the same wherever its input is cut', () => {
    const says = 'append a 1 5\nhelloread\nappend a 1 5\nhello';
    const whole = told(says);
    for (let cut = 1; cut < says.length; cut++) {
      const script: Step[] = [{ opens: 1 }, { of: 1, says: says.slice(0, cut) }, { of: 1, says: says.slice(cut) }];
      expect(serve(script).told.get(1), `cut at ${cut}`).toBe(whole);
    }
  });

  it.each([
    ['x'.repeat(200), 'error too long\n'],
    ['append a 1\n', 'error append CLIENT SEQUENCE LENGTH\n'],
    ['append a 0 1\n', 'error a sequence is a number from 1 on, a length one from 0 on\n'],
    ['append a x 1\n', 'error a sequence is a number from 1 on, a length one from 0 on\n'],
    [`append ${'c'.repeat(65)} 1 1\n`, 'error too long\n'],
    [`append a 1 ${(1 << 20) + 1}\n`, 'error too long\n'],
  ])('breaks off where nobody knows what follows (%#)', (says, error) => {
    const served = serve([{ opens: 1 }, { of: 1, says: `${says}read\n` }, { opens: 2 }, { of: 2, says: 'read\n' }]);
    expect([served.told.get(1), served.closed, served.told.get(2)]).toEqual([error, [1], '0\n']);
  });

  it('goes on after a command that it does not know', () => {
    expect(told('write\nread x\nread\n')).toBe('error unknown command\nerror unknown command\n0\n');
  });

  it('has bounds: what is past them is refused, and what was appended can still be repeated', () => {
    const mebibyte = 'm'.repeat(1 << 20);
    const script: Step[] = [{ opens: 1 }];
    for (let n = 1; n <= 65; n++) script.push({ of: 1, says: `append a ${n} ${1 << 20}\n${mebibyte}` });
    const { told } = serve([...script, { of: 1, says: `append a 64 ${1 << 20}\n${mebibyte}` }]);
    expect(told.get(1)!.split('\n').slice(-4)).toEqual([
      ...[`ok ${63 << 20}`, 'error the file is full', `ok ${63 << 20}`, ''],
    ]);
    const many = Array.from({ length: 10_001 }, (_, n) => `append c${n} 1 1\nx`).join('');
    const crowded = serve([{ opens: 1 }, { of: 1, says: `${many}append c0 1 1\nx` }]).told.get(1)!;
    expect(crowded.split('\n').slice(-4)).toEqual(['ok 9999', 'error too many clients', 'ok 0', '']);
  });

  it('is told to who takes it slowly as it was when it was asked for', () => {
    const large = 'l'.repeat(200_000);
    const script: Step[] = [
      { opens: 1 },
      { of: 1, says: `append a 1 200000\n${large}read\nread\n` },
      { of: 1, takes: 50_000 },
      { opens: 2 },
      { of: 2, says: `append b 1 1\n!` },
      ...Array.from({ length: 8 }, (): Step => ({ of: 1, takes: 50_000 })),
    ];
    expect(serve(script, { room: 100 }).told.get(1)).toBe(`ok 0\n200000\n${large}200001\n${large}!`);
  });

  it('ends at quit, and asks for somewhere to listen', () => {
    const { status, stdout } = serve([{ opens: 1 }, { of: 1, says: 'quit\n' }]);
    expect([status, stdout]).toEqual([0, 'ready\n']);
    const refused = serve([], { withoutListener: true });
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('--listen')]);
  });
});
