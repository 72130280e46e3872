// The types of WebAssembly as the binary format writes them: value types, limits, and what has a type of its own.

/** A value type is its byte in the binary format, so that decoding and encoding need no translation. */
export type ValueType = number;

export const I32: ValueType = 0x7f;
export const I64: ValueType = 0x7e;
export const F32: ValueType = 0x7d;
export const F64: ValueType = 0x7c;
export const V128: ValueType = 0x7b;
export const FUNCREF: ValueType = 0x70;
export const EXTERNREF: ValueType = 0x6f;
/** A reference to an exception. No module that is rewritten has any: lowering (engine/instrument/exceptions) replaces them. */
export const EXNREF: ValueType = 0x69;

/** True for the value types of WebAssembly 2.0, and for references to exceptions. */
export function isValueType(byte: number): boolean {
  return (byte >= V128 && byte <= I32) || isReferenceType(byte);
}

export function isReferenceType(byte: number): boolean {
  return byte === FUNCREF || byte === EXTERNREF || byte === EXNREF;
}

/** The name of a value type in the text format. */
export function valueTypeName(type: ValueType): string {
  switch (type) {
    case I32:
      return 'i32';
    case I64:
      return 'i64';
    case F32:
      return 'f32';
    case F64:
      return 'f64';
    case V128:
      return 'v128';
    case FUNCREF:
      return 'funcref';
    case EXTERNREF:
      return 'externref';
    case EXNREF:
      return 'exnref';
    default:
      return 'unknown';
  }
}

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** Sizes in pages of 64 KiB (memories) or elements (tables). */
export interface Limits {
  readonly minimum: number;
  readonly maximum: number | undefined;
  /** A memory that threads could share; a guest has one thread, and what the instrumenter writes may be one in any case. */
  readonly shared?: true;
}

export interface TableType {
  readonly element: ValueType;
  readonly limits: Limits;
}

export interface GlobalType {
  readonly value: ValueType;
  readonly mutable: boolean;
}

/** What an import or an export is, as its byte in the binary format. */
export const KIND_FUNCTION = 0;
export const KIND_TABLE = 1;
export const KIND_MEMORY = 2;
export const KIND_GLOBAL = 3;
export const KIND_TAG = 4;
export type Kind = 0 | 1 | 2 | 3 | 4;
