// A door to a port: a client that is given it can be kept from what lies behind, and answers from the client.

import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';

export type DoorState =
  /** All goes through. */
  | 'open'
  /** Requests go through; at the first byte of an answer the connection ends. */
  | 'loses answers'
  /** Requests go through; answers wait until the door is open. */
  | 'keeps answers'
  /** Whoever comes is turned away. */
  | 'shut';

export class Door {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #kept: (() => void)[] = [];
  #state: DoorState = 'open';
  #heard = '';
  /** Answers come so much later. */
  delayMs = 0;

  static async to(port: number): Promise<Door> {
    const server = createServer();
    const door = new Door(server, port);
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    return door;
  }

  private constructor(server: Server, port: number) {
    this.#server = server;
    server.on('connection', near => {
      if (this.#state === 'shut') {
        near.destroy();
        return;
      }
      const far = createConnection({ host: '127.0.0.1', port });
      const pair = [near, far] as const;
      this.#pairs.add(pair);
      for (const [one, other] of [pair, [far, near] as const]) {
        one.on('error', () => undefined);
        one.on('close', () => {
          this.#pairs.delete(pair);
          other.destroy();
        });
      }
      near.on('data', bytes => {
        this.#heard += bytes.toString();
        far.write(bytes);
      });
      far.on('data', bytes => this.#answer(near, bytes));
    });
  }

  #answer(near: Socket, bytes: Buffer): void {
    const give = () => near.write(bytes);
    if (this.#state === 'loses answers') near.destroy();
    else if (this.#state === 'keeps answers') this.#kept.push(give);
    else if (this.delayMs > 0) setTimeout(give, this.delayMs);
    else give();
  }

  get state(): DoorState {
    return this.#state;
  }

  set state(state: DoorState) {
    this.#state = state;
    if (state === 'shut') for (const [near] of this.#pairs) near.destroy();
    if (state === 'open') for (const give of this.#kept.splice(0)) give();
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often something was in what clients said. */
  times(text: string): number {
    return this.#heard.split(text).length - 1;
  }

  async close(): Promise<void> {
    this.state = 'shut';
    await new Promise(resolve => this.#server.close(resolve));
  }
}
