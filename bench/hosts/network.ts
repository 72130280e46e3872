// Hosts in network namespaces of their own: each has a cable to a router, and any direction between two of them can be cut.
//
//   A ---- router ---- B        a cut drops at the router what one host sends to another, without a word to either:
//            |                  no socket ends, as with a broken cable. Either direction, or both.
//            C
//
// Every host has an address of a network of its own. Namespaces have names of this process; interfaces live inside them. The
// kernels that tests meet have no qdisc for delay or loss: slow links are made by doors in user space (bench/paper).

import { execFileSync } from 'node:child_process';

/** Host names in order: the address of the nth is 10.77.n.2. */
const NETWORK = '10.77';

const ip = (...args: readonly string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();

export interface Host {
  readonly name: string;
  readonly address: string;
  /** Of `ip netns exec`: before a command, to run it on this host. */
  readonly prefix: readonly [program: string, ...args: string[]];
}

/** What this process made; whatever ends it ends them. */
const made = new Set<Network>();
process.once('exit', () => {
  for (const network of made) network.remove();
});

export class Network {
  static #count = 0;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly #router: string;
  readonly #namespaces: string[] = [];
  readonly #cuts = new Set<string>();

  /** @throws where this user may make no namespaces, or there is no `ip` */
  constructor(names: readonly string[]) {
    const prefix = `epochvisor-${process.pid}-${Network.#count++}`;
    this.#router = `${prefix}-router`;
    made.add(this);
    try {
      this.#addNamespace(this.#router);
      this.hosts = new Map(names.map((name, index) => [name, this.#addHost(`${prefix}-${name}`, name, index + 1)]));
      ip('netns', 'exec', this.#router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  host(name: string): Host {
    return this.hosts.get(name)!;
  }

  #addNamespace(namespace: string): void {
    ip('netns', 'add', namespace);
    this.#namespaces.push(namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }

  #addHost(namespace: string, name: string, number: number): Host {
    const [address, gateway] = [`${NETWORK}.${number}.2`, `${NETWORK}.${number}.1`];
    const port = portOf(name);
    this.#addNamespace(namespace);
    ip('link', 'add', 'eth0', 'netns', namespace, 'type', 'veth', 'peer', 'name', port, 'netns', this.#router);
    for (const [where, device, own] of [
      [namespace, 'eth0', address],
      [this.#router, port, gateway],
    ] as const) {
      ip('-n', where, 'addr', 'add', `${own}/24`, 'dev', device);
      ip('-n', where, 'link', 'set', device, 'up');
    }
    ip('-n', namespace, 'route', 'add', 'default', 'via', gateway);
    return { name, address, prefix: ['ip', 'netns', 'exec', namespace] };
  }

  /** What `from` sends to `to` is lost, until it is healed. */
  cut(from: string, to: string): void {
    this.#rule('add', from, to);
  }

  heal(from: string, to: string): void {
    this.#rule('del', from, to);
  }

  #rule(change: 'add' | 'del', from: string, to: string): void {
    const cut = `${from} ${to}`;
    if (this.#cuts.has(cut) === (change === 'add')) return;
    ip('-n', this.#router, 'rule', change, 'iif', portOf(from), 'to', this.host(to).address, 'blackhole');
    if (change === 'add') this.#cuts.add(cut);
    else this.#cuts.delete(cut);
  }

  /** The link between two hosts, both ways. */
  cutBoth(one: string, other: string): void {
    this.cut(one, other);
    this.cut(other, one);
  }

  healAll(): void {
    for (const cut of this.#cuts) {
      const [from, to] = cut.split(' ') as [string, string];
      this.heal(from, to);
    }
  }

  /** Every process of a host, at once, and without a chance for the kernel to tell the others that sockets end. */
  killHost(name: string): void {
    for (const other of this.hosts.keys()) if (other !== name) this.cutBoth(name, other);
    for (const pid of this.processesOf(name)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  processesOf(name: string): number[] {
    const namespace = this.host(name).prefix.at(-1)!;
    return ip('netns', 'pids', namespace).split('\n').filter(Boolean).map(Number);
  }

  /** All namespaces, with what still runs in them. */
  remove(): void {
    for (const namespace of this.#namespaces.splice(0)) {
      for (const pid of ip('netns', 'pids', namespace).split('\n').filter(Boolean))
        process.kill(Number(pid), 'SIGKILL');
      ip('netns', 'del', namespace);
    }
    made.delete(this);
  }
}

/** The router's end of a host's cable; names of interfaces have at most 15 characters. */
function portOf(name: string): string {
  return `to-${name}`;
}
