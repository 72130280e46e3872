// Encodes the sections of a module; what a section holds is written by whoever changed it.
//
//   00 61 73 6d  01 00 00 00
//   id:byte size:u32 content[size]              one for each section that is not empty, in SECTION_ORDER
//
// Custom sections go back to where they stood: after the same section.

import { SECTION_CUSTOM, SECTION_ORDER } from './decode.js';
import type { Export, Import, Range } from './module.js';
import {
  type FunctionType,
  type GlobalType,
  KIND_FUNCTION,
  KIND_MEMORY,
  KIND_TABLE,
  type Limits,
  type TableType,
} from './types.js';
import { Writer } from './writer.js';

export interface CustomSection {
  readonly name: string;
  readonly content: Uint8Array;
  readonly after: number;
}

/** Collects the contents of sections and puts the module together. */
export class ModuleWriter {
  readonly #sections = new Map<number, Uint8Array>();

  /** Sets the content of a section of `count` items, each written by `item`; no items, no section. */
  items(id: number, count: number, item: (writer: Writer, index: number) => void): void {
    if (count === 0) return;
    const writer = new Writer();
    writer.u32(count);
    for (let index = 0; index < count; index++) item(writer, index);
    this.section(id, writer.bytes);
  }

  /** Sets the whole content of a section. */
  section(id: number, content: Uint8Array): void {
    this.#sections.set(id, content);
  }

  finish(customs: readonly CustomSection[]): Uint8Array {
    let size = 8;
    for (const content of this.#sections.values()) size += content.length + 6;
    for (const custom of customs) size += custom.content.length + custom.name.length * 3 + 12;
    const writer = new Writer(size);
    for (const byte of [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]) writer.byte(byte);
    writeCustoms(writer, customs, 0);
    for (const id of SECTION_ORDER) {
      const content = this.#sections.get(id);
      if (content !== undefined) {
        writer.byte(id);
        writer.u32(content.length);
        writer.append(content);
      }
      writeCustoms(writer, customs, id);
    }
    return writer.take();
  }
}

function writeCustoms(writer: Writer, customs: readonly CustomSection[], after: number): void {
  for (const custom of customs) {
    if (custom.after !== after) continue;
    const name = new Writer();
    name.name(custom.name);
    writer.byte(SECTION_CUSTOM);
    writer.u32(name.length + custom.content.length);
    writer.append(name.bytes);
    writer.append(custom.content);
  }
}

export function writeFunctionType(writer: Writer, type: FunctionType): void {
  writer.byte(0x60);
  writer.u32(type.params.length);
  for (const param of type.params) writer.byte(param);
  writer.u32(type.results.length);
  for (const result of type.results) writer.byte(result);
}

export function writeLimits(writer: Writer, limits: Limits): void {
  writer.byte((limits.maximum === undefined ? 0 : 1) | (limits.shared ? 2 : 0));
  writer.u32(limits.minimum);
  if (limits.maximum !== undefined) writer.u32(limits.maximum);
}

export function writeTableType(writer: Writer, type: TableType): void {
  writer.byte(type.element);
  writeLimits(writer, type.limits);
}

export function writeGlobalType(writer: Writer, type: GlobalType): void {
  writer.byte(type.value);
  writer.byte(type.mutable ? 1 : 0);
}

export function writeImport(writer: Writer, item: Import): void {
  writer.name(item.module);
  writer.name(item.name);
  writer.byte(item.kind);
  if (item.kind === KIND_FUNCTION) writer.u32(item.type);
  else if (item.kind === KIND_TABLE) writeTableType(writer, item.type);
  else if (item.kind === KIND_MEMORY) writeLimits(writer, item.type);
  else writeGlobalType(writer, item.type);
}

export function writeExport(writer: Writer, item: Export): void {
  writer.name(item.name);
  writer.byte(item.kind);
  writer.u32(item.index);
}

export function writeRange(writer: Writer, bytes: Uint8Array, range: Range): void {
  writer.copy(bytes, range.start, range.end);
}
