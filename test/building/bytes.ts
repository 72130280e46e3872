// The few encodings from which tests write modules by hand, independent of engine/wasm, which they test.

export const HEADER: readonly number[] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

export const TYPE_CODE = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
} as const;

export type TypeName = keyof typeof TYPE_CODE;

/** Unsigned LEB128 of a number below 2^32. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** Signed LEB128. */
export function signedLeb(value: bigint | number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

export const text = (value: string): number[] => {
  const bytes = new TextEncoder().encode(value);
  return [...leb(bytes.length), ...bytes];
};

export const vector = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];

export const section = (id: number, content: readonly number[]): number[] => [id, ...leb(content.length), ...content];

export const functionType = (parameters: readonly TypeName[], results: readonly TypeName[]): number[] => [
  0x60,
  ...vector(parameters.map(type => [TYPE_CODE[type]])),
  ...vector(results.map(type => [TYPE_CODE[type]])),
];

/** A function body with its length in front; `locals` are one group each. */
export function functionBody(locals: readonly TypeName[], code: readonly number[]): number[] {
  const body = [...vector(locals.map(type => [1, TYPE_CODE[type]])), ...code, 0x0b];
  return [...leb(body.length), ...body];
}
