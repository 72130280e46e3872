// Random statements: code that leaves the stack as it found it.

import { leb } from '../building/bytes.js';
import { globalOf, writeAddress, writeCall, writeExpression } from './expressions.js';
import { FUEL_GLOBAL, PASSIVE_DATA, PASSIVE_ELEMENTS, SEGMENT_ITEMS, TABLE_SLOTS, TAGS } from './frame.js';
import type { FunctionWriter } from './function-writer.js';
import { STORES, VALUE_TYPES, type ValueType } from './operators.js';

const MAX_DEPTH = 5;
const MAX_STATEMENTS = 4;

/** None to a few statements; after a branch the rest of the block is dead code. */
export function writeStatements(writer: FunctionWriter): void {
  if (writer.depth >= MAX_DEPTH) return;
  writer.depth += 1;
  const count = writer.choices.below(MAX_STATEMENTS);
  const statements = writer.frame.options.exceptions ? WITH_EXCEPTIONS : STATEMENTS;
  for (let i = 0; i < count && !writer.choices.usedUp; i++) writer.choices.pick(statements)(writer);
  writer.depth -= 1;
}

type Statement = (writer: FunctionWriter) => void;

function setLocal(writer: FunctionWriter): void {
  const type = writer.choices.pick(VALUE_TYPES);
  writeExpression(writer, type);
  writer.emit(0x21, ...writer.local(type));
}

function setGlobal(writer: FunctionWriter): void {
  const type = writer.choices.pick(VALUE_TYPES);
  writeExpression(writer, type);
  writer.emit(0x24, globalOf(type, FUEL_GLOBAL));
}

function store(writer: FunctionWriter): void {
  const type = writer.choices.pick(VALUE_TYPES);
  writeAddress(writer);
  writeExpression(writer, type);
  if (type === 'f32' || type === 'f64') writer.canonical(type);
  writer.emit(...writer.choices.pick(STORES[type]), 0, ...leb(writer.choices.below(200)));
}

function see(writer: FunctionWriter): void {
  const type = writer.choices.pick(VALUE_TYPES);
  writeExpression(writer, type);
  writer.see(type);
}

function ifElse(writer: FunctionWriter): void {
  writeExpression(writer, 'i32');
  writer.within(0x04, [0x40], [], () => {
    writeStatements(writer);
    if (writer.choices.oneIn(2)) return;
    writer.mark(0x05);
    writeStatements(writer);
  });
}

function block(writer: FunctionWriter): void {
  writer.within(0x02, [0x40], [], () => {
    writeStatements(writer);
    writeStatements(writer);
  });
}

function countedLoop(writer: FunctionWriter): void {
  const counter = writer.freshCounter();
  writer.i32(1 + writer.choices.below(5));
  writer.emit(0x21, ...counter);
  writer.within(0x03, [0x40], [], () => {
    writer.burn();
    writeStatements(writer);
    writer.emit(0x20, ...counter);
    writer.i32(1);
    writer.emit(0x6b);
    writer.emit(0x22, ...counter);
    writer.emit(0x0d, 0);
  });
}

/** A loop inside a block: its statements may continue it, leave it, or continue an outer one. */
function wildLoop(writer: FunctionWriter): void {
  writer.within(0x02, [0x40], [], () => {
    writer.within(0x03, [0x40], [], () => {
      writer.burn();
      writeStatements(writer);
      if (writer.choices.oneIn(2)) writer.emit(0x0c, writer.choices.below(2));
      else branchIf(writer);
    });
  });
}

function writeValues(writer: FunctionWriter, types: readonly ValueType[]): void {
  for (const type of types) writeExpression(writer, type);
}

function branchIf(writer: FunctionWriter): void {
  const depth = writer.choices.below(writer.labels.length);
  const types = writer.labels[writer.labels.length - 1 - depth]!;
  writeValues(writer, types);
  writeExpression(writer, 'i32');
  writer.emit(0x0d, ...leb(depth));
  for (const type of [...types].reverse()) writer.emit(0x21, ...writer.local(type));
}

/** A jump inside a block of its own, so that statements after it live on; sometimes dead code follows the jump. */
function jump(writer: FunctionWriter): void {
  writeExpression(writer, 'i32');
  writer.within(0x04, [0x40], [], () => {
    writer.choices.pick([returns, branch, branchTable, tailCall, trap])(writer);
    if (writer.choices.oneIn(2)) deadCode(writer);
  });
}

function returns(writer: FunctionWriter): void {
  writeValues(writer, writer.signature.results);
  writer.emit(0x0f);
}

function branch(writer: FunctionWriter): void {
  const depth = writer.choices.below(writer.labels.length);
  writeValues(writer, writer.labels[writer.labels.length - 1 - depth]!);
  writer.emit(0x0c, ...leb(depth));
}

function branchTable(writer: FunctionWriter): void {
  const { choices, labels } = writer;
  const types = labels[labels.length - 1 - choices.below(labels.length)]!;
  const alike = labels.flatMap((label, index) => (label.join() === types.join() ? [labels.length - 1 - index] : []));
  writeValues(writer, types);
  writeExpression(writer, 'i32');
  if (choices.oneIn(2)) {
    writer.i32(3);
    writer.emit(0x71);
  }
  const targets = Array.from({ length: choices.below(5) }, () => choices.pick(alike));
  writer.emit(0x0e, ...leb(targets.length), ...targets.flatMap(leb), ...leb(choices.pick(alike)));
}

function tailCall(writer: FunctionWriter): void {
  const { frame, choices, signature } = writer;
  const wanted = signature.results.join();
  const fits = (index: number): boolean => frame.signatures[frame.functionTypes[index]!]!.results.join() === wanted;
  const direct = frame.functionTypes.slice(0, -1).flatMap((_, index) => (fits(index) ? [index] : []));
  const slots = frame.table.flatMap((index, slot) => (index !== null && fits(index) ? [slot] : []));
  if (slots.length > 0 && choices.oneIn(2)) {
    const slot = choices.pick(slots);
    writeCall(writer, frame.table[slot]!, slot, true);
  } else if (direct.length > 0) writeCall(writer, choices.pick(direct), undefined, true);
  else returns(writer);
}

/** Rare, because a program that traps shows nothing more. */
function trap(writer: FunctionWriter): void {
  if (writer.choices.oneIn(8)) writer.emit(0x00);
  else returns(writer);
}

/** Never executed, but decoded, typed and rewritten: the stack is polymorphic here. */
function deadCode(writer: FunctionWriter): void {
  const choice = writer.choices.below(4);
  if (choice === 0) writer.emit(0x6a);
  else if (choice === 1) {
    writer.emit(0x1b);
    writer.emit(0x22, ...writer.local('f64'));
    writer.emit(0xa0);
  } else if (choice === 2) {
    writer.within(0x03, [0x40], [], () => writer.emit(0x0c, 0));
    return;
  } else writer.emit(0x10, 2);
  writer.emit(0x1a);
}

function bulkMemory(writer: FunctionWriter): void {
  const choice = writer.choices.below(8);
  if (choice === 7) {
    writer.emit(0xfc, 9, PASSIVE_DATA);
    return;
  }
  writeAddress(writer);
  if (choice < 3) {
    writeExpression(writer, 'i32');
    writeExpression(writer, 'i32');
    writer.i32(choice === 0 ? 0x3fff : 0xff);
    writer.emit(0x71);
    writer.emitBulk(4, 0xfc, 11, 0);
  } else if (choice < 6) {
    writeAddress(writer);
    writeExpression(writer, 'i32');
    writer.i32(choice === 3 ? 0x3fff : 0xff);
    writer.emit(0x71);
    writer.emitBulk(4, 0xfc, 10, 0, 0);
  } else {
    writer.i32(writer.choices.below(SEGMENT_ITEMS));
    writer.i32(writer.choices.below(4));
    writer.emitBulk(4, 0xfc, 8, PASSIVE_DATA, 0);
  }
}

/** Table instructions that put functions only where one of the same type was, so that most indirect calls succeed. */
function bulkTable(writer: FunctionWriter): void {
  const { choices } = writer;
  const choice = choices.below(6);
  const slot = choices.below(TABLE_SLOTS);
  const count = choices.below(3);
  if (choice < 2) {
    writer.i32(slot);
    writer.i32(slot);
    writer.emit(0x25, 0);
    writer.emit(0x26, 0);
  } else if (choice === 2) {
    writer.i32(slot);
    writer.i32(slot);
    writer.i32(Math.min(count, TABLE_SLOTS - slot));
    writer.emitBulk(0, 0xfc, 12, PASSIVE_ELEMENTS, 0);
  } else if (choice === 3) {
    writer.i32(slot);
    writer.i32(slot);
    writer.i32(Math.min(count, TABLE_SLOTS - slot));
    writer.emitBulk(0, 0xfc, 14, 0, 0);
  } else if (choice === 4) {
    writer.emit(0xd0, 0x70);
    writer.i32(1);
    writer.emitGrow(1, 0xfc, 15, 0);
    writer.emit(0x1a);
  } else {
    writer.i32(TABLE_SLOTS);
    writer.emit(0xd0, 0x70);
    writer.i32(0);
    writer.emitBulk(0, 0xfc, 17, 0);
  }
}

function growMemory(writer: FunctionWriter): void {
  writer.i32(writer.choices.below(3));
  writer.emit(0x40, 0);
  writer.emit(0x21, ...writer.local('i32'));
}

function callForEffect(writer: FunctionWriter): void {
  const index = writer.choices.below(writer.frame.functionTypes.length - 1);
  const { results } = writeCall(writer, index, undefined, false);
  for (const _ of results) writer.emit(0x1a);
}

function drop(writer: FunctionWriter): void {
  writeExpression(writer, writer.choices.pick(VALUE_TYPES));
  writer.emit(0x1a);
}

/** Throws if a condition holds; sometimes dead code follows. */
function throws(writer: FunctionWriter): void {
  writeExpression(writer, 'i32');
  writer.within(0x04, [0x40], [], () => {
    const handlers = writer.handlers.flatMap((isHandler, index) =>
      isHandler ? [writer.labels.length - 1 - index] : [],
    );
    if (handlers.length > 0 && writer.choices.oneIn(2)) writer.emit(0x09, ...leb(writer.choices.pick(handlers)));
    else {
      const tag = writer.choices.below(TAGS.length);
      writeValues(writer, TAGS[tag]!);
      writer.emit(0x08, tag);
    }
    if (writer.choices.oneIn(2)) deadCode(writer);
  });
}

/** A try with handlers, or one that delegates; what is caught goes to locals. */
function tries(writer: FunctionWriter): void {
  const { choices } = writer;
  const delegates = choices.oneIn(5);
  writer.tries(0x06, () => {
    writeStatements(writer);
    callForEffect(writer);
    writeStatements(writer);
  });
  if (delegates) {
    writer.endTry(0x18, ...leb(choices.below(writer.labels.length - 1)));
    return;
  }
  for (let count = choices.below(3); count > 0; count--) {
    const tag = choices.below(TAGS.length);
    writer.handles([0x07, tag], () => {
      for (const type of [...TAGS[tag]!].reverse()) writer.emit(0x21, ...writer.local(type));
      writeStatements(writer);
    });
  }
  if (choices.oneIn(2)) writer.handles([0x19], () => writeStatements(writer));
  writer.endTry(0x0b);
}

const STATEMENTS: readonly Statement[] = [
  writer => writer.emit(0x01),
  setLocal,
  setLocal,
  setGlobal,
  store,
  store,
  see,
  ifElse,
  block,
  countedLoop,
  countedLoop,
  wildLoop,
  wildLoop,
  branchIf,
  branchIf,
  jump,
  jump,
  bulkMemory,
  bulkTable,
  growMemory,
  callForEffect,
  callForEffect,
  drop,
];

const WITH_EXCEPTIONS: readonly Statement[] = [...STATEMENTS, throws, throws, throws, tries, tries, tries, tries];
