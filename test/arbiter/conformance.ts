// What every arbiter must do, whatever it is made of.

import { describe, expect, test } from 'vitest';
import type { Arbiter } from '../../engine/arbiter/arbiter.js';
import type { View } from '../../engine/protocol/vocabulary.js';

export const view = (number: number, claim: string, more: Partial<View> = {}): View => ({
  number,
  machine: 'machine-1',
  primary: `primary-of-${claim}`,
  backups: ['b'],
  claim,
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
    });
  });
}
