// The kernels: what each stresses, and how much of it one run does (30 to 60 ms of optimised code on a laptop of 2024).

export interface Kernel {
  readonly name: string;
  readonly kind: string;
  /** File in `kernels/`; the extension says how it is built. */
  readonly source: string;
  /** Argument of `run`; for a WASI program, the number of iterations it is compiled with. */
  readonly size: number;
}

export const KERNELS: readonly Kernel[] = [
  { name: 'fib', kind: 'recursion', source: 'fib.c', size: 35 },
  { name: 'ackermann', kind: 'deep recursion', source: 'ackermann.c', size: 300 },
  { name: 'queens', kind: 'recursion and loops', source: 'queens.c', size: 12 },
  { name: 'regex', kind: 'mutual recursion', source: 'regex.c', size: 1500 },
  { name: 'trees', kind: 'allocation, recursion', source: 'trees.c', size: 130 },
  { name: 'virtual', kind: 'indirect calls', source: 'virtual.c', size: 6000 },
  { name: 'sort', kind: 'sorting, indirect calls', source: 'sort.c', size: 200_000 },
  { name: 'heapsort', kind: 'sorting', source: 'heapsort.c', size: 500_000 },
  { name: 'interpreter', kind: 'br_table', source: 'interpreter.c', size: 60_000 },
  { name: 'hashmap', kind: 'hash map, calls', source: 'hashmap.c', size: 6_000_000 },
  { name: 'bytehash', kind: 'hashing', source: 'bytehash.c', size: 700 },
  { name: 'sha256', kind: 'hashing, long blocks', source: 'sha256.c', size: 100_000 },
  { name: 'strings', kind: 'string work', source: 'strings.c', size: 250 },
  { name: 'lz', kind: 'compressor', source: 'lz.c', size: 24 },
  { name: 'modexp', kind: '64-bit integers', source: 'modexp.c', size: 3000 },
  { name: 'sieve', kind: 'bytes in memory', source: 'sieve.c', size: 6_000_000 },
  { name: 'life', kind: 'small loads', source: 'life.c', size: 100 },
  { name: 'editdistance', kind: 'dynamic program', source: 'editdistance.c', size: 8 },
  { name: 'closure', kind: 'graph', source: 'closure.c', size: 10 },
  { name: 'triad', kind: 'memory-bound', source: 'triad.c', size: 25 },
  { name: 'chase', kind: 'memory latency', source: 'chase.c', size: 2_000_000 },
  { name: 'bulk', kind: 'memory.copy, memory.fill', source: 'bulk.c', size: 1_500_000 },
  { name: 'matmul', kind: 'f64', source: 'matmul.c', size: 14 },
  { name: 'axpy', kind: 'f64, store-bound', source: 'axpy.c', size: 15_000 },
  { name: 'nbody', kind: 'f64', source: 'nbody.c', size: 800_000 },
  { name: 'mandelbrot', kind: 'f64, branches', source: 'mandelbrot.c', size: 600 },
  { name: 'simd_blend', kind: 'integer SIMD', source: 'simd_blend.c', size: 1500 },
  { name: 'simd_matmul', kind: 'f32 SIMD', source: 'simd_matmul.c', size: 10 },
  { name: 'tokens', kind: 'AssemblyScript, garbage collection', source: 'tokens.ts', size: 35 },
];

/** Judged by its own aim in issue 3, so kept apart from the kernels' geometric mean. */
export const MIXED: Kernel = { name: 'mixed', kind: 'CoreMark-like, WASI', source: 'mixed.c', size: 400 };
