// The command that drives a guest: what is kept of it, how its end is told, and that nothing of it lives on.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ClientCommand, describeFailure } from '../../engine/testing/client-command.js';

const ADDRESSES = [
  { kind: 'tcp', host: '::1', port: 7 },
  { kind: 'unix', path: '/tmp/socket' },
] as const;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function started(command: string, keeps = true): ClientCommand {
  const client = new ClientCommand(command, ADDRESSES, keeps);
  client.start();
  return client;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a client', () => {
  test('is told where the guest listens, and what it prints is kept byte for byte', async () => {
    const client = started('echo "$EPOCHVISOR_ADDRESS, $EPOCHVISOR_ADDRESSES"; printf "\\377"');
    const end = await client.ended;
    expect(Buffer.from(end.stdout).toString('latin1')).toBe('[::1]:7, [::1]:7 unix:/tmp/socket\n\xff');
    expect(describeFailure(end)).toBeUndefined();
  });

  test('that fails is told with its status and its last words', async () => {
    const said = async (command: string) => describeFailure(await started(command).ended);
    expect(await said('echo one >&2; echo two >&2; echo three; exit 3')).toBe('ended with status 3: two');
    expect(await said('echo three; exit 3')).toBe('ended with status 3: three');
    expect(await said('kill -9 $$')).toBe('was killed by SIGKILL');
  });

  test('that hangs is ended with all that it has started, and says why', async () => {
    const said = join(folder, 'said');
    const client = started(`sleep 600 & echo $!; echo waiting >&2; touch ${said}; wait`);
    while (!existsSync(said)) await sleep(5);
    client.kill('had not ended after 1 s');
    const end = await client.ended;
    expect(describeFailure(end)).toBe('had not ended after 1 s: waiting');
    const sleeping = Number(Buffer.from(end.stdout).toString());
    expect(sleeping).toBeGreaterThan(0);
    while (isAlive(sleeping)) await sleep(5);
  });

  test('that was never started, or has ended, is not ended', async () => {
    const never = new ClientCommand('true', ADDRESSES, true);
    never.kill('is not wanted any more');
    never.start();
    expect((await never.ended).failure).toBe('is not wanted any more');
    const done = started('true');
    await done.ended;
    done.kill('too late');
    expect((await done.ended).failure).toBeUndefined();
  });
});
