// `epochvisor simulate` as a process: the seed first, what runs went through, one run again, and Ctrl-C.

import { describe, expect, test } from 'vitest';
import { Bench } from './command.js';

const bench = new Bench();
const simulate = (...flags: string[]) => bench.run(['simulate', ...flags]);

describe('simulate', () => {
  test('prints the seeds first, and what they went through', async () => {
    const { status, stdout, stderr } = await simulate('--seed', '100', '--seeds', '60');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^seeds 100 to 159, kind all\n60 runs in [\d.]+ s, \d+ a second, \d+ events: nothing wrong\n/,
    );
    expect(stdout).toMatch(/^ +\d+ {2}a half-written output at a fence$/m);
  });

  test('takes its seed from the clock where none is given, and says it', async () => {
    const { stdout } = await simulate('--seeds', '1', '--kind', 'pairs');
    const [, seed] = /^seed (\d+), kind pairs\n/.exec(stdout)!;
    const again = await simulate('--seed', seed!, '--kind', 'pairs');
    expect(again.stdout).toMatch(new RegExp(`^seed ${seed}, kind pairs\n1 runs .*: nothing wrong`));
  });

  test('does one run again, with parts of its plan left out, and shows all of it', async () => {
    const whole = await simulate('--seed', '5', '--trace');
    expect(whole.stdout).toMatch(/^seed 5, kind all\n/);
    expect(whole.stdout).toMatch(/^\d+ [\d.]+ ms A -> B: /m);
    expect(whole.stdout).toMatch(/\d+ events, nothing wrong; the machine [\w ]+\n$/);
    const short = await simulate('--seed', '5', '--trace', '--without', 'steps1');
    expect(short.status).toBe(0);
    expect(short.stdout).toMatch(/nothing wrong/);
    expect(short.stdout).not.toBe(whole.stdout);
  });

  test('tells what it has when it is interrupted', async () => {
    const command = bench.start(['simulate', '--seeds', '1000000']);
    await expect.poll(() => command.stdout, { timeout: 30_000 }).toMatch(/^seeds /);
    command.killGroup('SIGINT');
    const { status, stdout } = await command.ended;
    expect(status).toBe(130);
    expect(stdout).toMatch(/\n\d+ runs of 1000000, interrupted in /);
  });

  test.each([
    [['--seeds', '0'], /--seeds.*whole number from 1/],
    [['--seed', 'x'], /--seed.*whole number/],
    [['--kind', 'odd'], /There is no such kind; there are all, pairs/],
    [['--trace'], /--trace and --without are for one run.*: name it by --seed/],
    [
      ['--seed', '1', '--without', 'fault77'],
      /the plan of this run has no part 'fault77' .*: it has .*steps and a number/,
    ],
  ])('refuses %s in one line', async (flags, why) => {
    const { status, stderr } = await simulate(...flags);
    expect(stderr).toMatch(/^epochvisor: [^\n]*\[BAD_USAGE\][^\n]*\n$/);
    expect(stderr).toMatch(why);
    expect(status).toBe(2);
  });
});
