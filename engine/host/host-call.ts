// A call of a guest's export by its embedder, and the answer, as bytes: the data of operations (devices/host/host-commands.ts).
//
//   call     number(32) kind(8): 0 end
//                                1 call     name, values
//                                2 read     address(32) length(32)
//                                3 write    address(32), bytes
//   answer   number(32) refused(8): 0, and then: values, or of a read the bytes
//                              1: the memory has no such range
//   values   how many(8), each 0 and 8 bytes of a number, or 1 and 8 of a bigint

import { canonical, joined } from './host-values.js';

export type HostCall =
  | { readonly kind: 'end' }
  | { readonly kind: 'call'; readonly name: string; readonly values: readonly CallValue[] }
  | { readonly kind: 'read'; readonly address: number; readonly length: number }
  | { readonly kind: 'write'; readonly address: number; readonly bytes: Uint8Array };

export type CallValue = number | bigint;

/** Of a call, or an answer, all in all. */
export const CALL_BYTES_MAX = 1 << 20;

const KINDS = ['end', 'call', 'read', 'write'] as const;
const NUMBER = 0;
const BIGINT = 1;

export function encodeCall(number: number, call: HostCall): Uint8Array {
  const head = joined([unsigned32(number), Uint8Array.of(KINDS.indexOf(call.kind))]);
  switch (call.kind) {
    case 'end':
      return head;
    case 'call': {
      const name = new TextEncoder().encode(call.name);
      return joined([head, unsigned32(name.length), name, encodeCallValues(call.values)]);
    }
    case 'read':
      return joined([head, unsigned32(call.address), unsigned32(call.length)]);
    case 'write':
      return joined([head, unsigned32(call.address), call.bytes]);
  }
}

export function decodeCall(bytes: Uint8Array): { readonly number: number; readonly call: HostCall } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const number = view.getUint32(0, true);
  const kind = KINDS[view.getUint8(4)]!;
  switch (kind) {
    case 'end':
      return { number, call: { kind } };
    case 'call': {
      const end = 9 + view.getUint32(5, true);
      const name = new TextDecoder().decode(bytes.subarray(9, end));
      return { number, call: { kind, name, values: decodeCallValues(bytes.subarray(end)) } };
    }
    case 'read':
      return { number, call: { kind, address: view.getUint32(5, true), length: view.getUint32(9, true) } };
    case 'write':
      return { number, call: { kind, address: view.getUint32(5, true), bytes: bytes.slice(9) } };
  }
}

/** @param content undefined: the guest's memory has no such range */
export function encodeAnswer(number: number, content: Uint8Array | undefined): Uint8Array {
  return joined([unsigned32(number), Uint8Array.of(content === undefined ? 1 : 0), content ?? new Uint8Array(0)]);
}

export function decodeAnswer(bytes: Uint8Array): { readonly number: number; readonly content: Uint8Array | undefined } {
  const number = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0, true);
  return { number, content: bytes[4] === 0 ? bytes.slice(5) : undefined };
}

/** Results of a WebAssembly function as its host gets them: nothing, a value, or several. */
export function callValuesOf(result: unknown): readonly CallValue[] {
  if (result === undefined) return [];
  return Array.isArray(result) ? (result as readonly CallValue[]) : [result as CallValue];
}

export function encodeCallValues(values: readonly CallValue[]): Uint8Array {
  const bytes = new Uint8Array(1 + 9 * values.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = values.length;
  for (const [index, value] of values.entries()) {
    const at = 1 + 9 * index;
    bytes[at] = typeof value === 'bigint' ? BIGINT : NUMBER;
    if (typeof value === 'bigint') view.setBigInt64(at + 1, value, true);
    else view.setFloat64(at + 1, canonical(value), true);
  }
  return bytes;
}

export function decodeCallValues(bytes: Uint8Array): CallValue[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes[0] ?? 0 }, (_, index) => {
    const at = 1 + 9 * index;
    return bytes[at] === BIGINT ? view.getBigInt64(at + 1, true) : view.getFloat64(at + 1, true);
  });
}

function unsigned32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
