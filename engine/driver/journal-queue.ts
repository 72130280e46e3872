// The queue of a journal: what is appended is written at once and in order, who asks whether it is kept waits for the disk, once for
// all who ask meanwhile, and a file that has grown is written anew. The same code in production and in the simulator; the file is in
// a port.
//
//   append     written at once, so that it outlives a kill of the process
//   whenKept   once it is written or, where asked for, the host's disk has it
//   rewrite    when what was added outweighs what it says: a new file with all of it in one frame, synced; what was appended
//              meanwhile behind that; then it takes the name of the old one
//
// A full disk makes everybody wait: it is tried again until there is room, and what was appended meanwhile dies with the process. Where there is none for a new file, the old one grows on.
// Any other error of the disk is the end of the journal: after a failed sync nobody knows what is there.

/** The file, and time. Nothing answers from within the call that asks, but `write`, which is done when it returns. */
export interface JournalPort {
  /**
   * Writes `bytes` from `from` on, to `at` in the file: the one that is being written anew, or the journal.
   * @returns how many
   * @throws what the file system says
   */
  write(file: 'journal' | 'new', bytes: Uint8Array, from: number, at: number): number;
  /** The disk has all that was written when this is called. */
  sync(then: Answer): void;
  /** All that the journal says, as a file begins with it. */
  begun(): Uint8Array;
  /** A new file with these bytes, synced. */
  createNew(bytes: Uint8Array, then: Answer): void;
  /**
   * The new file has the journal's name, and is the journal, when this returns; the disk knows when it answers.
   * @throws what the file system says, and nothing has changed
   */
  replace(then: Answer): void;
  /** The new file is not wanted any more. */
  dropNew(then: () => void): void;
  /** After what else comes in this turn of the event loop. */
  soon(act: () => void): void;
  /** When a full disk is tried again. @returns what keeps it from that */
  later(act: () => void): () => void;
  isFull(error: unknown): boolean;
  /** There is no room; said once each time. */
  waits(error: unknown): void;
  /** Nothing can be kept any more; said once. */
  broken(error: unknown): void;
}

/** @param error undefined: it is done */
export type Answer = (error: unknown) => void;

/** A frame that is being written. */
interface Unwritten {
  readonly frame: Uint8Array;
  done: number;
}

interface Waiting {
  /** What is to be kept: so many frames. */
  readonly frames: number;
  readonly onDisk: boolean;
  readonly then: () => void;
}

export class JournalQueue {
  readonly #port: JournalPort;
  readonly #growthMinBytes: number;
  /** Where the next frame goes. */
  #bytes: number;
  /** The length at which the file is written anew. */
  #rewriteBytes: number;
  #unwritten: Unwritten[] = [];
  /** Frames that were appended, and how many of them the disk has for certain. */
  #appended = 0;
  #synced = 0;
  #waiting: Waiting[] = [];
  #works = false;
  /** What is appended while a new file is written. */
  #meanwhile: Uint8Array[] | undefined;
  #keepFromTrying: (() => void) | undefined;
  #isFull = false;
  #isBroken = false;
  /** To be called when nothing is under way. */
  #whenIdle: (() => void) | undefined;

  /**
   * @param bytes the length of the journal
   * @param growthMinBytes what was added is at least so much before the file is written anew
   */
  constructor(port: JournalPort, bytes: number, growthMinBytes: number) {
    this.#port = port;
    this.#growthMinBytes = growthMinBytes;
    this.#bytes = bytes;
    this.#rewriteBytes = this.#mayGrowTo(bytes);
  }

  /** Somebody waits for something to be kept. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Something was appended that found no room: it dies with this process. */
  get isBehind(): boolean {
    return this.#unwritten.length > 0;
  }

  get isRewriting(): boolean {
    return this.#meanwhile !== undefined;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  append(frame: Uint8Array): void {
    this.#appended += 1;
    this.#unwritten.push({ frame, done: 0 });
    if (this.#keepFromTrying === undefined) this.#write();
  }

  /** Calls back, in order, when all that was appended outlives the process or, `onDisk`, the host's loss of power. */
  whenKept(onDisk: boolean, then: () => void): void {
    if (this.#isBroken) return;
    if (this.#waiting.length === 0 && (onDisk ? this.#synced === this.#appended : this.#unwritten.length === 0)) {
      then();
      return;
    }
    this.#waiting.push({ frames: this.#appended, onDisk, then });
    this.#work();
  }

  /** Nothing more is begun once it calls back. */
  close(then: () => void): void {
    this.#whenIdle = () => {
      this.#keepFromTrying?.();
      this.#keepFromTrying = undefined;
      then();
    };
    if (!this.#works) this.#rest();
  }

  /** Nothing is kept any more, and nobody told. */
  end(): void {
    this.#isBroken = true;
  }

  /** Nothing can be kept from here on. */
  break(error: unknown): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#port.broken(error);
  }

  #mayGrowTo(bytes: number): number {
    return bytes + Math.max(this.#growthMinBytes, bytes);
  }

  // ---- writing

  #write(): void {
    try {
      for (let head = this.#unwritten[0]; head !== undefined && !this.#isBroken; head = this.#unwritten[0]) {
        const { frame } = head;
        while (head.done < frame.length) {
          head.done += this.#port.write('journal', frame, head.done, this.#bytes + head.done);
        }
        this.#bytes += frame.length;
        this.#meanwhile?.push(frame);
        this.#unwritten.shift();
      }
      this.#isFull = false;
    } catch (error) {
      this.#stall(error);
    }
    if (this.#bytes >= this.#rewriteBytes) this.#work();
  }

  #stall(error: unknown): void {
    if (!this.#port.isFull(error)) {
      this.break(error);
      return;
    }
    if (!this.#isFull) this.#port.waits(error);
    this.#isFull = true;
    this.#keepFromTrying = this.#port.later(() => {
      this.#keepFromTrying = undefined;
      this.#write();
      this.#work();
    });
  }

  // ---- keeping

  #work(): void {
    if (this.#works) return;
    this.#works = true;
    // What comes in one turn of the event loop is kept together.
    this.#port.soon(() => this.#next());
  }

  #next(): void {
    if (this.#unwritten.length > 0 || this.#isBroken) {
      this.#rest();
      return;
    }
    if (this.#bytes >= this.#rewriteBytes) {
      this.#rewrite();
      return;
    }
    if (this.#waiting.length === 0) {
      this.#rest();
      return;
    }
    const appended = this.#appended;
    const go = (): void => {
      while (this.#waiting[0] !== undefined && this.#waiting[0].frames <= appended) this.#waiting.shift()?.then();
      this.#next();
    };
    if (!this.#waiting.some(({ onDisk }) => onDisk)) {
      go();
      return;
    }
    this.#port.sync(
      this.#orBreak(() => {
        this.#synced = appended;
        go();
      }),
    );
  }

  #rest(): void {
    this.#works = false;
    this.#whenIdle?.();
    this.#whenIdle = undefined;
  }

  #orBreak(then: () => void): Answer {
    return error => {
      if (error === undefined) {
        then();
        return;
      }
      this.break(error);
      this.#rest();
    };
  }

  // ---- a new file

  #rewrite(): void {
    const begun = this.#port.begun();
    this.#meanwhile = [];
    this.#port.createNew(begun, error => {
      if (error === undefined) this.#replace(begun.length);
      else this.#giveUp(error);
    });
  }

  #replace(begunBytes: number): void {
    let bytes = begunBytes;
    try {
      for (const frame of this.#meanwhile ?? []) {
        for (let done = 0; done < frame.length; ) done += this.#port.write('new', frame, done, bytes + done);
        bytes += frame.length;
      }
      // What has no room meanwhile is not kept by this: it is written to the new file, when there is some.
      this.#port.replace(this.#orBreak(() => this.#next()));
    } catch (error) {
      this.#giveUp(error);
      return;
    }
    for (const unwritten of this.#unwritten) unwritten.done = 0;
    this.#bytes = bytes;
    this.#rewriteBytes = this.#mayGrowTo(bytes);
    this.#meanwhile = undefined;
  }

  #giveUp(error: unknown): void {
    if (!this.#port.isFull(error)) {
      this.#orBreak(() => undefined)(error);
      return;
    }
    this.#rewriteBytes = this.#bytes * 2;
    this.#meanwhile = undefined;
    this.#port.dropNew(() => this.#next());
  }
}
