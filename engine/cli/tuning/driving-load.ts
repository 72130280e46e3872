// What drives a guest that serves while a machine is measured: the user's command, run again and again.

import type { SocketAddress } from '../../../devices/connection/socket-address.js';
import { ClientCommand, describeFailure, loadFailed } from '../../testing/client-command.js';

export class Load {
  readonly #command: string;
  readonly #addresses: readonly SocketAddress[];

  /** @param addresses where the machine listens */
  constructor(command: string, addresses: readonly SocketAddress[]) {
    this.#command = command;
    this.#addresses = addresses;
  }

  /**
   * Runs the command until `timeMs` are over, at least once; answers how long each run took, ms.
   *
   * @param stopped resolves when nobody wants the answer any more
   * @throws EpochvisorError LOAD_FAILED
   */
  async drive(timeMs: number, stopped: Promise<unknown>): Promise<number[]> {
    const times: number[] = [];
    const startMs = performance.now();
    let isStopped = false;
    let client: ClientCommand | undefined;
    void stopped.then(() => {
      isStopped = true;
      client?.kill('is not wanted any more');
    });
    while (!isStopped && (times.length === 0 || performance.now() - startMs < timeMs)) {
      client = new ClientCommand(this.#command, this.#addresses, false);
      client.start();
      const end = await client.ended;
      if (isStopped) break;
      const failure = describeFailure(end);
      if (failure !== undefined) throw loadFailed(failure);
      times.push(end.durationMs);
    }
    return times;
  }
}
