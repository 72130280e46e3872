// One bus at a time on a memory: its generations, numbered one after another, each a file that comes into being whole.
//
//   {"format":"epochvisor bus generation","version":1,"host":"..","boot":"..","socket":".."}
//
// Whoever lives listens on its socket, which ends with the process, however it ends: so the highest generation has an owner if its
// socket answers. A process identifier would not do: another process may have it, and another container cannot see it. Of
// several that find it dead one makes the next file (`link`), as with views; it removes those below.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type FileHandle, link, open, readdir, readFile, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import { putWhole } from '../journal/journal-file.js';

const FORMAT = 'epochvisor bus generation';
const VERSION = 1;
const NAME = /^generation-(\d{1,15})\.json$/;
const SOCKET = /^bus-[0-9a-f-]{36}\.socket$/;
/** A socket, or what was to become the file of its owner. */
const OF_SOCKET = /^(bus-[0-9a-f-]{36}\.socket)(\.|$)/;
/** Linux takes 107 bytes for the path of a socket. */
const SOCKET_PATH_MAX = 100;

interface Owner {
  readonly host: string;
  readonly boot: string;
  readonly socket: string;
}

/** Of this start of the operating system: sockets of another one are gone. */
function bootOfHost(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

export class MemoryLock {
  /** How many buses this memory has had, this one among them. */
  readonly generation: number;
  readonly #server: Server;
  readonly #folder: FileHandle;

  /** @throws EpochvisorError BUS_RUNNING, BUS_ELSEWHERE, MEMORY_CORRUPT; errors of the operating system */
  static async take(path: string): Promise<MemoryLock> {
    const folder = await open(path, 'r');
    const socket = `bus-${randomUUID()}.socket`;
    const server = createServer(caller => caller.destroy());
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(socketPath(path, folder, socket), resolve);
      });
      // It must not keep a process whose work is done.
      server.unref();
      return new MemoryLock(await takeGeneration(path, folder, socket), server, folder);
    } catch (error) {
      await closed(server);
      await folder.close();
      throw error;
    }
  }

  private constructor(generation: number, server: Server, folder: FileHandle) {
    this.generation = generation;
    this.#server = server;
    this.#folder = folder;
  }

  async release(): Promise<void> {
    await closed(this.#server);
    await this.#folder.close();
  }
}

async function takeGeneration(path: string, folder: FileHandle, socket: string): Promise<number> {
  const own: Owner = { host: hostname(), boot: bootOfHost(), socket };
  const temporary = join(path, `${socket}.own`);
  await putWhole(temporary, Buffer.from(`${JSON.stringify({ format: FORMAT, version: VERSION, ...own })}\n`));
  try {
    for (;;) {
      const highest = Math.max(0, ...(await generations(path)));
      if (highest > 0) await refuseIfAlive(path, folder, highest, own);
      const number = highest + 1;
      const made = await link(temporary, fileOf(path, number)).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EEXIST') return false;
          throw error;
        },
      );
      if (!made) continue;
      const others = await generations(path);
      if (Math.max(...others) > number) {
        // It was made, and removed, by others before; they went on from there.
        await unlink(fileOf(path, number));
        continue;
      }
      for (const other of others) if (other < number) await removed(fileOf(path, other));
      await forgetDead(path, folder, socket);
      return number;
    }
  } finally {
    await unlink(temporary);
  }
}

async function refuseIfAlive(path: string, folder: FileHandle, number: number, own: Owner): Promise<void> {
  const file = fileOf(path, number);
  const owner = await readOwner(file);
  if (owner === undefined) return;
  if (owner.boot !== own.boot) {
    // The same host, started anew.
    if (owner.host === own.host) return;
    throw new EpochvisorError(
      'BUS_ELSEWHERE',
      `the bus of ${path} was started last on ${owner.host}, and whether it still runs there can't be seen from here`,
      `start it there; or end it there, and remove ${file}`,
    );
  }
  if (!(await answers(socketPath(path, folder, owner.socket)))) return;
  throw new EpochvisorError('BUS_RUNNING', `a bus runs on ${path} already`, 'end that one first');
}

/** Undefined: it was removed just now. */
async function readOwner(file: string): Promise<Owner | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { format, version, host, boot, socket } = Object(JSON.parse(text)) as Record<string, unknown>;
    const isWhole = typeof host === 'string' && typeof boot === 'string' && typeof socket === 'string';
    if (format === FORMAT && version === VERSION && isWhole && SOCKET.test(socket)) return { host, boot, socket };
  } catch {
    // It is none, as below.
  }
  throw new EpochvisorError('MEMORY_CORRUPT', `${file} says of no bus`, 'remove it, if no bus runs on this memory');
}

/** Whether a process listens there; what cannot be told counts as one. */
function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const call = createConnection(path);
    call.once('connect', () => {
      call.destroy();
      resolve(true);
    });
    call.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

async function generations(path: string): Promise<number[]> {
  return (await readdir(path)).flatMap(name => {
    const number = NAME.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

/** What killed processes have left. */
async function forgetDead(path: string, folder: FileHandle, own: string): Promise<void> {
  for (const name of await readdir(path)) {
    const socket = OF_SOCKET.exec(name)?.[1];
    if (socket === undefined || socket === own || (await answers(socketPath(path, folder, socket)))) continue;
    await removed(join(path, name));
  }
}

async function removed(file: string): Promise<void> {
  await unlink(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

function fileOf(path: string, number: number): string {
  return join(path, `generation-${number}.json`);
}

/** Short enough, whatever the folder's own path. */
function socketPath(path: string, folder: FileHandle, socket: string): string {
  const whole = join(path, socket);
  return Buffer.byteLength(whole) <= SOCKET_PATH_MAX ? whole : `/proc/self/fd/${folder.fd}/${socket}`;
}

function closed(server: Server): Promise<void> {
  return new Promise(resolve => server.close(() => resolve()));
}
