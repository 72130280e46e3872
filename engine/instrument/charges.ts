// Decides where a function pays for its instructions: as few charges a path as possible, exact wherever it is observed.
//
// The problem. Counts must be exact at every observer: safe points, calls, returns. Between observers nobody looks, so
// what matters is only that the charges along every path from observer to observer add up to the cost of that path.
// A charge at every basic block is right but slow: the baseline compiler makes each one a load, a subtraction and a
// store.
//
// The design. Cut the body into segments: straight-line code that control enters at its start and leaves at its end.
// Each place where segments meet (the end of one, the starts of those that follow it, the other ends that lead to the
// same starts) is a joint. A segment is an edge from its first joint to its last; all observers are one joint, called
// OBSERVED. Give each joint j a potential p(j): how much less than the cost so far has been charged when control is there.
// p(OBSERVED) = 0. Then the charge of a segment s from a to b must be
//
//     charge(s) = cost(s) + p(a) - p(b)
//
// and any choice of potentials is right. A spanning tree of the joints fixes the potentials such that every segment of
// the tree has charge 0; only the others pay. With the most frequent segments in the tree, charges move to where they
// are seldom executed (Knuth's way to place counters; Ball and Larus use it for path profiles):
//
//     loop                          cost   charge
//       A: ...  br_if $exit           5       0
//       B: if                         3       0
//       C:   ...                      4      14     A + B + C + E: one charge a path
//          else
//       D:   ...                      6      16
//          end
//       E: ...  br $loop              2       0
//     end
//
// Rejected: a charge at each block (wasm-metering and others), and hoisting the minimum of both arms (leaves two charges
// on the longer path). Charges may be negative: then the tree path charged more than this path costs.
//
// The potentials are kept in a union-find forest whose links carry differences: one pass over the segments, the most
// frequent first, is Kruskal's algorithm and gives the charges at once.

/** The joint of all observers. */
export const OBSERVED = 0;
/** Segments are taken in this many classes of frequency, 0 the rarest. */
export const FREQUENCY_CLASSES = 64;
const AT_END = 128;
/** A charge where the counter is read anyway costs a third of one that has to read and write it. */
const CHEAPER_CLASSES = 3;

export class ChargePlan {
  #parents = new Int32Array(256);
  /** p(joint) - p(parent of joint). */
  #offsets = new Int32Array(256);
  #joints = 0;
  #from = new Int32Array(256);
  #to = new Int32Array(256);
  #costs = new Int32Array(256);
  #classes = new Uint8Array(256);
  readonly #starts = new Int32Array(FREQUENCY_CLASSES + 1);
  #order = new Int32Array(256);
  /** Number of segments so far. */
  segments = 0;

  /** Forgets everything; OBSERVED is there again. */
  clear(): void {
    this.#joints = 0;
    this.segments = 0;
    this.joint();
  }

  /** A new joint. */
  joint(): number {
    if (this.#joints === this.#parents.length) {
      this.#parents = doubled(this.#parents);
      this.#offsets = doubled(this.#offsets);
    }
    this.#parents[this.#joints] = this.#joints;
    this.#offsets[this.#joints] = 0;
    return this.#joints++;
  }

  /** Two joints are the same place. Only before `solve`. */
  merge(a: number, b: number): void {
    const rootA = this.#root(a);
    const rootB = this.#root(b);
    if (rootA !== rootB) this.#parents[Math.max(rootA, rootB)] = Math.min(rootA, rootB);
  }

  /** Begins a segment at a joint. @param frequency class, greater = more often */
  begin(joint: number, frequency: number): void {
    if (this.segments === this.#from.length) {
      this.#from = doubled(this.#from);
      this.#to = doubled(this.#to);
      this.#costs = doubled(this.#costs);
      const classes = new Uint8Array(this.#from.length);
      classes.set(this.#classes);
      this.#classes = classes;
    }
    this.#from[this.segments] = joint;
    this.#to[this.segments] = OBSERVED;
    this.#costs[this.segments] = 0;
    this.#classes[this.segments] = Math.max(0, Math.min(FREQUENCY_CLASSES - 1, frequency));
    this.segments++;
  }

  /** Adds to the cost of the latest segment. */
  cost(amount: number): void {
    this.#costs[this.segments - 1]! += amount;
  }

  /** Ends the latest segment at a joint. */
  end(joint: number): void {
    this.#to[this.segments - 1] = joint;
  }

  /** Ends the latest segment with an instruction that takes the counter itself: the charge can be made there. */
  endAtCounter(): void {
    const segment = this.segments - 1;
    this.#to[segment] = OBSERVED;
    this.#classes[segment] = Math.max(0, this.#classes[segment]! - CHEAPER_CLASSES) | AT_END;
  }

  /** Writes the charge of each segment, in the order of `begin`, to `charges[at...]`: twice the amount, plus AT_END. */
  solve(charges: Int32Array, at: number): void {
    const starts = this.#starts.fill(0);
    for (let segment = 0; segment < this.segments; segment++) {
      starts[FREQUENCY_CLASSES - (this.#classes[segment]! & (AT_END - 1))]!++;
    }
    for (let index = 1; index <= FREQUENCY_CLASSES; index++) starts[index]! += starts[index - 1]!;
    if (this.#order.length < this.segments) this.#order = new Int32Array(this.segments * 2);
    const order = this.#order;
    for (let segment = this.segments - 1; segment >= 0; segment--) {
      order[--starts[FREQUENCY_CLASSES - (this.#classes[segment]! & (AT_END - 1))]!] = segment;
    }
    for (let index = 0; index < this.segments; index++) {
      const segment = order[index]!;
      charges[at + segment] = this.#charge(segment) * 2 + (this.#classes[segment]! >= AT_END ? 1 : 0);
    }
  }

  /** The charge of a segment; 0 if it becomes part of the tree. */
  #charge(segment: number): number {
    const from = this.#from[segment]!;
    const to = this.#to[segment]!;
    const rootFrom = this.#root(from);
    const rootTo = this.#root(to);
    // After #root every joint hangs directly below its root, so its offset is relative to that.
    const difference = this.#costs[segment]! + this.#offsetOf(from) - this.#offsetOf(to);
    if (rootFrom === rootTo) return difference;
    this.#parents[rootTo] = rootFrom;
    this.#offsets[rootTo] = difference;
    return 0;
  }

  #offsetOf(joint: number): number {
    return this.#parents[joint] === joint ? 0 : this.#offsets[joint]!;
  }

  /** The root of a joint's tree; shortens the path to it. */
  #root(joint: number): number {
    let root = joint;
    let sum = 0;
    while (this.#parents[root] !== root) {
      sum += this.#offsets[root]!;
      root = this.#parents[root]!;
    }
    let at = joint;
    while (this.#parents[at] !== root && at !== root) {
      const parent = this.#parents[at]!;
      const offset = this.#offsets[at]!;
      this.#parents[at] = root;
      this.#offsets[at] = sum;
      sum -= offset;
      at = parent;
    }
    return root;
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
