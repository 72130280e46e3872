// Which new label an original one has: the rewriting adds blocks, so the distances of branches change.

/** The enclosing blocks of the place that is being written. */
export class Nesting {
  /** For each enclosing original block: its kind, as the rewriting calls it, and the new block that its label means. */
  readonly #kinds: number[] = [];
  readonly #labels: number[] = [];
  /** Number of enclosing new blocks. */
  #level = 0;

  clear(): void {
    this.#kinds.length = 0;
    this.#labels.length = 0;
    this.#level = 0;
  }

  /** Number of enclosing original blocks. */
  get depth(): number {
    return this.#kinds.length;
  }

  /** An original block begins: `added` new blocks around it, then its own. */
  enter(kind: number, added: number): void {
    this.#kinds.push(kind);
    this.#labels.push(this.#level + added);
    this.#level += added + 1;
  }

  /** The innermost original block ends, with the `added` ones around it. Gives its kind. */
  leave(added: (kind: number) => number): number {
    const kind = this.#kinds.pop()!;
    this.#level = this.#labels.pop()! - added(kind);
    return kind;
  }

  /** A new block ends that stayed behind when the original block in it ended. */
  leaveAdded(): void {
    this.#level--;
  }

  /** One more new block inside the innermost, which takes over its label. */
  addLabel(): void {
    this.#labels[this.#labels.length - 1] = this.#level++;
  }

  /** That block ends; the label means the one before again. */
  dropLabel(): void {
    this.#labels[this.#labels.length - 1] = --this.#level - 1;
  }

  /** The new label of an original one. */
  label(original: number): number {
    return this.#level - 1 - this.#labels[this.#labels.length - 1 - original]!;
  }
}
