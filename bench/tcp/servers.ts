// The servers that are compared: how each is started and ended, and which processes it consists of.
//
// All on this host, on ports of 127.0.0.1. What is kept for a machine is in a folder of its own, gone with it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../engine/observe/status.js';
import { guestPath, ROOT } from '../host.js';
import { end, owned, ownedFolder, removeFolder } from '../processes.js';
import { command, RespClient } from './resp.js';

const GUEST = 'keyvalue';
/** A server that is not ready after this fails, ms. */
const PATIENCE_MS = 20_000;

/** How it is named in tables, and, of a machine, the flags of `run`. */
export const SERVERS = {
  plain: { title: 'plain machine' },
  simplex: { title: 'simplex', flags: ['--replicas', '1'] },
  original: { title: 'pair, original', flags: ['--variant', 'original'] },
  revised: { title: 'pair, revised', flags: ['--variant', 'revised'] },
  deferred: { title: 'pair, deferred', flags: ['--variant', 'deferred'] },
  redis: { title: 'Redis' },
  redisWait: { title: 'Redis, replica, WAIT 1' },
} as const;

export type ServerName = keyof typeof SERVERS;

/** A line that a machine said, and when, by `performance.now()`. */
export interface SaidLine {
  readonly ms: number;
  readonly text: string;
}

export interface Server {
  readonly name: ServerName;
  readonly port: number;
  /** Its processes as they are now, by what they do. */
  parts(): Readonly<Record<string, number>>;
  /** Of a machine. */
  status(): Status | undefined;
  readonly said: readonly SaidLine[];
  /** Whether it has ended by itself. */
  readonly isOver: boolean;
  end(): Promise<void>;
}

export async function startServer(name: ServerName): Promise<Server> {
  const folder = ownedFolder();
  try {
    if (name === 'plain') return await startPlain(folder);
    if (name === 'redis' || name === 'redisWait') return await startRedis(name, folder);
    return await startMachine(name, folder);
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not ${what} after ${PATIENCE_MS / 1000} s`);
    await sleep(10);
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

/** What a machine says on stderr, line by line. */
function listen(child: ChildProcess): SaidLine[] {
  const said: SaidLine[] = [];
  let rest = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop()!;
    said.push(...lines.map(line => ({ ms: performance.now(), text: line })));
  });
  return said;
}

async function portOf(child: ChildProcess, said: readonly SaidLine[]): Promise<number> {
  const port = () => said.map(({ text }) => / listens on .*:(\d+)$/.exec(text)?.[1]).find(found => found !== undefined);
  await until(() => port() !== undefined || hasEnded(child), 'listening');
  if (hasEnded(child)) throw new Error(said.map(({ text }) => text).join('\n'));
  return Number(port());
}

async function startPlain(folder: string): Promise<Server> {
  const main = join(ROOT, 'dist', 'bundle', 'plain-main.js');
  const words = [main, '--listen', '127.0.0.1:0', guestPath(GUEST)];
  const child = owned(spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] }));
  const said = listen(child);
  return {
    name: 'plain',
    port: await portOf(child, said),
    parts: () => ({ server: child.pid! }),
    status: () => undefined,
    said,
    get isOver() {
      return hasEnded(child);
    },
    end: async () => {
      await end(child);
      removeFolder(folder);
    },
  };
}

async function startMachine(name: 'simplex' | 'original' | 'revised' | 'deferred', folder: string): Promise<Server> {
  const statusFile = join(folder, 'status.json');
  const main = join(ROOT, 'dist', 'bundle', 'cli-main.js');
  const flags = ['--status-file', statusFile, '--listen', '127.0.0.1:0', ...SERVERS[name].flags];
  const words = [main, 'run', ...flags, guestPath(GUEST)];
  const child = owned(spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] }));
  const said = listen(child);
  const status = (): Status | undefined => {
    try {
      return JSON.parse(readFileSync(statusFile, 'utf8')) as Status;
    } catch {
      // It is not there yet, or not any more.
      return undefined;
    }
  };
  const port = await portOf(child, said);
  await until(() => (name === 'simplex' ? status() !== undefined : status()?.protected === true), 'protected');
  return {
    name,
    port,
    parts: () => {
      const { primary, backups = [] } = status() ?? {};
      return {
        launcher: child.pid!,
        ...(primary === undefined ? {} : { primary: primary.pid }),
        ...(backups[0] === undefined ? {} : { backup: backups[0].pid }),
      };
    },
    status,
    said,
    get isOver() {
      return hasEnded(child);
    },
    end: async () => {
      await end(child);
      removeFolder(folder);
    },
  };
}

/** A port that is free now: redis-server takes none of the kernel's choice. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function startRedis(name: 'redis' | 'redisWait', folder: string): Promise<Server> {
  const start = async (more: readonly string[]) => {
    const port = await freePort();
    const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
    const child = owned(
      spawn('redis-server', [...flags, '--repl-diskless-sync-delay', '0', ...more], { stdio: 'ignore' }),
    );
    child.once('error', () => undefined);
    await until(async () => {
      if (child.pid === undefined) throw new Error('redis-server is not installed');
      return (await ask(port, 'PING')) === 'PONG';
    }, 'a Redis that answers');
    return { port, child };
  };
  const first = await start([]);
  const second = name === 'redis' ? undefined : await start(['--replicaof', '127.0.0.1', String(first.port)]);
  if (second !== undefined) {
    await until(async () => /master_link_status:up/.test(await ask(second.port, 'INFO', 'replication')), 'replicating');
  }
  return {
    name,
    port: first.port,
    parts: () => ({ server: first.child.pid!, ...(second === undefined ? {} : { replica: second.child.pid! }) }),
    status: () => undefined,
    said: [],
    get isOver() {
      return hasEnded(first.child);
    },
    end: async () => {
      if (second !== undefined) await end(second.child, 'SIGTERM');
      await end(first.child, 'SIGTERM');
      removeFolder(folder);
    },
  };
}

async function ask(port: number, ...words: string[]): Promise<string> {
  try {
    const client = await RespClient.connect(port);
    const [reply] = await client.ask([command(...words)]);
    client.close();
    return String(reply);
  } catch {
    return '';
  }
}
