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

  /** By its name: a hook or a driver that is loaded into a process may come with a copy of this class. */
  static override [Symbol.hasInstance](value: unknown): value is EpochvisorError {
    return value instanceof Error && value.name === 'EpochvisorError';
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

/** Set to 1, stacks of defects are shown on stderr. */
export const DEBUG_VARIABLE = 'EPOCHVISOR_DEBUG';

/**
 * Whatever was thrown as an error for users. What is none already is a defect of ours: what it says, and the place where it
 * was noticed, under the code DEFECT.
 */
export function asError(thrown: unknown): EpochvisorError {
  if (thrown instanceof EpochvisorError) return thrown;
  const message = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n')[0]!;
  const place = thrown instanceof Error ? /^\s*at (.*)$/m.exec(thrown.stack ?? '')?.[1] : undefined;
  return new EpochvisorError(
    'DEFECT',
    `a defect of epochvisor: ${message}${place === undefined ? '' : ` (at ${place})`}`,
    `please report it; with ${DEBUG_VARIABLE}=1 it shows its stack`,
  );
}

/** The same in one line. */
export function describeThrown(thrown: unknown): string {
  return asError(thrown).line;
}
