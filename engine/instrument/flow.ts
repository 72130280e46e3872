// Follows the control flow of a body while it is read: segments and joints for the charges, and which loops need a safe point.
//
// Every cycle has to pass a safe point, or a loop could run for ever inside one epoch. So loops have one on the way back to
// their header: a loop that is entered and left at once pays nothing for it. It is not needed where each way back has
// passed another since the header, that is a call; then the header is no observer either, and its charges merge with
// others (charges.ts).
//
// Loops are numbered from the outermost, 1 to `loopDepth`. A safe point covers all loops around it, so the loops whose
// headers lie behind the last certain safe point are always the outermost ones: `covered` is their number. Where paths
// join it is the least of theirs. A branch back to loop i while covered < i makes loop i test its counter.
//
// How often a segment runs is guessed as a flow: the body is entered by 1, a loop makes TURNS of what comes in, a branch
// splits what arrives, labels add up what comes to them. What matters is that an arm of a switch gets less than the place
// where arms meet again: then the way from there is in the tree, and each arm pays once. (Guessing by the nesting of loops
// alone put arms into the tree, and the others paid twice: 1.6 for an interpreter in baseline code.)

import { ChargePlan, FREQUENCY_CLASSES, OBSERVED } from './charges.js';

/** Turns that a loop is thought to make, and branches that leave it are thought to be one in as many. */
const TURNS = 16;
const CLASSES_PER_OCTAVE = 2;
/** The class of a flow of 1; half of the classes are for less, six nested loops are for more. */
const BASE_CLASS = 15;
/** Less counts as this. */
const FLOW_MIN = 2 ** -7;

const KIND_BLOCK = 0;
const KIND_LOOP = 1;
const KIND_IF = 2;

/** A loop that stays as it is, one that tests the counter on the way back, one that does and is unrolled (unroll.ts). */
export const LOOP_PLAIN = 0;
const LOOP_TESTS = 1;
export const LOOP_UNROLLED = 2;

/** One enclosing block. */
interface Frame {
  kind: number;
  /** The joint at its label. */
  label: number;
  /** For `if` without an else so far: the joint that both arms begin at. */
  arms: number;
  /** At its entry, and what branches bring to its label. */
  flow: number;
  arriving: number;
  covered: number;
  /** Number of loops around it; of a loop, itself included. */
  loopDepth: number;
  /** The least number of loops covered on the branches to its end. */
  labelCovered: number;
  /** For a loop: its place in `loopTests`. */
  loop: number;
  /** For a loop: the joints at its header, where its branches back arrive (OBSERVED: no loop), and after its end. */
  header: number;
  back: number;
  exit: number;
}

export class ControlFlow {
  readonly plan = new ChargePlan();
  /** For each loop of all bodies, in the order of their headers: LOOP_*. */
  readonly loopTests: number[] = [];
  /** A loop of this body goes without a test, so every call in it must have one. */
  reliesOnCalls = false;
  #frames: Frame[] = [];
  #depth = 0;
  #loopDepth = 0;
  #covered = 0;
  /** How often control is here, against once a call. */
  #flow = 1;

  /** Begins a body. */
  clear(): void {
    this.plan.clear();
    this.reliesOnCalls = false;
    this.#depth = 0;
    this.#loopDepth = 0;
    this.#covered = 0;
    this.#flow = 1;
    this.#enter(KIND_BLOCK, this.plan.joint());
    this.#begin(OBSERVED);
  }

  #begin(joint: number): void {
    this.plan.begin(joint, frequencyClass(this.#flow));
  }

  #enter(kind: number, label: number): Frame {
    let frame = this.#frames[this.#depth];
    if (frame === undefined) {
      frame = {
        kind,
        label,
        arms: 0,
        flow: 0,
        arriving: 0,
        covered: 0,
        loopDepth: 0,
        labelCovered: 0,
        loop: 0,
        header: 0,
        back: 0,
        exit: 0,
      };
      this.#frames.push(frame);
    }
    frame.kind = kind;
    frame.label = label;
    frame.arms = OBSERVED;
    frame.back = OBSERVED;
    frame.flow = this.#flow;
    frame.arriving = 0;
    frame.covered = this.#covered;
    frame.loopDepth = this.#loopDepth;
    frame.labelCovered = Number.POSITIVE_INFINITY;
    this.#depth++;
    return frame;
  }

  #target(label: number): Frame {
    return this.#frames[this.#depth - 1 - label]!;
  }

  block(): void {
    this.#enter(KIND_BLOCK, this.plan.joint());
  }

  loop(unrolled: boolean): void {
    const header = this.plan.joint();
    this.plan.end(header);
    const frame = this.#enter(KIND_LOOP, this.plan.joint());
    frame.loopDepth = ++this.#loopDepth;
    frame.loop = this.loopTests.push(unrolled ? LOOP_UNROLLED : LOOP_PLAIN) - 1;
    frame.header = header;
    frame.back = frame.label;
    frame.exit = this.plan.joint();
    // In the first copy of an unrolled body the loop's label means the start of the second.
    if (unrolled) {
      frame.kind = KIND_BLOCK;
      frame.label = this.plan.joint();
    }
    this.#flow *= TURNS;
    this.#begin(header);
  }

  /** The first copy of an unrolled body ends and the second begins. @param dead the end of the first cannot be reached */
  nextCopy(dead: boolean): void {
    const frame = this.#target(0);
    if (!dead) this.plan.end(frame.exit);
    this.#covered = frame.covered;
    this.#flow = frame.flow * TURNS;
    frame.arriving = 0;
    this.#begin(frame.label);
    frame.kind = KIND_LOOP;
    frame.label = frame.back;
  }

  if(): void {
    const frame = this.#enter(KIND_IF, this.plan.joint());
    frame.arms = this.plan.joint();
    this.plan.end(frame.arms);
    this.#flow /= 2;
    this.#begin(frame.arms);
  }

  /** @param dead the end of the first arm cannot be reached */
  else(dead: boolean): void {
    const frame = this.#target(0);
    if (!dead) {
      this.plan.end(frame.label);
      this.#arrive(frame, this.#flow);
    }
    const arms = frame.arms;
    frame.arms = OBSERVED;
    this.#covered = frame.covered;
    this.#flow = frame.flow / 2;
    this.#begin(arms);
  }

  /** @param dead the end of the block cannot be reached from within */
  end(dead: boolean): void {
    const frame = this.#target(0);
    this.#depth--;
    if (frame.kind === KIND_LOOP) {
      this.#endLoop(frame, dead);
      return;
    }
    if (!dead) {
      this.plan.end(frame.label);
      this.#arrive(frame, this.#flow);
    }
    // An `if` without else leads from where its arms begin straight to its label. OBSERVED: not an if, or else was seen.
    if (frame.arms !== OBSERVED) {
      this.plan.merge(frame.arms, frame.label);
      frame.labelCovered = Math.min(frame.labelCovered, frame.covered);
      frame.arriving += frame.flow / 2;
    }
    this.#flow = Math.min(frame.arriving, frame.flow);
    this.#covered = Math.min(frame.labelCovered, this.#loopDepth);
    this.#begin(frame.label);
    // What follows the outermost block: the counter becomes a result.
    if (this.#depth === 0) this.plan.endAtCounter();
  }

  #endLoop(frame: Frame, dead: boolean): void {
    if (!dead) this.plan.end(frame.exit);
    // The way back, from the loop's label to the safe point, or to the header where there is none. A charge is cheaper
    // there than elsewhere, for the test reads and writes the counter anyway: so it counts as less frequent than it is.
    this.plan.begin(frame.back, frequencyClass(frame.arriving / 3));
    if (this.loopTests[frame.loop] === LOOP_PLAIN) {
      this.reliesOnCalls = true;
      this.plan.end(frame.header);
      this.plan.merge(frame.back, frame.header);
    } else {
      this.plan.end(OBSERVED);
      this.plan.merge(frame.header, OBSERVED);
    }
    this.#loopDepth--;
    this.#covered = Math.min(this.#covered, this.#loopDepth);
    this.#flow = frame.flow;
    this.#begin(frame.exit);
  }

  /** Control comes to a label by a branch or from above, `flow` of it. */
  #arrive(target: Frame, flow: number): void {
    target.arriving += flow;
    if (target.kind !== KIND_LOOP) target.labelCovered = Math.min(target.labelCovered, this.#covered);
    else if (this.#covered < target.loopDepth && this.loopTests[target.loop] === LOOP_PLAIN) {
      this.loopTests[target.loop] = LOOP_TESTS;
    }
  }

  br(label: number): void {
    const target = this.#target(label);
    this.#arrive(target, this.#flow);
    this.plan.end(target.label);
  }

  /** How often a conditional branch to this label is taken: a way back mostly, a way out of the loop seldom. */
  #share(target: Frame): number {
    if (target.loopDepth !== this.#loopDepth) return 1 / TURNS;
    return target.back === OBSERVED ? 1 / 2 : 1 - 1 / TURNS;
  }

  brIf(label: number): void {
    const target = this.#target(label);
    const taken = this.#flow * this.#share(target);
    this.#arrive(target, taken);
    this.plan.end(target.label);
    this.#flow -= taken;
    this.#begin(target.label);
  }

  /** The branch to a handler after a call that was left by an exception: seldom taken, and in the cold (calls.ts). */
  brIfThrown(label: number): void {
    const target = this.#target(label);
    this.#arrive(target, 0);
    this.plan.end(target.label);
    this.#begin(target.label);
  }

  brTable(labels: Uint32Array, count: number): void {
    const first = this.#target(labels[0]!).label;
    for (let index = 0; index < count; index++) {
      const target = this.#target(labels[index]!);
      this.#arrive(target, this.#flow / count);
      this.plan.merge(first, target.label);
    }
    this.plan.end(first);
  }

  /** An instruction that takes the counter and gives it back: a call or a bulk operation. */
  call(): void {
    this.plan.endAtCounter();
    this.#covered = this.#loopDepth;
    this.#begin(OBSERVED);
  }

  /** An instruction that takes the counter and does not come back: return, unreachable, tail calls. */
  leave(): void {
    this.plan.endAtCounter();
  }
}

function frequencyClass(flow: number): number {
  const octaves = Math.log2(Math.max(flow, FLOW_MIN));
  return Math.min(FREQUENCY_CLASSES - 1, BASE_CLASS + Math.round(octaves * CLASSES_PER_OCTAVE));
}
