// The name section: what people call functions, read for messages and rewritten when indexes move.
//
//   id:byte size:u32 content                    subsections: 0 module, 1 functions, 2 locals, 3 labels, 7 globals, ...
//   count (index name)*                         functions, globals and the like
//   count (index count (index name)*)*          locals, labels
//
// A broken name section is no reason to refuse a module (the specification says so too): what cannot be read is left
// out.

import type { Module } from './module.js';
import { Reader } from './reader.js';
import { Writer } from './writer.js';

export const NAME_SECTION = 'name';
const FUNCTION_NAMES = 1;
const LOCAL_NAMES = 2;
const LABEL_NAMES = 3;
const GLOBAL_NAMES = 7;

/** Function names by function index, imports included; empty when there are none. */
export function functionNames(module: Module): Map<number, string> {
  const names = new Map<number, string>();
  eachSubsection(module, (id, reader) => {
    if (id !== FUNCTION_NAMES) return;
    const count = reader.u32();
    for (let index = 0; index < count; index++) names.set(reader.u32(), reader.name());
  });
  return names;
}

/** A function as messages call it: `function 12 (name)`. */
export function describeFunction(index: number, names: ReadonlyMap<number, string>): string {
  const name = names.get(index);
  return name === undefined ? `function ${index}` : `function ${index} (${name})`;
}

function eachSubsection(module: Module, visit: (id: number, reader: Reader) => void): void {
  const section = module.customs.find(custom => custom.name === NAME_SECTION);
  if (section === undefined) return;
  const reader = new Reader(module.bytes, section.content.start, section.content.end);
  try {
    while (!reader.done) {
      const id = reader.byte();
      const size = reader.u32();
      const inner = new Reader(module.bytes, reader.pos, Math.min(reader.pos + size, reader.end));
      reader.skip(size);
      visit(id, inner);
    }
  } catch {
    // Names are a courtesy; the module runs without them.
  }
}

/** How indexes move when a module is rewritten. */
interface IndexMoves {
  readonly function: (index: number) => number;
  readonly local: (functionIndex: number, index: number) => number;
  readonly global: (index: number) => number;
  /** Names of functions that the rewriting adds, by new index, rising. */
  readonly addedFunctions: readonly (readonly [number, string])[];
}

/** The content of the name section for the rewritten module, or undefined where there was none. Labels are left out. */
export function moveNames(module: Module, moves: IndexMoves): Uint8Array | undefined {
  if (!module.customs.some(custom => custom.name === NAME_SECTION)) return undefined;
  const writer = new Writer();
  eachSubsection(module, (id, reader) => {
    if (id === LABEL_NAMES) return;
    const content = new Writer();
    if (id === FUNCTION_NAMES) moveMap(reader, content, moves.function, moves.addedFunctions);
    else if (id === GLOBAL_NAMES) moveMap(reader, content, moves.global, []);
    else if (id === LOCAL_NAMES) moveLocals(reader, content, moves);
    else content.copy(reader.bytes, reader.pos, reader.end);
    writer.byte(id);
    writer.u32(content.length);
    writer.append(content.bytes);
  });
  return writer.take();
}

function moveMap(
  reader: Reader,
  writer: Writer,
  move: (index: number) => number,
  added: readonly (readonly [number, string])[],
): void {
  const entries: [number, string][] = [];
  const count = reader.count('names');
  for (let index = 0; index < count; index++) entries.push([move(reader.u32()), reader.name()]);
  for (const [index, name] of added) entries.push([index, name]);
  entries.sort((a, b) => a[0] - b[0]);
  writer.u32(entries.length);
  for (const [index, name] of entries) {
    writer.u32(index);
    writer.name(name);
  }
}

function moveLocals(reader: Reader, writer: Writer, moves: IndexMoves): void {
  const count = reader.count('names');
  writer.u32(count);
  for (let index = 0; index < count; index++) {
    const functionIndex = reader.u32();
    writer.u32(moves.function(functionIndex));
    moveMap(reader, writer, local => moves.local(functionIndex, local), []);
  }
}
