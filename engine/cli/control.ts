// The control socket of a running machine: what its launcher can be asked from another process of the same user.
//
//   one request a connection:  {"request":"snapshot","file":"/absolute/path"}\n
//                              {"request":"status"}\n
//   its answer:                {"ok":true}\n   or   {"ok":false,"code":"...","message":"...","hint":"..."}\n
//                              with "status":{...} where that was asked for
//
// The socket lies in a folder that only its owner can enter: that of all machines on this host (observe/machine-registry.ts), or
// one of its own; the status file names it.

import { existsSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import { registryPlace, unregister } from '../observe/machine-registry.js';
import type { Status } from '../observe/status.js';
import { temporaryFolder } from '../replica/temporary-folder.js';

/** A request is a line with a path in it: who sends more is no client of ours. */
const REQUEST_MAX_CHARACTERS = 16 * 1024;
/** How often a folder that goes while it is entered is made again. */
const REGISTER_TRIES = 9;

export type ControlRequest =
  /** @property file absolute */
  { readonly request: 'snapshot'; readonly file: string } | { readonly request: 'status' };

/** Of a launcher: both reject with an EpochvisorError where it can't be done. */
export interface Controlled {
  readonly save: (file: string) => Promise<void>;
  readonly status: () => Status;
}

/** A launcher whose event loop turns answers within this time, ms; one that is stopped does not. */
const STATUS_MAX_MS = 4_000;

type ControlAnswer =
  | { readonly ok: true; readonly status?: Status }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly hint: string };

export class ControlServer {
  readonly path: string;
  readonly #remove: () => void;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** In a folder of its own. @throws EpochvisorError TEMPORARY_FOLDER, CONTROL_SOCKET */
  static start(controlled: Controlled): Promise<ControlServer> {
    const folder = temporaryFolder('epochvisor-control-');
    const remove = () => rmSync(folder, { recursive: true, force: true });
    return new ControlServer(join(folder, 'socket'), remove, controlled).#listen();
  }

  /** Where `status` finds it. @throws EpochvisorError REGISTRY, CONTROL_SOCKET */
  static async startRegistered(controlled: Controlled): Promise<ControlServer> {
    for (let left = REGISTER_TRIES; ; left--) {
      const place = registryPlace();
      // This process is the only one of its number and time: what is there is older than the host's start.
      rmSync(place, { force: true });
      try {
        return await new ControlServer(place, () => unregister(place), controlled).#listen();
      } catch (error) {
        // Another machine may have removed the folder with itself.
        if (left === 0 || existsSync(dirname(place))) throw error;
      }
    }
  }

  async #listen(): Promise<ControlServer> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', error => {
        this.#remove();
        reject(new EpochvisorError('CONTROL_SOCKET', `the control socket can't be made: ${error.message}`));
      });
      this.#server.listen(this.path, resolve);
    });
    return this;
  }

  private constructor(path: string, remove: () => void, controlled: Controlled) {
    this.#remove = remove;
    this.path = path;
    this.#server = createServer(socket => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      // A client that has gone needs no answer.
      socket.on('error', () => socket.destroy());
      void answerTo(socket, controlled).then(answer => socket.end(`${JSON.stringify(answer)}\n`));
    });
    // It must not keep a launcher whose machine is over.
    this.#server.unref();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    this.#remove();
  }
}

async function answerTo(socket: Socket, { save, status }: Controlled): Promise<ControlAnswer> {
  try {
    const asked = parseRequest(await readLine(socket));
    if (asked.request === 'status') return { ok: true, status: status() };
    await save(asked.file);
    return { ok: true };
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    const { code, message, hint } = error;
    return { ok: false, code, message, hint };
  }
}

function parseRequest(line: string): ControlRequest {
  try {
    const { request, file } = JSON.parse(line) as Record<string, unknown>;
    if (request === 'status') return { request };
    if (request === 'snapshot' && typeof file === 'string' && file.startsWith('/')) return { request, file };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new EpochvisorError('CONTROL_REQUEST', 'the control socket was asked for something it does not know');
}

/** Whether nobody listens there. */
export function isAbandoned(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(path, () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED' || code === 'ENOENT'));
  });
}

/** Asks a launcher how its machine is. @throws EpochvisorError CONTROL_SOCKET */
export async function askStatus(path: string): Promise<Status> {
  const answer = await askControl(path, { request: 'status' }, STATUS_MAX_MS);
  if (answer.status === undefined) throw new EpochvisorError('CONTROL_SOCKET', 'the launcher is of another version');
  return answer.status;
}

/**
 * Asks a launcher, and waits until it is done.
 * @param limitMs how long; it takes as long as it takes otherwise
 * @throws EpochvisorError what the launcher answers, CONTROL_SOCKET
 */
export async function askControl(
  path: string,
  request: ControlRequest,
  limitMs?: number,
): Promise<ControlAnswer & { readonly ok: true }> {
  const gone = (why: string) =>
    new EpochvisorError('CONTROL_SOCKET', `the machine's launcher can't be asked: ${why}`, 'is it still running?');
  const socket = createConnection(path);
  const late = limitMs === undefined ? undefined : setTimeout(() => socket.destroy(), limitMs);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', error => reject(gone(error.message)));
      socket.once('close', () => reject(gone('it does not answer')));
    });
    socket.write(`${JSON.stringify(request)}\n`);
    const line = await readLine(socket);
    if (line === '') throw gone('it has not answered');
    const answer = JSON.parse(line) as ControlAnswer;
    if (!answer.ok) throw new EpochvisorError(answer.code, answer.message, answer.hint);
    return answer;
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

/** The first line that comes; empty where the other end closes before it has sent one. */
function readLine(socket: Socket): Promise<string> {
  socket.setEncoding('utf8');
  return new Promise(resolve => {
    let text = '';
    const hear = (piece: string) => {
      text += piece;
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= REQUEST_MAX_CHARACTERS) return;
      // What follows is of no interest, and must not pile up; it is read so that the end is seen.
      socket.off('data', hear).resume();
      resolve(text.slice(0, Math.max(end, 0)));
    };
    socket.on('data', hear);
    socket.once('close', () => resolve(''));
    socket.once('error', () => resolve(''));
  });
}
