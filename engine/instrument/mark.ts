// The counter's value that means 'unwind' (unwind.ts).

/** No charge brings a counter, which starts at 2 ** 30 at most, near it. */
export const MARK = -(2 ** 31);
