// Kills from outside, at any time: nobody who looks at the output can tell.

import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { judgeTranscript } from '../guest-library/transcript.js';
import { Bench, guest, isAlive, sleep, until } from './command.js';
import { generator } from './seeds.js';

const bench = new Bench();
/** What is left of it after a kill takes long enough for its status to be seen. */
const COMPUTE = [guest('compute'), '400', '20'];
const random = generator();
let expected = '';

beforeAll(async () => {
  const { execFileSync } = await import('node:child_process');
  const { PLAIN } = await import('./command.js');
  expected = execFileSync(process.execPath, [PLAIN, ...COMPUTE]).toString();
});

describe('SIGKILL from outside', () => {
  test.each(['original', 'revised', 'deferred'])(
    'of the primary leaves the output whole, in the variant %s',
    async variant => {
      const machine = bench.startWatched(['--no-repair', '--variant', variant, ...COMPUTE]);
      const { primary, backups } = await machine.isProtected();
      await machine.wrote(Math.floor(random() * 0.8 * expected.length));
      process.kill(primary.pid, 'SIGKILL');
      const after = await machine.status(({ view }) => view === 2);
      expect(after).toMatchObject({ protected: false, reason: 'need secondary', backups: [] });
      expect(after.primary).toEqual(backups[0]);
      const ended = await machine.command.ended;
      expect(ended.stdout).toBe(expected);
      expect(ended.status).toBe(0);
      expect(ended.stderr).toContain(`replica ${primary.pid} is gone`);
      expect(ended.stderr).toContain(`view 2: replica ${after.primary.pid} is primary`);
    },
  );

  test('of the backup leaves the output whole', async () => {
    const machine = bench.startWatched(['--no-repair', ...COMPUTE]);
    const { primary, backups } = await machine.isProtected();
    await machine.wrote(Math.floor(random() * 0.8 * expected.length));
    process.kill(backups[0]!.pid, 'SIGKILL');
    const after = await machine.status(({ view }) => view === 2);
    expect(after).toMatchObject({ primary, protected: false, reason: 'need secondary', backups: [] });
    expect(await machine.command.ended).toMatchObject({ status: 0, stdout: expected });
  });

  test('of both: the machine is lost, and says so in one line', async () => {
    const machine = bench.startWatched(['--quiet', ...COMPUTE]);
    const { primary, backups } = await machine.isProtected();
    process.kill(primary.pid, 'SIGKILL');
    process.kill(backups[0]!.pid, 'SIGKILL');
    const { status, stderr } = await machine.command.ended;
    expect(status).toBe(70);
    expect(stderr).toMatch(/^epochvisor: .*\[ALL_REPLICAS_LOST\].*\n$/);
  });

  test('of a primary whose guest reads clock and random: the transcript is one of a single machine', async () => {
    const lines = 1000;
    const machine = bench.startWatched([guest('clock-random'), String(lines), '20000']);
    const { primary } = await machine.isProtected();
    await machine.wrote(1000 + Math.floor(random() * 20_000));
    process.kill(primary.pid, 'SIGKILL');
    const { stdout, status } = await machine.command.ended;
    expect(status).toBe(0);
    expect(judgeTranscript(stdout)).toBeNull();
    expect(stdout.split('\n')).toHaveLength(lines + 1);
  });

  test('of a primary with disk operations outstanding: the disk holds what it holds without', async () => {
    const contents: string[] = [];
    for (const kill of [false, true]) {
      const disk = bench.file(`disk-${kill}`);
      writeFileSync(disk, '');
      truncateSync(disk, 1 << 20);
      const machine = bench.startWatched(['--disk', disk, guest('disk'), '256']);
      if (kill) {
        const { primary } = await machine.status(status => status.protected && status.outstanding > 0);
        process.kill(primary.pid, 'SIGKILL');
      }
      const { stdout, status } = await machine.command.ended;
      expect(status).toBe(0);
      contents.push(stdout + createHash('sha256').update(readFileSync(disk)).digest('hex'));
    }
    expect(contents[1]).toBe(contents[0]);
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
    const machine = bench.startWatched(['--suspicion', '300', ...COMPUTE]);
    const { primary } = await machine.isProtected();
    await machine.wrote(200);
    process.kill(primary.pid, 'SIGSTOP');
    await machine.status(({ view }) => view === 2);
    // The new primary has written: whatever the old one adds would be seen as a doubled or foreign byte.
    const written = machine.command.stdout.length;
    await machine.wrote(written + 1);
    process.kill(primary.pid, 'SIGCONT');
    await until(() => (isAlive(primary.pid) ? undefined : true));
    const { stdout, stderr, status } = await machine.command.ended;
    expect(status).toBe(0);
    expect(stdout).toBe(expected);
    expect(stderr).toMatch(new RegExp(`replica ${primary.pid} is gone: halted`));
  });

  test('for less than the suspicion stays primary', async () => {
    const machine = bench.startWatched(['--suspicion', '20000', ...COMPUTE]);
    const { primary } = await machine.isProtected();
    process.kill(primary.pid, 'SIGSTOP');
    await sleep(300);
    process.kill(primary.pid, 'SIGCONT');
    const { stdout, stderr, status } = await machine.command.ended;
    expect({ stdout, stderr, status }).toEqual({ stdout: expected, stderr: '', status: 0 });
  });
});
