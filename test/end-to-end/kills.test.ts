// Kills from outside, at any time: nobody who looks at the output can tell.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { judgeTranscript } from '../guest-library/transcript.js';
import { Bench, guest, isAlive, until, type Watched } from './command.js';
import { Gated } from './gated.js';
import { Milling } from './milling.js';
import { generator } from './seeds.js';

const bench = new Bench();
const random = generator();

/** A kill comes within the first half second or so of output. */
const wroteSome = ({ machine }: Gated) => machine.wrote(Math.floor(random() * 10_000));

/** The launcher hears of a death a moment after it; once the machine has ended, it would say nothing of it any more. */
const isToldGone = ({ command }: Watched, pid: number) =>
  until(() => (command.stderr.includes(`replica ${pid} is gone`) ? true : undefined));

describe('SIGKILL from outside', () => {
  test.each(['original', 'revised', 'deferred'])(
    'of the primary leaves the output whole, in the variant %s',
    async variant => {
      const gated = new Gated(bench, ['--no-repair', '--variant', variant]);
      const { machine } = gated;
      const { primary, backups } = await machine.isProtected();
      await wroteSome(gated);
      process.kill(primary.pid, 'SIGKILL');
      const after = await machine.status(({ view }) => view === 2);
      expect(after).toMatchObject({ protected: false, reason: 'need secondary', backups: [] });
      expect(after.primary).toEqual(backups[0]);
      await isToldGone(machine, primary.pid);
      const ended = await gated.endsUndisturbed();
      expect(ended.stderr).toContain(`replica ${primary.pid} is gone`);
      expect(ended.stderr).toContain(`view 2: replica ${after.primary.pid} is primary`);
    },
  );

  test('of the backup leaves the output whole', async () => {
    const gated = new Gated(bench, ['--no-repair']);
    const { machine } = gated;
    const { primary, backups } = await machine.isProtected();
    await wroteSome(gated);
    process.kill(backups[0]!.pid, 'SIGKILL');
    const after = await machine.status(({ view }) => view === 2);
    expect(after).toMatchObject({ primary, protected: false, reason: 'need secondary', backups: [] });
    await gated.endsUndisturbed();
  });

  test('of both: the machine is lost, and says so in one line', async () => {
    const machine = bench.startWatched(['--quiet', guest('spin')]);
    const { primary, backups } = await machine.isProtected();
    process.kill(primary.pid, 'SIGKILL');
    process.kill(backups[0]!.pid, 'SIGKILL');
    const { status, stderr } = await machine.command.ended;
    expect(status).toBe(70);
    expect(stderr).toMatch(/^epochvisor: .*\[ALL_REPLICAS_LOST\].*\n$/);
  });

  test('of a primary whose guest reads clock and random: the transcript is one of a single machine', async () => {
    const machine = bench.startWatched(['--no-repair', guest('clock-random'), '0', '20000'], 'pipe');
    const { primary } = await machine.isProtected();
    await machine.wrote(1000 + Math.floor(random() * 20_000));
    process.kill(primary.pid, 'SIGKILL');
    await machine.status(({ view }) => view === 2);
    await machine.wrote(machine.command.stdout.length + 1000);
    machine.command.endInput();
    const { stdout, status } = await machine.command.ended;
    expect(status).toBe(0);
    expect(judgeTranscript(stdout)).toBeNull();
  });

  test('of a primary with operations outstanding: disk and teller hold what they hold without', async () => {
    const milling = new Milling(bench);
    const { primary } = await milling.machine.status(status => status.protected && status.outstanding > 0);
    process.kill(primary.pid, 'SIGKILL');
    await milling.machine.status(({ view }) => view >= 2);
    await milling.endsLikeThePlainMachine();
  });

  test('of the launcher: the replicas end by themselves', async () => {
    const machine = bench.startWatched([guest('spin')]);
    const { primary, backups } = await machine.isProtected();
    machine.command.kill('SIGKILL');
    await machine.command.ended;
    await until(() => (isAlive(primary.pid) || isAlive(backups[0]!.pid) ? undefined : true));
  });
});

describe('a primary that stands still', () => {
  test('past the suspicion is replaced; awake again it writes nothing, and halts', async () => {
    const gated = new Gated(bench, ['--suspicion', '300']);
    const { machine } = gated;
    const { primary } = await machine.isProtected();
    await machine.wrote(200);
    process.kill(primary.pid, 'SIGSTOP');
    await machine.status(({ view }) => view === 2);
    // The new primary has written: whatever the old one adds would be seen as a doubled or foreign byte.
    const written = machine.command.stdout.length;
    await machine.wrote(written + 1);
    process.kill(primary.pid, 'SIGCONT');
    await until(() => (isAlive(primary.pid) ? undefined : true));
    await isToldGone(machine, primary.pid);
    const { stderr } = await gated.endsUndisturbed();
    expect(stderr).toMatch(new RegExp(`replica ${primary.pid} is gone: halted`));
  });

  test('for less than the suspicion stays primary', async () => {
    const gated = new Gated(bench, ['--suspicion', '20000']);
    const { machine } = gated;
    const { primary } = await machine.isProtected();
    process.kill(primary.pid, 'SIGSTOP');
    await sleep(300);
    process.kill(primary.pid, 'SIGCONT');
    expect((await gated.endsUndisturbed()).stderr).toBe('');
  });
});
