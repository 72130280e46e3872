// A recording is run again by other versions of Node, and with either of V8's compilers alone: the same output, the same digests.

import { expect, test } from 'vitest';
import { otherHost } from '../../bench/instrumentation/hosts.js';
import { TIERS } from '../instrument-fuzz/tiers.js';
import { needs } from '../setup/needs.js';
import { OTHER_NODES } from '../setup/requirements.js';
import { Bench, guest } from './command.js';
import { kills } from './tcp-client.js';

const bench = new Bench();

test('a recording with a kill and checkpoints is run again on any host, wherever it is begun', {
  ...needs('nodes'),
  timeout: 180_000,
}, async () => {
  const file = bench.file('recording');
  const flags = ['--record', file, '--checkpoint-every', '1s', '--verify', '20%'];
  const machine = bench.startWatched([...flags, guest('clock-random'), '0', '20000'], 'pipe');
  await kills(machine, 'primary');
  machine.command.endInput();
  const { stdout, status } = await machine.command.ended;
  expect(status).toBe(0);
  const { stdout: checkpoints } = await bench.run(['inspect-log', '--kind', 'checkpoint', file]);
  const to = `${Number(/^\d+/.exec(checkpoints)![0]) + 1}:5000`;
  const stopped = await bench.run(['replay', '--output', 'none', '--to', to, file]);
  expect(stopped.stderr).toMatch(/ SHA-256 \w{64}\n$/);

  const hosts: (readonly [name: string, program: string, flags: readonly string[]])[] = [
    ...OTHER_NODES.map(major => [`Node ${major}`, otherHost(major).path, []] as const),
    ...Object.entries(TIERS).map(([tier, only]) => [`the ${tier} tier`, process.execPath, only] as const),
  ];
  for (const [name, program, only] of hosts) {
    const text = `shift; exec ${[program, ...only].join(' ')} "$@"`;
    const replay = (...args: string[]) => bench.startByShell(text, ['replay', '--no-cache', ...args, file]).ended;
    expect(await replay('--quiet'), name).toMatchObject({ status, stdout, stderr: '' });
    expect(await replay('--output', 'none', '--to', to), name).toEqual(stopped);
  }
});
