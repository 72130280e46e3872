// The operations of a machine at the bus (ON): each id performed once, its first result kept until it is released.
//
// A repeat joins the one in progress, or gets the result. With operation ids off (the paper's world) every request is performed,
// and answered to the replica that made it. Results are told to who asked, and no more of them than the owner may keep unread.

import { assert } from '../../errors/errors.js';
import type { Bounds } from '../bounds.js';
import type { Operation, OperationId } from '../vocabulary.js';
import type { Connection, Token } from './bus-events.js';
import type { Voice } from './streams.js';

/** Status of a completion: the operation was refused and not performed. */
export const STATUS_REFUSED = -1;

const NO_DATA = new Uint8Array(0);

/** An operation id that the bus knows: in progress, or with the result that a repeat gets. */
interface Performance {
  readonly token: Token;
  readonly operation: OperationId;
  /** Who asked; where ids are off, only this replica is answered. */
  readonly incarnation: string;
  /** Who asked last, and has not been told: whoever did not ask does not hear of it. */
  asker: Connection | undefined;
  /** Bytes counted against `operationBytes`: to write, or asked for. */
  readonly bytes: number;
  result?: { readonly status: number; readonly data: Uint8Array };
}

/** Who is listened to. */
export interface Owner {
  readonly incarnation: string;
  readonly connection: Connection | undefined;
}

export class Operations {
  readonly #ids: boolean;
  readonly #bounds: Bounds;
  readonly #voice: Voice;
  readonly #owner: () => Owner | undefined;
  /** In progress, by token. */
  readonly #inProgress = new Map<Token, Performance>();
  /** Rule ON: what is known of each id that was not released. */
  readonly #known = new Map<OperationId, Performance>();
  #nextToken: Token = 1;
  #bytes = 0;
  /** Bytes of results that the owner was told and has not released, and results that wait until it has. */
  readonly #told = new Map<OperationId, number>();
  #toldBytes = 0;
  #untold: OperationId[] = [];

  constructor(ids: boolean, bounds: Bounds, voice: Voice, owner: () => Owner | undefined) {
    this.#ids = ids;
    this.#bounds = bounds;
    this.#voice = voice;
    this.#owner = owner;
  }

  /** Ids that are known: in progress, or with a result that is not released (ON, RL). */
  get known(): OperationId[] {
    return [...this.#known.keys()];
  }

  get inProgress(): number {
    return this.#inProgress.size;
  }

  /** Another owner, or the same anew: it asks again for all that is unfinished (RS). */
  forgetTold(): void {
    this.#told.clear();
    this.#toldBytes = 0;
    this.#untold = [];
  }

  start(connection: Connection, incarnation: string, operation: Operation): void {
    const first = this.#ids ? this.#known.get(operation.id) : undefined;
    if (first !== undefined) {
      // A repeat: joins the one in progress, or gets its result.
      first.asker = connection;
      if (first.result !== undefined) this.#answer(first);
      return;
    }
    const bytes = operation.data.length + operation.length;
    const count = this.#ids ? this.#known.size : this.#inProgress.size;
    const { operations, operationBytes } = this.#bounds;
    if (count >= operations || this.#bytes + bytes > operationBytes) {
      this.#complete(operation.id, STATUS_REFUSED, NO_DATA);
      return;
    }
    const token = this.#nextToken++;
    const performance: Performance = { token, operation: operation.id, incarnation, asker: connection, bytes };
    this.#bytes += bytes;
    this.#inProgress.set(token, performance);
    if (this.#ids) this.#known.set(operation.id, performance);
    this.#voice.effect({ rule: 'ON', type: 'perform', token, operation });
  }

  completed(token: Token, status: number, data: Uint8Array): void {
    const performance = this.#inProgress.get(token);
    assert(performance !== undefined, 'a device completes what it was given, once');
    this.#inProgress.delete(token);
    if (this.#ids) {
      performance.result = { status, data };
      this.#answer(performance);
      return;
    }
    this.#bytes -= performance.bytes;
    // The paper's world: the completion interrupt goes to the host that made the request, or nowhere.
    if (this.#owner()?.incarnation === performance.incarnation) this.#complete(performance.operation, status, data);
  }

  /** Rule RL. A release sent twice, or of an operation that was refused, finds nothing. */
  release(operation: OperationId): void {
    const performance = this.#known.get(operation);
    if (performance?.result === undefined) return;
    this.#known.delete(operation);
    this.#bytes -= performance.bytes;
    this.#toldBytes -= this.#told.get(operation) ?? 0;
    this.#told.delete(operation);
    const waiting = this.#untold;
    this.#untold = [];
    for (const id of waiting) {
      const untold = this.#known.get(id);
      if (untold !== undefined) this.#answer(untold);
    }
  }

  /** Tells the owner a result that it asked for, once what it was told before leaves room for it. */
  #answer(performance: Performance): void {
    const { operation, asker, result } = performance;
    if (result === undefined || asker === undefined || asker !== this.#owner()?.connection) return;
    const bytes = result.data.length;
    const again = this.#told.get(operation);
    // In order: were smaller ones let past, a large one would wait for as long as they come.
    const room = this.#toldBytes === 0 || this.#toldBytes + bytes <= this.#bounds.completionBytes;
    if (again === undefined && (!room || this.#untold.length > 0)) {
      if (!this.#untold.includes(operation)) this.#untold.push(operation);
      return;
    }
    performance.asker = undefined;
    this.#toldBytes += bytes - (again ?? 0);
    this.#told.set(operation, bytes);
    this.#complete(operation, result.status, result.data);
  }

  #complete(operation: OperationId, status: number, data: Uint8Array): void {
    this.#voice.interrupt({ kind: 'completion', operation, status, data });
  }
}
