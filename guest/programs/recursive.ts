// Shows: recursion, deep and wide, with values under the calls. Arguments: size (25), rounds (10).
import { numberArgument } from '../lib/arguments';
import { println } from '../lib/console';
export { interrupt } from '../lib/interrupts';

function fibonacci(n: i32): i32 {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

function ackermann(m: i32, n: i32): i32 {
  if (m == 0) return n + 1;
  return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

class Node {
  left: Node | null = null;
  right: Node | null = null;
  constructor(public value: i32) {}
}

/** A tree of the given height, numbered from the root as a heap is. */
function plant(height: i32, value: i32): Node | null {
  if (height == 0) return null;
  const node = new Node(value);
  node.left = plant(height - 1, value * 2);
  node.right = plant(height - 1, value * 2 + 1);
  return node;
}

function walk(node: Node | null, depth: i32): i64 {
  return node == null ? 0 : walk(node.left, depth + 1) + <i64>node.value * depth + walk(node.right, depth + 1);
}

function isEven(n: i32): bool {
  return n == 0 ? true : isOdd(n - 1);
}

function isOdd(n: i32): bool {
  return n == 0 ? false : isEven(n - 1);
}

const size = <i32>numberArgument(1, 'size', 25, 1, 40);
const rounds = <i32>numberArgument(2, 'rounds', 10, 1, 1_000_000_000);

for (let round = 1; round <= rounds; round++) {
  println(`${round} fibonacci(${size}) = ${fibonacci(size)}`);
  println(`${round} ackermann(2, ${size * 4}) = ${ackermann(2, size * 4)}`);
  println(`${round} tree = ${walk(plant(size / 2 + 2, 1), 1)}`);
  println(`${round} ${size * 100} is even: ${isEven(size * 100)}`);
}
