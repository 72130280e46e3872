// Random expressions: code that leaves one value of a given type on the stack.

import { leb } from '../building/bytes.js';
import { constantBytes } from './constants.js';
import { ASK, FUEL_GLOBAL, GLOBALS, type Signature } from './frame.js';
import type { FunctionWriter } from './function-writer.js';
import { FLOAT_LANES, LOADS, OPERATORS, type Operator, type ValueType } from './operators.js';

const MAX_DEPTH = 7;

/** Leaves a value of `type`. */
export function writeExpression(writer: FunctionWriter, type: ValueType): void {
  if (writer.choices.usedUp || writer.depth >= MAX_DEPTH) {
    writeLeaf(writer, type);
    return;
  }
  writer.depth += 1;
  writer.choices.pick(SHAPES)(writer, type);
  writer.depth -= 1;
}

function writeLeaf(writer: FunctionWriter, type: ValueType): void {
  const choice = writer.choices.below(4);
  if (choice === 0) {
    writer.emit(...constantBytes(type, writer.choices.below(16)));
    return;
  }
  if (choice < 3) {
    writer.emit(0x20, ...writer.local(type));
    return;
  }
  writer.emit(0x23, globalOf(type, FUEL_GLOBAL));
}

/** The global of the type that programs may read and write (never the fuel). */
export function globalOf(type: ValueType, except: number): number {
  return GLOBALS.findIndex((each, index) => each === type && index !== except);
}

/** An address whose access usually stays inside the memory. */
export function writeAddress(writer: FunctionWriter): void {
  writeExpression(writer, 'i32');
  if (writer.choices.oneIn(40)) return;
  writer.i32(0x7ff8);
  writer.emit(0x71);
}

/** Calls function `index` (or, with `slot`, through the table); returns what it leaves. */
export function writeCall(writer: FunctionWriter, index: number, slot: number | undefined, tail: boolean): Signature {
  const { frame } = writer;
  const typeIndex = frame.functionTypes[index]!;
  const signature = frame.signatures[typeIndex]!;
  for (const parameter of signature.parameters) writeExpression(writer, parameter);
  if (slot === undefined) writer.emit(tail ? 0x12 : 0x10, ...leb(index));
  else {
    writer.i32(slot);
    writer.emit(tail ? 0x13 : 0x11, ...leb(typeIndex), 0);
  }
  return signature;
}

type Shape = (writer: FunctionWriter, type: ValueType) => void;

function operatorShape(writer: FunctionWriter, type: ValueType): void {
  if (type === 'v128' && writer.choices.oneIn(2)) {
    const { operator, lanes } = writer.choices.pick(FLOAT_LANES);
    writeOperator(writer, operator);
    writer.canonicalLanes(lanes);
    return;
  }
  writeOperator(writer, writer.choices.pick(OPERATORS[type]));
}

function writeOperator(writer: FunctionWriter, { code, operands, shows }: Operator): void {
  for (const [index, operand] of operands.entries()) {
    writeExpression(writer, operand);
    const last = index === operands.length - 1;
    if (shows === 'divisor' && last && !writer.choices.oneIn(24)) {
      writer.emit(...(operand === 'i32' ? [0x41, 1] : [0x42, 1]));
      writer.emit(operand === 'i32' ? 0x72 : 0x84);
    }
    if ((shows === 'bits' || shows === 'sign') && last && (operand === 'f32' || operand === 'f64')) {
      writer.canonical(operand);
    }
  }
  writer.emit(...code);
}

function loadShape(writer: FunctionWriter, type: ValueType): void {
  writeAddress(writer);
  writer.emit(...writer.choices.pick(LOADS[type]), 0, ...leb(writer.choices.below(200)));
}

function selectShape(writer: FunctionWriter, type: ValueType): void {
  writeExpression(writer, type);
  writeExpression(writer, type);
  writeExpression(writer, 'i32');
  writer.emit(0x1b);
}

const blockType = (type: ValueType): number[] => [{ i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }[type]];

function ifShape(writer: FunctionWriter, type: ValueType): void {
  writeExpression(writer, 'i32');
  writer.within(0x04, blockType(type), [type], () => {
    writer.writeStatements();
    writeExpression(writer, type);
    writer.mark(0x05);
    writeExpression(writer, type);
  });
}

function blockShape(writer: FunctionWriter, type: ValueType): void {
  writer.within(0x02, blockType(type), [type], () => {
    writer.writeStatements();
    writeExpression(writer, type);
  });
}

function loopShape(writer: FunctionWriter, type: ValueType): void {
  writer.within(0x03, blockType(type), [], () => {
    writer.burn();
    writer.writeStatements();
    writeExpression(writer, type);
  });
}

/** A loop that takes a parameter and goes round again with a new one while a condition holds. */
function parameterLoopShape(writer: FunctionWriter, type: ValueType): void {
  if (type !== 'i32') {
    operatorShape(writer, type);
    return;
  }
  writeExpression(writer, 'i32');
  writer.within(0x03, leb(4), ['i32'], () => {
    writer.burn();
    writeExpression(writer, 'i32');
    writer.emit(0x6a);
    writeExpression(writer, 'i32');
    writer.emit(0x0d, 0);
  });
}

/** A call whose other results are dropped or kept in locals. */
function callShape(writer: FunctionWriter, type: ValueType): void {
  const { frame, choices } = writer;
  const gives = (index: number): boolean => frame.signatures[frame.functionTypes[index]!]!.results.includes(type);
  const direct = frame.functionTypes.slice(0, -1).flatMap((_, index) => (gives(index) ? [index] : []));
  const slots = frame.table.flatMap((index, slot) => (index !== null && gives(index) ? [slot] : []));
  const slot = slots.length > 0 && choices.oneIn(2) ? choices.pick(slots) : undefined;
  if (slot === undefined && direct.length === 0) {
    operatorShape(writer, type);
    return;
  }
  const index = slot === undefined ? choices.pick(direct) : frame.table[slot]!;
  const { results } = writeCall(writer, index, slot, false);
  const kept = results.indexOf(type);
  for (let position = results.length - 1; position >= 0; position--) {
    if (position === kept) writer.emit(0x21, ...writer.scratch(type));
    else if (choices.oneIn(2)) writer.emit(0x21, ...writer.local(results[position]!));
    else writer.emit(0x1a);
  }
  writer.emit(0x20, ...writer.scratch(type));
}

function teeShape(writer: FunctionWriter, type: ValueType): void {
  writeExpression(writer, type);
  writer.emit(0x22, ...writer.local(type));
}

function environmentShape(writer: FunctionWriter, type: ValueType): void {
  if (type !== 'i32') {
    writeLeaf(writer, type);
    return;
  }
  const choice = writer.choices.below(4);
  if (choice < 2) {
    writer.emit(0x10, ASK);
    return;
  }
  if (choice === 2) {
    writer.emit(0x3f, 0);
    return;
  }
  writer.emit(0xfc, 16, 0);
}

/** Leaves the value through a branch: what follows in the block is never reached, and typed all the same. */
function branchShape(writer: FunctionWriter, type: ValueType): void {
  writer.within(0x02, blockType(type), [type], () => {
    writeExpression(writer, type);
    writeExpression(writer, 'i32');
    writer.emit(0x0d, 0);
    if (writer.choices.oneIn(2)) {
      writer.emit(0x0c, 0);
      writer.emit(0x6a);
      writer.emit(0x1a);
    }
  });
}

const SHAPES: readonly Shape[] = [
  writeLeaf,
  writeLeaf,
  operatorShape,
  operatorShape,
  operatorShape,
  loadShape,
  selectShape,
  ifShape,
  blockShape,
  loopShape,
  parameterLoopShape,
  callShape,
  callShape,
  teeShape,
  environmentShape,
  branchShape,
];
