// How something ends that runs for long: a promise that is settled from elsewhere, and may go unheard.

export class Ending<T> {
  readonly promise: Promise<T>;
  #resolve: (end: T) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever only stops it needs not hear how it ended.
    this.promise.catch(() => undefined);
  }

  resolve(end: T): void {
    this.#resolve(end);
  }

  reject(error: Error): void {
    this.#reject(error);
  }
}
