// Which locals still matter at each safe point of a function: only those have to be saved when the stack is unwound there.
//
// A local is live where some path leads to a read of it before a write. The body is read forwards once and noted down as
// a list of events (reads and writes of locals, blocks, branches, safe points); the list is then followed backwards with a
// set of live locals:
//
//   read x          x becomes live
//   write x         x becomes dead (tee too: it takes its value from the stack)
//   end             what is live after a block is live at its label; remember it for the branches in the block
//   else, if        both arms end in the same set, and the set before the `if` is the union of what they begin with
//   br l            exactly what is live at label l
//   loop            its label is its beginning, which is not known yet when its end is met: take what the pass before
//                   found, begin with nothing, and repeat until no loop's set grows
//
// Sets only grow from pass to pass, so the last pass is right; programs need about as many passes as loops are nested.
// After PASSES_MAX all locals count as live in loops, which is right too, and ends hostile modules in bounded time.

const READ = 0;
const WRITE = 1;
const BLOCK = 2;
const LOOP = 3;
const IF = 4;
const ELSE = 5;
const END = 6;
const BRANCH = 7;
const LEAVE = 8;
const POINT = 9;
const KIND_BITS = 4;
const KIND_MASK = (1 << KIND_BITS) - 1;
const PASSES_MAX = 12;

/** A block met backwards: sets at its label, after its end, and at the start of its second arm. */
interface Frame {
  readonly label: Uint32Array;
  readonly after: Uint32Array;
  otherArm: Uint32Array | undefined;
}

export class Liveness {
  #events = new Int32Array(1024);
  #count = 0;
  #points = 0;
  #words = 0;
  #locals = 0;
  /** Numbers of the blocks that are open while events are noted down, and which of all blocks are loops. */
  #open: number[] = [];
  #blocks = 0;
  #isLoop: boolean[] = [];
  /** What is live at the beginning of each loop, by block number, as far as is known. */
  #loops: (Uint32Array | undefined)[] = [];
  #grew = false;

  /** Begins a body with this many locals, parameters included. */
  begin(locals: number): void {
    this.#count = 0;
    this.#points = 0;
    this.#locals = locals;
    this.#words = (locals + 31) >>> 5;
    this.#open = [];
    this.#blocks = 0;
    this.#isLoop = [];
    this.#loops = [];
    this.block();
  }

  #event(kind: number, argument: number): void {
    if (this.#count === this.#events.length) {
      const events = new Int32Array(this.#count * 2);
      events.set(this.#events);
      this.#events = events;
    }
    this.#events[this.#count++] = kind | (argument << KIND_BITS);
  }

  read(local: number): void {
    this.#event(READ, local);
  }

  write(local: number): void {
    this.#event(WRITE, local);
  }

  #enter(kind: number): void {
    this.#event(kind, this.#blocks);
    this.#open.push(this.#blocks);
    this.#isLoop.push(kind === LOOP);
    this.#loops.push(undefined);
    this.#blocks++;
  }

  block(): void {
    this.#enter(BLOCK);
  }

  loop(): void {
    this.#enter(LOOP);
  }

  if(): void {
    this.#enter(IF);
  }

  else(): void {
    this.#event(ELSE, 0);
  }

  end(): void {
    this.#event(END, this.#open.pop()!);
  }

  /** A branch that may be taken. */
  branch(label: number): void {
    this.#event(BRANCH, label);
  }

  /** Control does not go on: after the branch that is always taken, or out of the function. */
  leave(): void {
    this.#event(LEAVE, 0);
  }

  /** A safe point; they are numbered from 0. */
  point(): void {
    this.#event(POINT, this.#points++);
  }

  /** The locals that are live at each safe point, rising; undefined if they are more than `most`. The body must be complete. */
  solve(most = Number.POSITIVE_INFINITY): readonly (readonly number[])[] | undefined {
    const live: number[][] = new Array(this.#points);
    for (let pass = 0; ; pass++) {
      this.#grew = false;
      // Sets only grow: what is too much in this pass is in the last.
      if (!this.#pass(live, most)) return undefined;
      if (!this.#grew) return live;
      if (pass === PASSES_MAX) for (const set of this.#loops) set?.fill(0xffff_ffff);
    }
  }

  /** False if more than `most` are live at all points together. */
  #pass(points: number[][], most: number): boolean {
    let count = 0;
    const frames: Frame[] = [];
    let live = new Uint32Array(this.#words);
    for (let at = this.#count - 1; at >= 0; at--) {
      const event = this.#events[at]!;
      const argument = event >> KIND_BITS;
      switch (event & KIND_MASK) {
        case READ:
          live[argument >>> 5]! |= 1 << (argument & 31);
          break;
        case WRITE:
          live[argument >>> 5]! &= ~(1 << (argument & 31));
          break;
        case POINT:
          points[argument] = this.#members(live);
          count += points[argument].length;
          if (count > most) return false;
          break;
        case END:
          frames.push(this.#enterBackwards(argument, live));
          break;
        case ELSE: {
          const frame = frames[frames.length - 1]!;
          frame.otherArm = live;
          live = frame.after.slice();
          break;
        }
        case IF: {
          const frame = frames.pop()!;
          unite(live, frame.otherArm ?? frame.after);
          break;
        }
        case LOOP:
          frames.pop();
          this.#enlarge(argument, live);
          break;
        case BLOCK:
          frames.pop();
          break;
        case BRANCH:
          unite(live, frames[frames.length - 1 - argument]!.label);
          break;
        case LEAVE:
          live.fill(0);
          break;
      }
    }
    return true;
  }

  #enterBackwards(block: number, live: Uint32Array): Frame {
    const after = live.slice();
    if (!this.#isLoop[block]) return { label: after, after, otherArm: undefined };
    return { label: this.#loops[block] ?? new Uint32Array(this.#words), after, otherArm: undefined };
  }

  #enlarge(loop: number, live: Uint32Array): void {
    const known = this.#loops[loop];
    if (known === undefined) {
      this.#loops[loop] = live.slice();
      this.#grew ||= live.some(word => word !== 0);
    } else if (unite(known, live)) this.#grew = true;
  }

  #members(live: Uint32Array): number[] {
    const members: number[] = [];
    for (let word = 0; word < this.#words; word++) {
      let bits = live[word]!;
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        const local = word * 32 + bit;
        if (local < this.#locals) members.push(local);
        bits &= bits - 1;
      }
    }
    return members;
  }
}

/** Adds `more` to `set`; true if it grew. */
function unite(set: Uint32Array, more: Uint32Array): boolean {
  let grew = false;
  for (let word = 0; word < set.length; word++) {
    const united = (set[word]! | more[word]!) >>> 0;
    if (united === set[word]) continue;
    set[word] = united;
    grew = true;
  }
  return grew;
}
