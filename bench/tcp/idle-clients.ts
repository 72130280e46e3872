// Thousands of connections that do nothing, as a process of its own; now and then all of them are asked for one answer.
// Spoken to by messages: `{ open: count }`, then `'ask'`; each is answered by an `IdleReport`.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { end, owned } from '../processes.js';
import { command } from './resp.js';

/** Connecting, and asked, at once: fewer than a listener lets wait. */
const AT_ONCE = 100;
const QUESTION = command('PING');
/** No answer for so long, ms: it has failed. */
const PATIENCE_MS = 30_000;

export interface IdleReport {
  /** How many did what they were asked to. */
  readonly fine: number;
  readonly errors: number;
}

export class IdleClients {
  readonly #child = owned(fork(fileURLToPath(import.meta.url), { stdio: 'inherit' }));

  async #tell(message: string | { open: number; port: number }): Promise<IdleReport> {
    this.#child.send(message);
    const [report] = (await once(this.#child, 'message')) as [IdleReport];
    return report;
  }

  open(port: number, count: number): Promise<IdleReport> {
    return this.#tell({ open: count, port });
  }

  /** One answer to each. */
  ask(): Promise<IdleReport> {
    return this.#tell('ask');
  }

  async end(): Promise<void> {
    await end(this.#child);
  }
}

const sockets: Socket[] = [];
let errors = 0;

async function open(port: number, count: number): Promise<void> {
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () =>
      createConnection({ host: '127.0.0.1', port }),
    );
    for (const socket of some) {
      socket.on('error', () => {
        errors += 1;
      });
    }
    await Promise.all(some.map(socket => once(socket, 'connect')));
    sockets.push(...some);
    // One that is answered was accepted: the listener's queue is short.
    await Promise.all(some.map(askOne));
  }
}

/** @returns whether it was answered */
async function askOne(socket: Socket): Promise<boolean> {
  if (socket.destroyed) return false;
  const answered = Promise.race([
    once(socket, 'data').then(([bytes]) => String(bytes) === '+PONG\r\n'),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.write(QUESTION);
  const late = new Promise<boolean>(resolve => setTimeout(resolve, PATIENCE_MS, false).unref());
  return await Promise.race([answered, late]);
}

async function askAll(): Promise<number> {
  let fine = 0;
  for (let from = 0; from < sockets.length; from += AT_ONCE) {
    const answers = await Promise.all(sockets.slice(from, from + AT_ONCE).map(askOne));
    fine += answers.filter(Boolean).length;
  }
  return fine;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.on('disconnect', () => process.exit());
  process.on('message', async (message: 'ask' | { open: number; port: number }) => {
    if (message === 'ask') {
      process.send!({ fine: await askAll(), errors } satisfies IdleReport);
      return;
    }
    await open(message.port, message.open);
    process.send!({ fine: sockets.length, errors } satisfies IdleReport);
  });
}
