// Writes one function body: the stack discipline, locals and labels; statements and expressions are drawn elsewhere.

import { functionBody, leb, signedLeb } from '../building/bytes.js';
import type { Choices } from './choices.js';
import { constantBytes } from './constants.js';
import { COUNTED_GLOBAL, type Frame, FUEL_GLOBAL, SEE_32, SEE_64, type Signature } from './frame.js';
import { VALUE_TYPES, type ValueType } from './operators.js';

/** Random locals of each type, besides parameters; then one scratch local of each type. */
const LOCALS_OF_EACH_TYPE = 2;

const NAN_BYTES = { f32: [0, 0, 0xc0, 0x7f], f64: [0, 0, 0, 0, 0, 0, 0xf8, 0x7f] } as const;

export class FunctionWriter {
  readonly frame: Frame;
  readonly signature: Signature;
  readonly choices: Choices;
  /** What a branch to each label carries, outermost (the function itself) first. */
  readonly labels: (readonly ValueType[])[];
  /** By the number of labels around: true where one means a handler that the code stands in. */
  readonly handlers: boolean[] = [];
  /** Nesting of expressions and statements, so that a body stays small enough to read. */
  depth = 0;
  private readonly statements: (writer: FunctionWriter) => void;
  private readonly code: number[] = [];
  private readonly locals: ValueType[];
  private readonly scratchStart: number;

  /** @param statements writes those that stand inside an expression */
  constructor(frame: Frame, signature: Signature, choices: Choices, statements: (writer: FunctionWriter) => void) {
    this.frame = frame;
    this.signature = signature;
    this.choices = choices;
    this.statements = statements;
    this.labels = [signature.results];
    const random = VALUE_TYPES.flatMap(type => Array<ValueType>(LOCALS_OF_EACH_TYPE).fill(type));
    this.locals = [...signature.parameters, ...random];
    this.scratchStart = this.locals.length;
    this.locals.push(...VALUE_TYPES);
  }

  /** One instruction. In a program that counts itself the count goes up just before it. */
  emit(...bytes: number[]): void {
    if (this.frame.options.counted) {
      this.code.push(0x23, ...leb(COUNTED_GLOBAL), 0x42, 1, 0x7c, 0x24, ...leb(COUNTED_GLOBAL));
    }
    this.code.push(...bytes);
  }

  /**
   * A bulk operation on a length that is on top of the stack. It costs one more for every 2 ** `shift` bytes or elements;
   * one that traps ends the program, so its cost may be counted before.
   */
  emitBulk(shift: number, ...bytes: number[]): void {
    if (this.frame.options.counted) {
      const length = this.scratch('i32');
      this.code.push(0x22, ...length, 0x23, ...leb(COUNTED_GLOBAL));
      this.code.push(0x20, ...length, 0x41, shift, 0x76, 0xad, 0x7c, 0x24, ...leb(COUNTED_GLOBAL));
    }
    this.emit(...bytes);
  }

  /** A table.grow by `count`, its result on top of the stack: growth that is refused costs nothing for its length. */
  emitGrow(count: number, ...bytes: number[]): void {
    this.emit(...bytes);
    if (!this.frame.options.counted) return;
    const result = this.scratch('i32');
    this.code.push(0x22, ...result, 0x23, ...leb(COUNTED_GLOBAL));
    this.code.push(0x42, count, 0x42, 0, 0x20, ...result, 0x41, 0x7f, 0x47, 0x1b, 0x7c, 0x24, ...leb(COUNTED_GLOBAL));
  }

  /** What marks structure and does nothing when met: `block`, `loop`, `else`, `end`. It is not counted. */
  mark(...bytes: number[]): void {
    this.code.push(...bytes);
  }

  /** Opens a block, runs `inside` with its label in place, and closes it. */
  within(opening: number, blockType: readonly number[], label: readonly ValueType[], inside: () => void): void {
    if (opening === 0x04) this.emit(opening, ...blockType);
    else this.mark(opening, ...blockType);
    this.labels.push(label);
    inside();
    this.labels.pop();
    this.mark(0x0b);
  }

  /** Opens a try and runs `inside`; `handles` and `endTry` follow. */
  tries(opening: number, inside: () => void): void {
    this.mark(opening, 0x40);
    this.labels.push([]);
    inside();
  }

  /** A handler of the try that is open: `catch` with its tag, or `catch_all`. */
  handles(opening: readonly number[], inside: () => void): void {
    this.mark(...opening);
    this.handlers[this.labels.length - 1] = true;
    inside();
    this.handlers.length = this.labels.length - 1;
  }

  /** Closes it: `end`, or `delegate` with its label. */
  endTry(...closing: number[]): void {
    this.labels.pop();
    this.mark(...closing);
  }

  /** A random local of the type that loops do not count with. */
  local(type: ValueType): number[] {
    const count = this.scratchStart;
    const candidates = this.locals.slice(0, count).flatMap((each, index) => (each === type ? [index] : []));
    return leb(this.choices.pick(candidates));
  }

  scratch(type: ValueType): number[] {
    return leb(this.scratchStart + VALUE_TYPES.indexOf(type));
  }

  /** A new i32 local that nothing else touches. */
  freshCounter(): number[] {
    this.locals.push('i32');
    return leb(this.locals.length - 1);
  }

  writeStatements(): void {
    this.statements(this);
  }

  /** Burns fuel; returns from the function when there is none. */
  burn(): void {
    this.emit(0x23, FUEL_GLOBAL);
    this.emit(0x45);
    this.within(0x04, [0x40], [], () => {
      for (const type of this.signature.results) this.emit(...constantBytes(type, 0));
      this.emit(0x0f);
    });
    this.emit(0x23, FUEL_GLOBAL);
    this.emit(0x41, 1);
    this.emit(0x6b);
    this.emit(0x24, FUEL_GLOBAL);
  }

  /** Replaces a NaN on top of the stack by the canonical one, unless the program may show NaN bits. */
  canonical(type: 'f32' | 'f64'): void {
    if (this.frame.options.nanBits) return;
    const local = this.scratch(type);
    this.emit(0x22, ...local);
    this.emit(type === 'f32' ? 0x43 : 0x44, ...NAN_BYTES[type]);
    this.emit(0x20, ...local);
    this.emit(0x20, ...local);
    this.emit(type === 'f32' ? 0x5b : 0x61);
    this.emit(0x1b);
  }

  /** The same for every lane of a v128. */
  canonicalLanes(lanes: 'f32' | 'f64'): void {
    if (this.frame.options.nanBits) return;
    const local = this.scratch('v128');
    const nan = NAN_BYTES[lanes];
    this.emit(0x22, ...local);
    this.emit(0xfd, 0x0c, ...(lanes === 'f32' ? [...nan, ...nan, ...nan, ...nan] : [...nan, ...nan]));
    this.emit(0x20, ...local);
    this.emit(0x20, ...local);
    this.emit(0xfd, lanes === 'f32' ? 0x41 : 0x47);
    this.emit(0xfd, 0x52);
  }

  /** Shows the value on top of the stack to the host. */
  see(type: ValueType): void {
    if (type === 'f32' || type === 'f64') this.canonical(type);
    if (type === 'f32') this.emit(0xbc);
    if (type === 'f64') this.emit(0xbd);
    if (type === 'v128') {
      this.emit(0x22, ...this.scratch('v128'));
      this.emit(0xfd, 0x1d, 0);
      this.emit(0x10, SEE_64);
      this.emit(0x20, ...this.scratch('v128'));
      this.emit(0xfd, 0x1d, 1);
    }
    this.emit(0x10, type === 'i32' || type === 'f32' ? SEE_32 : SEE_64);
  }

  i32(value: number): void {
    this.emit(0x41, ...signedLeb(value));
  }

  /** The body as the module has it, with its locals. */
  finish(): number[] {
    return functionBody(this.locals.slice(this.signature.parameters.length), this.code);
  }
}
