// The control socket of a running machine: what its launcher can be asked from another process of the same user.
//
//   one request a connection:  {"request":"snapshot","file":"/absolute/path"}\n
//   its answer:                {"ok":true}\n   or   {"ok":false,"code":"...","message":"...","hint":"..."}\n
//
// The socket lies in a folder that only its owner can enter; the status file names it.

import { rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import { temporaryFolder } from '../replica/temporary-folder.js';

/** A request is a line with a path in it: who sends more is no client of ours. */
const REQUEST_MAX_CHARACTERS = 16 * 1024;

export interface ControlRequest {
  readonly request: 'snapshot';
  readonly file: string;
}

type ControlAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly hint: string };

export class ControlServer {
  readonly path: string;
  readonly #folder: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param perform carries out a request; rejects with an EpochvisorError where it can't */
  static async start(perform: (request: ControlRequest) => Promise<void>): Promise<ControlServer> {
    const folder = temporaryFolder('epochvisor-control-');
    const control = new ControlServer(folder, perform);
    await new Promise<void>((resolve, reject) => {
      control.#server.once('error', error => {
        rmSync(folder, { recursive: true, force: true });
        reject(new EpochvisorError('CONTROL_SOCKET', `the control socket can't be made: ${error.message}`));
      });
      control.#server.listen(control.path, resolve);
    });
    return control;
  }

  private constructor(folder: string, perform: (request: ControlRequest) => Promise<void>) {
    this.#folder = folder;
    this.path = join(folder, 'socket');
    this.#server = createServer(socket => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      // A client that has gone needs no answer.
      socket.on('error', () => socket.destroy());
      void answerTo(socket, perform).then(answer => socket.end(`${JSON.stringify(answer)}\n`));
    });
    // It must not keep a launcher whose machine is over.
    this.#server.unref();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function answerTo(socket: Socket, perform: (request: ControlRequest) => Promise<void>): Promise<ControlAnswer> {
  try {
    await perform(parseRequest(await readLine(socket)));
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
    if (request === 'snapshot' && typeof file === 'string' && file.startsWith('/')) return { request, file };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new EpochvisorError('CONTROL_REQUEST', 'the control socket was asked for something it does not know');
}

/** Asks a launcher, and waits until it is done. @throws EpochvisorError what the launcher answers, CONTROL_SOCKET */
export async function askControl(path: string, request: ControlRequest): Promise<void> {
  const gone = (why: string) =>
    new EpochvisorError('CONTROL_SOCKET', `the machine's launcher can't be asked: ${why}`, 'is it still running?');
  const socket = createConnection(path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', error => reject(gone(error.message)));
    });
    socket.write(`${JSON.stringify(request)}\n`);
    const line = await readLine(socket);
    if (line === '') throw gone('it ended before it answered');
    const answer = JSON.parse(line) as ControlAnswer;
    if (!answer.ok) throw new EpochvisorError(answer.code, answer.message, answer.hint);
  } finally {
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
