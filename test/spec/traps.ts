// Which V8 error stands for which trap of the specification: a rewritten module must trap for the same reason.

const REASONS: readonly (readonly [text: string, message: RegExp])[] = [
  ['out of bounds memory access', /memory access out of bounds|data segment .*out of bounds/],
  [
    'out of bounds table access',
    /table (index|access|fill|grow)?.*out of bounds|table initializer|segment .*out of bounds/,
  ],
  ['uninitialized element', /null function|signature mismatch|table index is out of bounds/],
  ['undefined element', /table index is out of bounds/],
  ['indirect call type mismatch', /null function|signature mismatch/],
  ['integer overflow', /divide result unrepresentable|float unrepresentable in integer range/],
  ['invalid conversion to integer', /float unrepresentable in integer range/],
  ['integer divide by zero', /(divide|remainder) by zero/],
  ['unreachable', /unreachable/],
  // To us they are an `unreachable` that lowering wrote.
  ['null exception reference', /unreachable|rethrowing null value/],
  ['unaligned atomic', /unreachable|unaligned accesses/],
  ['expected shared memory', /unreachable|cannot be called in this context/],
  ['call stack exhausted', /stack|exhausted/i],
];

/** Whether `error` is an exception that no one caught: plain V8 throws it, and to us it is a trap with a name. */
export function isException(error: unknown): boolean {
  const { Exception } = WebAssembly as unknown as { Exception: new () => object };
  if (error instanceof Exception) return true;
  return error instanceof WebAssembly.RuntimeError && error.message === 'uncaught exception';
}

/** Whether `error` is a WebAssembly trap (or, for exhaustion, V8's RangeError) with the reason `text`. */
export function trapMatches(error: unknown, text: string): boolean {
  const entry = REASONS.find(([start]) => text.startsWith(start));
  if (entry === undefined) throw new Error(`no V8 message is known for the trap '${text}'`);
  const isTrap = error instanceof WebAssembly.RuntimeError || (error instanceof RangeError && text.includes('stack'));
  return isTrap && entry[1].test(error.message);
}
