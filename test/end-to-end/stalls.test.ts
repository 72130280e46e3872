// Replicas that stand still for about as long as a suspicion takes, again and again, and go on: nobody dies but by a halt, and nobody
// who looks at the output can tell.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { isAlive } from './command.js';
import { endsUndisturbed, launchGated, writesOn } from './gated-machine.js';
import { generator } from './seeds.js';

const random = generator();

/** After 400 ms of silence, or after 250 where the replicas have known each other for some seconds. */
const SUSPICION = { suspicion: 400 };
const STALLS = 6;
const PATIENCE_MS = 120_000;

describe('stopped and continued, again and again', () => {
  test('the primary, until it is replaced: each one halts, another joins, no byte is lost or doubled', {
    timeout: PATIENCE_MS,
  }, async () => {
    await using machine = await launchGated(SUSPICION);
    let status = await machine.whenProtected();
    for (let stall = 0; stall < STALLS; stall++) {
      const { view, primary, backups } = status;
      await writesOn(machine, Math.floor(random() * 2_000));
      const { pid } = await machine.pause('primary');
      expect(pid).toBe(primary.pid);
      const after = await machine.until(one => one.view > view);
      machine.resume();
      expect(after.primary).toEqual(backups[0]);
      status = await machine.until(one => one.protected && one.view > after.view);
      await machine.whenGone(pid);
      expect(isAlive(pid)).toBe(false);
      expect(status.backups).toHaveLength(1);
      expect([primary.pid, after.primary.pid]).not.toContain(status.backups[0]!.pid);
    }
    await endsUndisturbed(machine);
    const { lost } = machine;
    expect(lost.filter(({ hadJoined }) => !hadJoined)).toEqual([]);
    expect(lost.map(({ reason }) => reason.replace(/^halted: .*/, 'halted'))).toEqual(lost.map(() => 'halted'));
    expect(lost.length).toBeGreaterThanOrEqual(STALLS);
  });

  test('either of them, for about as long as it takes: whether it is replaced or not, no byte is lost or doubled', {
    timeout: PATIENCE_MS,
  }, async () => {
    await using machine = await launchGated(SUSPICION);
    for (let stall = 0; stall < 2 * STALLS; stall++) {
      await machine.whenProtected();
      await machine.pause(stall % 3 === 2 ? 'backup' : 'primary');
      await sleep(200 + random() * 250);
      machine.resume();
      await writesOn(machine, 200);
    }
    await machine.whenProtected();
    await endsUndisturbed(machine);
  });
});
