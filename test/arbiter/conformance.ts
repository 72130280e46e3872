// What every arbiter must do, whatever it is made of.

import { describe, expect, test } from 'vitest';
import type { Arbiter } from '../../engine/arbiter/arbiter.js';
import type { MachineEnd } from '../../engine/arbiter/machine-end.js';
import { type Announcement, MEMBERS_MAX } from '../../engine/arbiter/members.js';
import type { View } from '../../engine/protocol/vocabulary.js';

export const view = (number: number, claim: string, more: Partial<View> = {}): View => ({
  number,
  machine: 'machine-1',
  primary: `primary-of-${claim}`,
  backups: ['b'],
  claim,
  ...more,
});

export const member = (incarnation: string, more: Partial<Announcement> = {}): Announcement => ({
  incarnation,
  kind: 'replica',
  address: `ws://127.0.0.1:1${incarnation.length}`,
  ...more,
});

/** @param open gives an arbiter without records */
export function arbiterConforms(name: string, open: () => Promise<Arbiter>): void {
  describe(`${name} as an arbiter`, () => {
    test('the first claim of a view wins and is what is read from then on', async () => {
      const arbiter = await open();
      expect(await arbiter.claim(view(1, 'x'))).toEqual({ result: 'won' });
      expect(await arbiter.claim(view(1, 'y'))).toEqual({ result: 'lost', owner: view(1, 'x') });
      expect(await arbiter.read('machine-1', 1)).toEqual(view(1, 'x'));
    });

    test('a claim made again after a lost answer is still won, and still lost', async () => {
      const arbiter = await open();
      await arbiter.claim(view(1, 'x'));
      await arbiter.claim(view(1, 'y'));
      expect(await arbiter.claim(view(1, 'x'))).toEqual({ result: 'won' });
      expect(await arbiter.claim(view(1, 'y'))).toMatchObject({ result: 'lost' });
    });

    test('the same replica under another claim id is another claimant', async () => {
      const arbiter = await open();
      await arbiter.claim(view(1, 'x', { primary: 'a' }));
      expect(await arbiter.claim(view(1, 'y', { primary: 'a' }))).toMatchObject({ result: 'lost' });
    });

    test('of many claims at once exactly one wins', async () => {
      const arbiter = await open();
      const claims = Array.from({ length: 30 }, (_, index) => view(3, `claim-${index}`));
      const answers = await Promise.all(claims.map(claim => arbiter.claim(claim)));
      const won = claims.filter((_, index) => answers[index]!.result === 'won');
      expect(won).toHaveLength(1);
      expect(answers.filter(answer => answer.result === 'lost' && answer.owner.claim === won[0]!.claim)).toHaveLength(
        29,
      );
    });

    test('views and machines do not meet', async () => {
      const arbiter = await open();
      await arbiter.claim(view(1, 'x'));
      expect(await arbiter.claim(view(2, 'y'))).toEqual({ result: 'won' });
      expect(await arbiter.claim(view(1, 'z', { machine: 'machine-2' }))).toEqual({ result: 'won' });
      expect(await arbiter.claim(view(1, 'w', { machine: 'machine' }))).toEqual({ result: 'won' });
      expect((await arbiter.read('machine-1', 1))?.claim).toBe('x');
    });

    test('the latest view has the highest number, not the youngest record', async () => {
      const arbiter = await open();
      expect(await arbiter.latest('machine-1')).toBeUndefined();
      expect(await arbiter.read('machine-1', 9)).toBeUndefined();
      for (const number of [9, 10, 2]) await arbiter.claim(view(number, `claim-${number}`));
      await arbiter.claim(view(11, 'other', { machine: 'machine-1-1' }));
      expect(await arbiter.latest('machine-1')).toEqual(view(10, 'claim-10'));
    });

    test.each(['', '..', 'a/b', 'a'.repeat(65), '-a', 'a\0'])('%j is no machine id', async machine => {
      const arbiter = await open();
      await expect(arbiter.claim(view(1, 'x', { machine }))).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
      await expect(arbiter.read(machine, 1)).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
      await expect(arbiter.latest(machine)).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
      await expect(arbiter.members(machine)).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
      await expect(arbiter.announce(machine, member('a'))).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
      await expect(arbiter.announce('m', member(machine))).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
      await expect(arbiter.withdraw('m', machine)).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
      await expect(arbiter.end(machine, { kind: 'stopped' })).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
      await expect(arbiter.ended(machine)).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
    });

    test('members are found as they were announced, later ones under higher numbers, each machine its own', async () => {
      const arbiter = await open();
      expect(await arbiter.members('m')).toEqual([]);
      const a = await arbiter.announce('m', member('a'));
      const busRecord = member('bus-1', { kind: 'bus', address: 'wss://[::1]:7', host: 'b.example' });
      const bus = await arbiter.announce('m', busRecord);
      await arbiter.announce('m-2', member('c'));
      expect([a, bus]).toEqual([
        { ...member('a'), number: 1 },
        { ...busRecord, number: 2 },
      ]);
      expect(new Set(await arbiter.members('m'))).toEqual(new Set([a, bus]));
      expect(await arbiter.members('m-2')).toHaveLength(1);
    });

    test('a member that is announced again keeps its number, and gets another one with another address', async () => {
      const arbiter = await open();
      const first = await arbiter.announce('m', member('a'));
      await arbiter.announce('m', member('b'));
      expect(await arbiter.announce('m', member('a'))).toEqual(first);
      const moved = await arbiter.announce('m', member('a', { address: 'ws://10.0.0.1:5' }));
      expect(moved.number).toBe(3);
      expect(new Set(await arbiter.members('m'))).toEqual(new Set([moved, { ...member('b'), number: 2 }]));
    });

    test.each<[string, Partial<Announcement>]>([
      ['of another scheme', { address: 'http://h:1' }],
      ['with a path', { address: 'ws://h:1/path' }],
      ['without end', { address: `ws://${'h'.repeat(5_000)}` }],
      ['on a host without a name', { host: '' }],
      ['on a host whose name is without end', { host: 'h'.repeat(2_550) }],
      ['on a host that does something to a terminal', { host: 'a\u001b[2Jb' }],
    ])('an address that nobody could read again is not announced: %s', async (_, more) => {
      const arbiter = await open();
      await expect(arbiter.announce('m', member('a', more))).rejects.toMatchObject({ code: 'MACHINE_MALFORMED' });
      expect(await arbiter.members('m')).toEqual([]);
    });

    test('of members that are announced at once, each finds the other or is found by it', async () => {
      const arbiter = await open();
      const names = Array.from({ length: 12 }, (_, index) => `replica-${index}`);
      const found = await Promise.all(
        names.map(async name => {
          await arbiter.announce('m', member(name));
          return (await arbiter.members('m')).map(({ incarnation }) => incarnation);
        }),
      );
      for (const [one, name] of names.entries()) {
        for (const [other, otherName] of names.entries()) {
          expect(found[one]!.includes(otherName) || found[other]!.includes(name)).toBe(true);
        }
      }
    });

    test('a member that is withdrawn is gone, and to withdraw it again is no error', async () => {
      const arbiter = await open();
      await arbiter.withdraw('m', 'a');
      await arbiter.announce('m', member('a'));
      await arbiter.announce('m', member('b'));
      await arbiter.withdraw('m', 'a');
      await arbiter.withdraw('m', 'a');
      expect((await arbiter.members('m')).map(({ incarnation }) => incarnation)).toEqual(['b']);
    });

    const ends: readonly MachineEnd[] = [
      { kind: 'exit', status: 3 },
      { kind: 'trap', message: 'unreachable in f', count: 2 ** 52, exact: false },
      { kind: 'stopped' },
    ];
    test.each(ends)('the end of a machine stands as it was said first: %j', async end => {
      const arbiter = await open();
      expect(await arbiter.ended('m')).toBeUndefined();
      expect(await arbiter.end('m', end)).toEqual({ result: 'won' });
      expect(await arbiter.end('m', { kind: 'exit', status: 4 })).toEqual({ result: 'lost', end });
      // Another part says the same, or the same one again after a lost answer.
      expect(await arbiter.end('m', end)).toEqual({ result: 'won' });
      expect(await arbiter.ended('m')).toEqual(end);
      expect(await arbiter.ended('m-end')).toBeUndefined();
      expect(await arbiter.latest('m')).toBeUndefined();
      expect(await arbiter.members('m')).toEqual([]);
    });

    test('of many ends at once one stands', async () => {
      const arbiter = await open();
      const statuses = Array.from({ length: 20 }, (_, status) => status);
      const answers = await Promise.all(statuses.map(status => arbiter.end('m', { kind: 'exit', status })));
      const won = statuses.filter(status => answers[status]!.result === 'won');
      expect(won).toHaveLength(1);
      expect(await arbiter.ended('m')).toEqual({ kind: 'exit', status: won[0] });
    });

    test('a trap in a function whose name has no end is recorded as far as there is room', async () => {
      const arbiter = await open();
      const end: MachineEnd = {
        kind: 'trap',
        message: `in \u0001${'\u{1F600}'.repeat(50_000)}`,
        count: 1,
        exact: true,
      };
      expect(await arbiter.end('m', end)).toEqual({ result: 'won' });
      expect(await arbiter.end('m', end)).toEqual({ result: 'won' });
      expect(await arbiter.ended('m')).toMatchObject({ kind: 'trap', count: 1 });
    });

    test('the dead do not pile up: the earliest are forgotten, but not those of the view, nor the bus', async () => {
      const arbiter = await open();
      await arbiter.claim(view(1, 'x', { machine: 'm', primary: 'old', backups: [] }));
      await arbiter.announce('m', member('bus-1', { kind: 'bus' }));
      await arbiter.announce('m', member('dead'));
      await arbiter.announce('m', member('old'));
      for (let count = 0; count < MEMBERS_MAX; count++) await arbiter.announce('m', member(`r-${count}`));
      const names = (await arbiter.members('m')).map(({ incarnation }) => incarnation);
      expect(names).toHaveLength(MEMBERS_MAX + 2);
      expect(names).toEqual(expect.arrayContaining(['bus-1', 'old', 'r-0', `r-${MEMBERS_MAX - 1}`]));
    });
  });
}
