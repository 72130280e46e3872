// Replicas that stand still for about as long as a suspicion takes, again and again, and go on: nobody dies but by a halt, and nobody
// who looks at the output can tell.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Bench, isAlive, until } from './command.js';
import { Gated } from './gated.js';
import { generator } from './seeds.js';

const bench = new Bench();
const random = generator();

/** After 400 ms of silence, or after 250 where the replicas have known each other for some seconds. */
const SUSPICION = ['--suspicion', '400'];
const STALLS = 6;
const PATIENCE_MS = 120_000;

describe('stopped and continued, again and again', () => {
  test('the primary, until it is replaced: each one halts, another joins, no byte is lost or doubled', {
    timeout: PATIENCE_MS,
  }, async () => {
    const gated = new Gated(bench, SUSPICION);
    const { machine } = gated;
    let status = await machine.isProtected();
    for (let stall = 0; stall < STALLS; stall++) {
      const { view, primary, backups } = status;
      await machine.wrote(machine.command.stdout.length + Math.floor(random() * 2_000));
      process.kill(primary.pid, 'SIGSTOP');
      const after = await machine.status(one => one.view > view);
      process.kill(primary.pid, 'SIGCONT');
      expect(after.primary).toEqual(backups[0]);
      await until(() => (isAlive(primary.pid) ? undefined : true));
      status = await machine.status(one => one.protected && one.view > after.view);
      expect(status.backups).toHaveLength(1);
      expect([primary.pid, after.primary.pid]).not.toContain(status.backups[0]!.pid);
    }
    const { stderr } = await gated.endsUndisturbed();
    expect(stderr).not.toContain('before it has joined');
    expect(stderr.match(/is gone: halted/g)?.length).toBeGreaterThanOrEqual(STALLS);
  });

  test('either of them, for about as long as it takes: whether it is replaced or not, no byte is lost or doubled', {
    timeout: PATIENCE_MS,
  }, async () => {
    const gated = new Gated(bench, SUSPICION);
    const { machine } = gated;
    await machine.isProtected();
    for (let stall = 0; stall < 2 * STALLS; stall++) {
      const { primary, backups } = await machine.status(one => one.protected);
      const { pid } = stall % 3 === 2 ? backups[0]! : primary;
      process.kill(pid, 'SIGSTOP');
      await sleep(200 + random() * 250);
      process.kill(pid, 'SIGCONT');
      await machine.wrote(machine.command.stdout.length + 200);
    }
    await machine.isProtected();
    await gated.endsUndisturbed();
  });
});
