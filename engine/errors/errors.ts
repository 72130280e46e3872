// One class for every failure of the world that a user can meet: what happened, a stable code, what to do.

/**
 * A failure the user can act on. Programming errors are plain `Error`s (assertions) and keep their stack;
 * an EpochvisorError is printed as one line and nothing else.
 */
export class EpochvisorError extends Error {
  override readonly name = 'EpochvisorError';
  /** Stable, documented, for scripts: upper case words joined by `_`, for example `NOT_WASM`. */
  readonly code: string;
  /** What the user can do, as a short sentence without a final stop; empty where nothing can be said. */
  readonly hint: string;

  /** @param message what happened and where, one sentence without a final stop */
  constructor(code: string, message: string, hint = '') {
    super(message);
    this.code = code;
    this.hint = hint;
  }

  /** The one line a user sees. */
  get line(): string {
    return this.hint === '' ? `${this.message} [${this.code}]` : `${this.message} [${this.code}]: ${this.hint}`;
  }
}

/** Throws when something that must be true is not: a defect of ours, never of the user or the world. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}

/** Whatever was thrown, in one line. Of a defect of ours: what it says, and the place where it was noticed. */
export function describeThrown(thrown: unknown): string {
  if (thrown instanceof EpochvisorError) return thrown.line;
  if (!(thrown instanceof Error)) return String(thrown);
  const place = /^\s*at (.*)$/m.exec(thrown.stack ?? '')?.[1];
  const message = thrown.message.split('\n')[0];
  return place === undefined ? `${thrown.name}: ${message}` : `${thrown.name}: ${message} (at ${place})`;
}
