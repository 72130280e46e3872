// What the flags of an arbiter, and the environment that etcdctl knows, come to.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addArbiterFlags, arbiterOptions } from '../../engine/cli/arbiter-flags.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-arbiter-flags-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const given = (args: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
  arbiterOptions(addArbiterFlags(new Command()).parse(args, { from: 'user' }).opts(), environment);

describe('an arbiter', () => {
  test('is nobody’s choice, a folder that is there, or an etcd', async () => {
    expect(await given([])).toEqual({});
    expect(await given(['--arbiter', folder])).toEqual({ arbiter: `folder:${folder}` });
    expect(await given(['--arbiter', `folder:${folder}`])).toEqual({ arbiter: `folder:${folder}` });
    expect(await given(['--arbiter', 'etcd://h1,h2/p'])).toEqual({
      arbiter: 'etcd://h1,h2/p',
      arbiterOptions: { etcd: {} },
    });
  });

  test('that is a folder with the name of a scheme is that folder', async () => {
    mkdirSync(join(folder, 'etcd:'));
    expect(await given(['--arbiter', `${folder}/etcd:`])).toEqual({ arbiter: `folder:${folder}/etcd:` });
  });

  test('of which the folder is not there is refused', async () => {
    await expect(given(['--arbiter', join(folder, 'none')])).rejects.toMatchObject({ code: 'ARBITER_FAILED' });
  });
});

describe('who we are to an etcd', () => {
  const etcd = ['--arbiter', 'etcd://a:b@h'];
  const userOf = async (args: readonly string[], environment: NodeJS.ProcessEnv) =>
    (await given(args, environment)).arbiterOptions?.etcd?.user;

  test('is said by the flag, else by the address, which is passed on without it, else by the environment', async () => {
    const environment = { ETCDCTL_USER: 'e:f' };
    expect(await userOf([...etcd, '--etcd-user', 'c:d'], environment)).toBe('c:d');
    expect(await given(etcd, environment)).toEqual({ arbiter: 'etcd://h', arbiterOptions: { etcd: { user: 'a:b' } } });
    expect(await userOf(['--arbiter', 'etcd://h'], environment)).toBe('e:f');
    expect(await userOf(['--arbiter', 'etcd://h'], { ETCDCTL_USER: 'g', ETCDCTL_PASSWORD: 'h:i' })).toBe('g:h:i');
  });

  test('is nothing that a folder asks for: a flag is refused, the environment is left alone', async () => {
    await expect(given(['--arbiter', folder, '--etcd-cacert', 'x'])).rejects.toMatchObject({
      code: 'ARBITER_FAILED',
      message: '--etcd-cacert is given without an etcd',
    });
    const environment = { ETCDCTL_USER: 'me', ETCDCTL_CACERT: 'none' };
    expect(await given(['--arbiter', folder], environment)).toEqual({ arbiter: `folder:${folder}` });
  });

  test('needs a password, and files that are there', async () => {
    const refused = { code: 'ARBITER_CREDENTIALS' };
    await expect(given(['--arbiter', 'etcd://h'], { ETCDCTL_USER: 'me' })).rejects.toMatchObject(refused);
    await expect(given(['--arbiter', 'etcd://h'], { ETCDCTL_CACERT: join(folder, 'none') })).rejects.toMatchObject(
      refused,
    );
    await expect(given([...etcd, '--etcd-cert', join(folder, 'none')])).rejects.toMatchObject(refused);
  });
});
