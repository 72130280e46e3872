// The operators that random programs are made of, with their types.

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

export const VALUE_TYPES: readonly ValueType[] = ['i32', 'i64', 'f32', 'f64', 'v128'];

export interface Operator {
  readonly code: readonly number[];
  readonly operands: readonly ValueType[];
  readonly result: ValueType;
  /** `divisor`: traps for zero. `sign`: shows the sign of a NaN in a number. `bits`: shows the bits of a NaN. */
  readonly shows?: 'divisor' | 'sign' | 'bits';
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

const unary = (type: ValueType, result: ValueType, codes: readonly number[]): Operator[] =>
  codes.map(code => ({ code: [code], operands: [type], result }));

const binary = (type: ValueType, result: ValueType, codes: readonly number[]): Operator[] =>
  codes.map(code => ({ code: [code], operands: [type, type], result }));

const division = (type: ValueType, codes: readonly number[]): Operator[] =>
  codes.map(code => ({ code: [code], operands: [type, type], result: type, shows: 'divisor' as const }));

const prefixed = (prefix: number, code: number, operands: ValueType[], result: ValueType): Operator => ({
  code: code < 128 ? [prefix, code] : [prefix, (code & 0x7f) | 0x80, code >> 7],
  operands,
  result,
});

const lane = (code: number, index: number, result: ValueType): Operator => ({
  code: [0xfd, code, index],
  operands: ['v128'],
  result,
});

const ALL: readonly Operator[] = [
  ...binary('i32', 'i32', [0x6a, 0x6b, 0x6c, ...range(0x71, 0x78), ...range(0x46, 0x4f)]),
  ...division('i32', range(0x6d, 0x70)),
  ...unary('i32', 'i32', [0x45, 0x67, 0x68, 0x69, 0xc0, 0xc1]),
  ...unary('i64', 'i32', [0x50, 0xa7]),
  ...binary('i64', 'i32', range(0x51, 0x5a)),
  ...binary('f32', 'i32', range(0x5b, 0x60)),
  ...binary('f64', 'i32', range(0x61, 0x66)),
  ...binary('i64', 'i64', [0x7c, 0x7d, 0x7e, ...range(0x83, 0x8a)]),
  ...division('i64', range(0x7f, 0x82)),
  ...unary('i64', 'i64', [0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4]),
  ...unary('i32', 'i64', [0xac, 0xad]),
  ...binary('f32', 'f32', range(0x92, 0x97)),
  ...unary('f32', 'f32', range(0x8b, 0x91)),
  ...unary('i32', 'f32', [0xb2, 0xb3, 0xbe]),
  ...unary('i64', 'f32', [0xb4, 0xb5]),
  ...unary('f64', 'f32', [0xb6]),
  ...binary('f64', 'f64', range(0xa0, 0xa5)),
  ...unary('f64', 'f64', range(0x99, 0x9f)),
  ...unary('i32', 'f64', [0xb7, 0xb8]),
  ...unary('i64', 'f64', [0xb9, 0xba, 0xbf]),
  ...unary('f32', 'f64', [0xbb]),
  { code: [0x98], operands: ['f32', 'f32'], result: 'f32', shows: 'sign' },
  { code: [0xa6], operands: ['f64', 'f64'], result: 'f64', shows: 'sign' },
  { code: [0xbc], operands: ['f32'], result: 'i32', shows: 'bits' },
  { code: [0xbd], operands: ['f64'], result: 'i64', shows: 'bits' },
  prefixed(0xfc, 0, ['f32'], 'i32'),
  prefixed(0xfc, 3, ['f64'], 'i32'),
  prefixed(0xfc, 4, ['f32'], 'i64'),
  prefixed(0xfc, 7, ['f64'], 'i64'),
  prefixed(0xfd, 0x11, ['i32'], 'v128'),
  prefixed(0xfd, 0x12, ['i64'], 'v128'),
  { ...prefixed(0xfd, 0x13, ['f32'], 'v128'), shows: 'bits' },
  { ...prefixed(0xfd, 0x14, ['f64'], 'v128'), shows: 'bits' },
  prefixed(0xfd, 0xae, ['v128', 'v128'], 'v128'),
  prefixed(0xfd, 0x4e, ['v128', 'v128'], 'v128'),
  prefixed(0xfd, 0x51, ['v128', 'v128'], 'v128'),
  prefixed(0xfd, 0x53, ['v128'], 'i32'),
  prefixed(0xfd, 0xa4, ['v128'], 'i32'),
  lane(0x1b, 3, 'i32'),
  lane(0x1d, 1, 'i64'),
  lane(0x1f, 2, 'f32'),
  lane(0x21, 0, 'f64'),
];

/** Float lanes: their results are made canonical where a program must not show NaN bits. */
export const FLOAT_LANES: readonly { operator: Operator; lanes: 'f32' | 'f64' }[] = [
  { operator: prefixed(0xfd, 0xe4, ['v128', 'v128'], 'v128'), lanes: 'f32' },
  { operator: prefixed(0xfd, 0xe6, ['v128', 'v128'], 'v128'), lanes: 'f32' },
  { operator: prefixed(0xfd, 0xe7, ['v128', 'v128'], 'v128'), lanes: 'f32' },
  { operator: prefixed(0xfd, 0xe3, ['v128'], 'v128'), lanes: 'f32' },
  { operator: prefixed(0xfd, 0xe8, ['v128', 'v128'], 'v128'), lanes: 'f32' },
  { operator: prefixed(0xfd, 0xf1, ['v128', 'v128'], 'v128'), lanes: 'f64' },
  { operator: prefixed(0xfd, 0xf3, ['v128', 'v128'], 'v128'), lanes: 'f64' },
];

export const OPERATORS: Readonly<Record<ValueType, readonly Operator[]>> = {
  i32: ALL.filter(operator => operator.result === 'i32'),
  i64: ALL.filter(operator => operator.result === 'i64'),
  f32: ALL.filter(operator => operator.result === 'f32'),
  f64: ALL.filter(operator => operator.result === 'f64'),
  v128: ALL.filter(operator => operator.result === 'v128'),
};

export const LOADS: Readonly<Record<ValueType, readonly (readonly number[])[]>> = {
  i32: [[0x28], [0x2c], [0x2d], [0x2e], [0x2f]],
  i64: [[0x29], [0x30], [0x31], [0x32], [0x33], [0x34], [0x35]],
  f32: [[0x2a]],
  f64: [[0x2b]],
  v128: [
    [0xfd, 0x00],
    [0xfd, 0x08],
  ],
};

export const STORES: Readonly<Record<ValueType, readonly (readonly number[])[]>> = {
  i32: [[0x36], [0x3a], [0x3b]],
  i64: [[0x37], [0x3c], [0x3d], [0x3e]],
  f32: [[0x38]],
  f64: [[0x39]],
  v128: [[0xfd, 0x0b]],
};
