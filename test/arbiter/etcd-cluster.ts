// An etcd of Debian's, of one member or several, on ports that the kernel chose and in a folder that goes with it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Shorter than etcd's own, for tests to wait for; longer than what a busy host keeps a process waiting. */
const TIMING = ['--heartbeat-interval=50', '--election-timeout=500'];
const READY_MS = 20_000;

/** PEM files of an etcd that asks those who come for a certificate. */
export interface ClusterTls {
  readonly cacert: string;
  readonly cert: string;
  readonly key: string;
}

export class EtcdMember {
  readonly name: string;
  readonly port: number;
  readonly #args: readonly string[];
  readonly #log: string;
  #process: ChildProcess | undefined;

  constructor(name: string, port: number, args: readonly string[], log: string) {
    this.name = name;
    this.port = port;
    this.#args = args;
    this.#log = log;
    this.start();
  }

  /** What its clients are given. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  start(): void {
    const log = openSync(this.#log, 'a');
    this.#process = spawn('etcd', this.#args, { stdio: ['ignore', log, log] });
    closeSync(log);
  }

  get isRunning(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** SIGKILL, and its end. */
  async kill(): Promise<void> {
    const ended = new Promise(resolve => this.#process?.once('exit', resolve));
    if (!this.isRunning) return;
    this.signal('SIGKILL');
    await ended;
  }
}

export class EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly #folder: string;
  readonly #tls: ClusterTls | undefined;
  #prefixes = 0;

  /** Waits until it answers. */
  static async start(count: number, tls?: ClusterTls): Promise<EtcdCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'epochvisor-etcd-'));
    const ports = await freePorts(2 * count);
    const names = Array.from({ length: count }, (_, index) => `member-${index}`);
    const peer = (index: number) => `http://127.0.0.1:${ports[2 * index + 1]}`;
    const initial = names.map((name, index) => `${name}=${peer(index)}`).join(',');
    const scheme = tls === undefined ? 'http' : 'https';
    const asking =
      tls === undefined
        ? []
        : [
            ...['--client-cert-auth', `--trusted-ca-file=${tls.cacert}`],
            ...[`--cert-file=${tls.cert}`, `--key-file=${tls.key}`],
          ];
    const members = names.map((name, index) => {
      const port = ports[2 * index]!;
      const client = `${scheme}://127.0.0.1:${port}`;
      return new EtcdMember(
        name,
        port,
        [
          ...[`--name=${name}`, `--data-dir=${join(folder, name)}`, ...TIMING, '--bcrypt-cost=4', ...asking],
          ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
          ...[`--listen-peer-urls=${peer(index)}`, `--initial-advertise-peer-urls=${peer(index)}`],
          ...[`--initial-cluster=${initial}`, `--initial-cluster-token=${folder}`],
        ],
        join(folder, `${name}.log`),
      );
    });
    const cluster = new EtcdCluster(folder, members, tls);
    for (const member of members) await cluster.isReady(member);
    return cluster;
  }

  private constructor(folder: string, members: readonly EtcdMember[], tls: ClusterTls | undefined) {
    this.#folder = folder;
    this.members = members;
    this.#tls = tls;
  }

  /** The address of it all, with a prefix that nobody has used. */
  newAddress(members = this.members.map(({ address }) => address)): string {
    this.#prefixes += 1;
    return `etcd://${members.join(',')}/test-${this.#prefixes}`;
  }

  /** Waits until a member answers. */
  async isReady(member: EtcdMember): Promise<void> {
    const deadline = Date.now() + READY_MS;
    while (!(await this.#isHealthy(member))) {
      if (Date.now() > deadline || !member.isRunning) throw new Error(`no etcd: ${member.log.slice(-2000)}`);
      await sleep(20);
    }
  }

  async #isHealthy({ port }: EtcdMember): Promise<boolean> {
    // With TLS it says in its log that it serves: who asks would need a certificate.
    if (this.#tls !== undefined) return this.members.every(({ log }) => log.includes('serving client requests'));
    try {
      const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(1_000) });
      return ((await response.json()) as { health: string }).health === 'true';
    } catch {
      return false;
    }
  }

  /** The member that leads. */
  async leader(): Promise<EtcdMember> {
    for (;;) {
      for (const member of this.members) {
        const { header, leader } = (await ask(member, '/v3/maintenance/status', {})) as Status;
        if (leader !== undefined && header.member_id === leader) return member;
      }
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(member => member.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Status {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

/** A request by the gateway of one member, as a test makes it. */
export async function ask({ port }: EtcdMember, path: string, body: object, token?: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...(token === undefined ? {} : { headers: { authorization: token } }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Writes a key beside the arbiter. */
export async function put(member: EtcdMember, key: string, value: string): Promise<void> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  await ask(member, '/v3/kv/put', { key: base64(key), value: base64(value) });
}

/** Certificates of an authority of the test's own: etcd's, and a client's without a name, as etcd's gateway wants it. */
export function makeCertificates(folder: string): ClusterTls & { readonly client: { cert: string; key: string } } {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const authority = ['-subj', '/CN=authority', '-keyout', file('ca.key'), '-out', file('ca.pem')];
  openssl('req', '-x509', ...newKey, ...authority);
  for (const name of ['server', 'client']) {
    openssl(
      ...['req', '-x509', ...newKey, '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-subj', '/O=test'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'],
      ...['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)],
    );
  }
  return {
    cacert: file('ca.pem'),
    cert: file('server.pem'),
    key: file('server.key'),
    client: { cert: file('client.pem'), key: file('client.key') },
  };
}

/** Ports that nobody has, at a moment. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      server =>
        new Promise<number>(resolve => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  return ports;
}
