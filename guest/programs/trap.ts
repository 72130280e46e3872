// Shows: a guest that fails by itself. Argument: unreachable | divide | bounds | abort | stack (unreachable).
import { refuseArgument, textArgument } from '../lib/arguments';
import { println } from '../lib/console';
export { interrupt } from '../lib/interrupts';

// Called through a table, so that the compiler leaves these functions, and their names in a trap's report, alone.
const names = ['unreachable', 'divide', 'bounds', 'abort', 'stack'];
const ways: Array<(zero: i32) => i32> = [reachTheUnreachable, divideByZero, loadOutOfBounds, failAnAssertion, recurseForever];

function reachTheUnreachable(zero: i32): i32 {
  if (zero == 0) unreachable();
  return zero;
}

function divideByZero(zero: i32): i32 {
  return 1995 / zero;
}

function loadOutOfBounds(zero: i32): i32 {
  return load<i32>(<usize>(zero - 8));
}

function failAnAssertion(zero: i32): i32 {
  assert(zero != 0, 'zero is not zero');
  return zero;
}

function recurseForever(zero: i32): i32 {
  return recurseForever(zero + 1) + recurseForever(zero ^ 1);
}

const wish = textArgument(1, 'unreachable');
const index = names.indexOf(wish);
if (index < 0) refuseArgument(`'${wish}' is none of ${names.join(', ')}`);
println(`trap: ${wish}`);
println(`no trap: ${ways[index](0)}`);
