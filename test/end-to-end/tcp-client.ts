// Clients of guests that listen, and kills while they are served.

import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { isAlive, until, type Watched } from './command.js';
import { generator } from './seeds.js';

const random = generator();

/** A client, all that it has received, and how its connection ended. */
export class Client {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  ended: 'end' | 'reset' | undefined;

  /** @param to a path, or a port of this host */
  constructor(to: string | number) {
    const where = typeof to === 'string' ? { path: to } : { port: to, host: '127.0.0.1' };
    this.socket = createConnection({ ...where, allowHalfOpen: true });
    this.socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
    });
    this.socket.on('end', () => {
      this.ended ??= 'end';
    });
    this.socket.on('error', () => {
      this.ended = 'reset';
    });
  }

  /** Says something, and takes the whole answer. */
  async asks(question: Buffer): Promise<void> {
    const from = this.received.length;
    this.socket.write(question);
    await until(() => (this.received.length >= from + question.length || this.ended ? true : undefined));
    expect(this.ended, 'the connection').toBeUndefined();
    expect(this.received.subarray(from).equals(question), 'the answer is the question').toBe(true);
  }

  /** Ends its side; the guest answers with an end, and nothing before it. */
  async leaves(): Promise<void> {
    const { length } = this.received;
    this.socket.end();
    await until(() => this.ended);
    expect([this.ended, this.received.length]).toEqual(['end', length]);
    this.socket.destroy();
  }
}

export function question(client: number, round: number, bytes: number): Buffer {
  return Buffer.from(`client ${client}, round ${round};`.padEnd(bytes, '.'));
}

/** Kills a replica once the machine is protected, some moments later. */
export async function kills(machine: Watched, role: 'primary' | 'backup'): Promise<void> {
  const { primary, backups } = await machine.isProtected();
  await sleep(random() * 150);
  const { pid } = role === 'primary' ? primary : backups[0]!;
  process.kill(pid, 'SIGKILL');
  await until(() => (isAlive(pid) ? undefined : true));
  await machine.status(status => status.protected && status.primary.pid !== pid && status.backups[0]?.pid !== pid);
}
