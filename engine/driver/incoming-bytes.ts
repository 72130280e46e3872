// What has come on a connection since it was looked at last. On a slow network a message is long on its way, and those behind
// it, too: its bytes say that their sender is there.

export class IncomingBytes {
  readonly #connection: { readonly arrivedBytes: number };
  #seenBytes: number;
  #whole = false;

  constructor(connection: { readonly arrivedBytes: number }) {
    this.#connection = connection;
    this.#seenBytes = connection.arrivedBytes;
  }

  /** A whole message has come, and was heard. */
  heard(): void {
    this.#whole = true;
  }

  /** Whether bytes have come since this was called last, and no whole message. */
  takeStirs(): boolean {
    const { arrivedBytes } = this.#connection;
    const stirs = arrivedBytes > this.#seenBytes && !this.#whole;
    this.#seenBytes = arrivedBytes;
    this.#whole = false;
    return stirs;
  }
}
