// An interpreter at a prompt, whose process is killed after each answer; what was typed before is still there.

import { expect, test } from 'vitest';
import { needs } from '../setup/needs.js';
import { Bench, type Command, until } from './command.js';

const bench = new Bench();

/** Types a line once it is asked for one, and whoever has answered the line before is dead. */
async function type(command: Command, line: string, kills: number): Promise<void> {
  await until(() => (command.stdout.endsWith('\nruby> ') && takeovers(command).length === kills ? true : undefined));
  command.write(`${line}\n`);
}

const takeovers = ({ stdout }: Command) => [
  ...stdout.matchAll(/SIGKILL {4}process (\d+), which gave that answer\n {2}TAKEOVER {3}process (\d+) has the prompt/g),
];

test('a variable is still there when the process that was told of it is killed, and the next one, too', {
  ...needs('prompt'),
  timeout: 100_000,
}, async () => {
  const command = bench.start(['demo', '--prompt'], 'pipe');
  await type(command, 'x = 41', 0);
  await type(command, 'def more(n)\n  n + 1\nend', 1);
  await type(command, 'more(y)', 2);
  await type(command, 'exit more(x) / 6', 3);
  const { status, stdout } = await command.ended;
  const answers = stdout.match(/^ruby> (?! *$).*/gm);
  expect(answers).toEqual([
    'ruby> => 41',
    'ruby>   ...   ... => :more',
    expect.stringMatching(/^ruby> NameError: undefined local variable or method `y'/),
  ]);
  const pids = takeovers(command).map(([, killed, next]) => [killed, next]);
  // Each successor is the next to be killed, so there were four of them.
  expect(pids.slice(1).map(([killed]) => killed)).toEqual(pids.slice(0, -1).map(([, next]) => next));
  expect(new Set(pids.flat()).size).toBe(4);
  expect(status).toBe(7);
});

test('the end of its input is the end of it, and Ctrl-C, too', needs('prompt'), async () => {
  const ended = bench.start(['demo', '--prompt'], 'pipe');
  await until(() => (ended.stdout.endsWith('\nruby> ') ? true : undefined));
  ended.endInput();
  expect(await ended.ended).toMatchObject({ status: 0, stderr: '' });
  const interrupted = bench.start(['demo', '--prompt'], 'pipe');
  await until(() => (interrupted.stdout.endsWith('\nruby> ') ? true : undefined));
  interrupted.killGroup('SIGINT');
  expect(await interrupted.ended).toMatchObject({ status: 130, stderr: '' });
});
