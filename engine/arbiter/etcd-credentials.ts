// Whom we trust to be our etcd, and how we show it who we are: TLS files, user and password, as etcdctl takes them.

import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { EpochvisorError } from '../errors/errors.js';

/** What etcdctl takes by the same names. */
export interface EtcdCredentials {
  /** Paths of PEM files: who is trusted, and what shows who we are (both or neither). Any of them: TLS. */
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  /** `USER:PASSWORD` */
  readonly user?: string;
}

/**
 * What TLS needs, from the files.
 * @throws EpochvisorError ARBITER_CREDENTIALS
 */
export function secureContextOf({ cacert, cert, key }: EtcdCredentials): SecureContext {
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? ['key', 'certificate'] : ['certificate', 'key'];
    throw new EpochvisorError(
      'ARBITER_CREDENTIALS',
      `etcd's ${given} is given without its ${missing}`,
      'give both --etcd-cert and --etcd-key, or neither',
    );
  }
  const files = {
    ...(cacert === undefined ? {} : { ca: pemOf(cacert) }),
    ...(cert === undefined ? {} : { cert: pemOf(cert) }),
    ...(key === undefined ? {} : { key: pemOf(key) }),
  };
  try {
    return createSecureContext(files);
  } catch (error) {
    const named = [cacert, cert, key].filter(path => path !== undefined).join(', ');
    throw new EpochvisorError(
      'ARBITER_CREDENTIALS',
      `the TLS files for etcd (${named}) can't be used: ${(error as Error).message}`,
      'they are to be PEM, and the key that of the certificate',
    );
  }
}

/** @throws EpochvisorError ARBITER_CREDENTIALS */
export function checkUser(user: string): void {
  if (/^[^:]+:./s.test(user)) return;
  throw new EpochvisorError('ARBITER_CREDENTIALS', "etcd's user is given without a password", 'write USER:PASSWORD');
}

export function namesTlsFiles({ cacert, cert, key }: EtcdCredentials): boolean {
  return [cacert, cert, key].some(path => path !== undefined);
}

function pemOf(path: string): Buffer {
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = `the file ${path} for etcd can't be read: ${code ?? message}`;
    throw new EpochvisorError('ARBITER_CREDENTIALS', why, 'name another');
  }
  // OpenSSL takes a file without any certificate for one that trusts nobody.
  if (!pem.includes('-----BEGIN ')) {
    throw new EpochvisorError('ARBITER_CREDENTIALS', `the file ${path} for etcd is not PEM`, 'name another');
  }
  return pem;
}
