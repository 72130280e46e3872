// The flags that name an arbiter and what it asks of us, for every verb that starts or describes a part of a machine.
//
// What etcdctl takes from the environment is taken from there, too: ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY, ETCDCTL_USER and
// ETCDCTL_PASSWORD. It is the way to keep a password out of the list of processes.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { parseEtcdAddress, withoutUser } from '../arbiter/etcd-address.js';
import { type ArbiterOptions, parseArbiter } from '../arbiter/open-arbiter.js';
import { EpochvisorError } from '../errors/errors.js';

export interface ArbiterFlags {
  readonly arbiter?: string;
  readonly etcdCacert?: string;
  readonly etcdCert?: string;
  readonly etcdKey?: string;
  readonly etcdUser?: string;
}

/** Address and options of an arbiter, as `openArbiter` wants them; no secret is in the address. */
export interface GivenArbiter {
  readonly arbiter?: string;
  readonly arbiterOptions?: ArbiterOptions;
}

export function addArbiterFlags(command: Command): Command {
  return addEtcdFlags(
    command.option(
      '--arbiter <ADDRESS>',
      'of the view records: a folder, or etcd://HOST:PORT,... (default: a fresh folder)',
    ),
  );
}

/** For parts of a machine whose folder names its arbiter. */
export function addEtcdFlags(command: Command): Command {
  return command
    .option('--etcd-cacert <FILE>', 'who may be our etcd: PEM certificates')
    .option('--etcd-cert <FILE>', 'our certificate for etcd, PEM')
    .option('--etcd-key <FILE>', 'its key')
    .option('--etcd-user <USER:PASSWORD>', 'who we are to etcd (better: ETCDCTL_USER and ETCDCTL_PASSWORD)');
}

/** @throws EpochvisorError ARBITER_FAILED, ARBITER_UNSUPPORTED, ARBITER_MALFORMED, ARBITER_CREDENTIALS */
export async function arbiterOptions(
  flags: ArbiterFlags,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<GivenArbiter> {
  const { arbiter } = flags;
  // A folder that is there is meant, whatever its name looks like.
  const isFolder = arbiter === undefined || existsSync(arbiter);
  const scheme = isFolder ? 'folder' : parseArbiter(arbiter).scheme;
  if (scheme === 'etcd' || scheme === 'etcds') return await etcdOptions(arbiter!, flags, environment);
  const misplaced = Object.entries(flags).find(([name, value]) => name.startsWith('etcd') && value !== undefined);
  if (misplaced !== undefined) {
    const flag = `--etcd-${misplaced[0].slice('etcd'.length).toLowerCase()}`;
    throw new EpochvisorError(
      'ARBITER_FAILED',
      `${flag} is given without an etcd`,
      'name it: --arbiter etcd://HOST:PORT',
    );
  }
  if (arbiter === undefined) return {};
  if (isFolder) return { arbiter: `folder:${arbiter}` };
  const { rest } = parseArbiter(arbiter);
  if (existsSync(rest)) return { arbiter };
  throw new EpochvisorError('ARBITER_FAILED', `no such folder: ${rest}`, 'make it, or leave --arbiter out');
}

async function etcdOptions(
  arbiter: string,
  flags: ArbiterFlags,
  environment: NodeJS.ProcessEnv,
): Promise<GivenArbiter> {
  const address = parseEtcdAddress(arbiter);
  const { ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY, ETCDCTL_USER, ETCDCTL_PASSWORD } = environment;
  const known = ETCDCTL_PASSWORD === undefined ? ETCDCTL_USER : `${ETCDCTL_USER}:${ETCDCTL_PASSWORD}`;
  const user = flags.etcdUser ?? address.user ?? (ETCDCTL_USER ? known : undefined);
  const files = {
    ...pathOf('cacert', flags.etcdCacert ?? ETCDCTL_CACERT),
    ...pathOf('cert', flags.etcdCert ?? ETCDCTL_CERT),
    ...pathOf('key', flags.etcdKey ?? ETCDCTL_KEY),
  };
  // Refused here, in one line, rather than by every part. Loaded for those who need it: a start costs what it loads.
  const { checkUser, secureContextOf } = await import('../arbiter/etcd-credentials.js');
  secureContextOf(files);
  if (user !== undefined) checkUser(user);
  return {
    arbiter: withoutUser(arbiter),
    arbiterOptions: { etcd: { ...files, ...(user === undefined ? {} : { user }) } },
  };
}

/** Absolute: it is read by other processes. */
function pathOf(name: string, path: string | undefined): Record<string, string> {
  return path === undefined || path === '' ? {} : { [name]: resolve(path) };
}
