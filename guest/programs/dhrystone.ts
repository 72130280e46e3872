// Shows: the work of Dhrystone 2.1 (R. Weicker, 1988), the paper's CPU workload: procedures, records, strings and
// integers, no output until the end, where all results are checked. Argument: runs (5,000,000).
//
// Procedures and variables keep the numbers of the original, so that it can be read beside it. What C gives back through
// a pointer is returned here.
import { numberArgument } from '../lib/arguments';
import { println, printlnError } from '../lib/console';
import { exit } from '../lib/hardware';
export { interrupt } from '../lib/interrupts';

enum Ident {
  ONE,
  TWO,
  THREE,
  FOUR,
  FIVE,
}

const TEXT_BYTES = 31;
const LETTER_A: u8 = 65;
const LETTER_B: u8 = 66;
const LETTER_C: u8 = 67;
const LETTER_R: u8 = 82;
const LETTER_W: u8 = 87;
const LETTER_Z: u8 = 90;

type Text = StaticArray<u8>;

class Entry {
  pointer: Entry | null = null;
  discriminant: Ident = Ident.ONE;
  enumeration: Ident = Ident.ONE;
  integer: i32 = 0;
  text: Text = new StaticArray<u8>(TEXT_BYTES);

  /** As C assigns a structure. */
  assign(other: Entry): void {
    this.pointer = other.pointer;
    this.discriminant = other.discriminant;
    this.enumeration = other.enumeration;
    this.integer = other.integer;
    memory.copy(changetype<usize>(this.text), changetype<usize>(other.text), TEXT_BYTES);
  }
}

/** Ended by a zero, as in C. */
function text(letters: string): Text {
  const bytes = new StaticArray<u8>(TEXT_BYTES);
  for (let i = 0; i < letters.length; i++) bytes[i] = <u8>letters.charCodeAt(i);
  return bytes;
}

const TEXT_FIRST = text("DHRYSTONE PROGRAM, 1'ST STRING");
const TEXT_SECOND = text("DHRYSTONE PROGRAM, 2'ND STRING");
const TEXT_THIRD = text("DHRYSTONE PROGRAM, 3'RD STRING");
const TEXT_SOME = text('DHRYSTONE PROGRAM, SOME STRING');

let integerGlobal: i32 = 0;
let booleanGlobal: bool = false;
let letter1Global: u8 = 0;
let letter2Global: u8 = 0;
const array1Global = new StaticArray<i32>(50);
const array2Global = new StaticArray<i32>(50 * 50);
const nextGlobal = new Entry();
const entryGlobal = new Entry();

function copyText(to: Text, from: Text): void {
  let at = 0;
  for (; unchecked(from[at]) != 0; at++) unchecked((to[at] = from[at]));
  unchecked((to[at] = 0));
}

/** As strcmp. */
function compareTexts(one: Text, other: Text): i32 {
  let at = 0;
  while (unchecked(one[at]) != 0 && unchecked(one[at]) == unchecked(other[at])) at++;
  return <i32>unchecked(one[at]) - <i32>unchecked(other[at]);
}

function procedure1(entry: Entry): void {
  const next = entry.pointer!;
  next.assign(entryGlobal);
  entry.integer = 5;
  next.integer = entry.integer;
  next.pointer = entry.pointer;
  next.pointer = procedure3(next.pointer);
  if (next.discriminant == Ident.ONE) {
    next.integer = 6;
    next.enumeration = procedure6(entry.enumeration);
    next.pointer = entryGlobal.pointer;
    next.integer = procedure7(next.integer, 10);
  } else {
    entry.assign(next);
  }
}

function procedure2(integer: i32): i32 {
  let local = integer + 10;
  let ident = Ident.TWO;
  do {
    if (letter1Global == LETTER_A) {
      local -= 1;
      integer = local - integerGlobal;
      ident = Ident.ONE;
    }
  } while (ident != Ident.ONE);
  return integer;
}

function procedure3(pointer: Entry | null): Entry | null {
  const found = entryGlobal != null ? entryGlobal.pointer : pointer;
  entryGlobal.integer = procedure7(10, integerGlobal);
  return found;
}

function procedure4(): void {
  const isA = letter1Global == LETTER_A;
  booleanGlobal = isA || booleanGlobal;
  letter2Global = LETTER_B;
}

function procedure5(): void {
  letter1Global = LETTER_A;
  booleanGlobal = false;
}

function procedure6(ident: Ident): Ident {
  let result = function3(ident) ? ident : Ident.FOUR;
  switch (ident) {
    case Ident.ONE:
      result = Ident.ONE;
      break;
    case Ident.TWO:
      result = integerGlobal > 100 ? Ident.ONE : Ident.FOUR;
      break;
    case Ident.THREE:
      result = Ident.TWO;
      break;
    case Ident.FIVE:
      result = Ident.THREE;
      break;
    default:
  }
  return result;
}

function procedure7(one: i32, other: i32): i32 {
  return other + (one + 2);
}

function procedure8(array1: StaticArray<i32>, array2: StaticArray<i32>, place: i32, value: i32): void {
  const local = place + 5;
  array1[local] = value;
  array1[local + 1] = array1[local];
  array1[local + 30] = local;
  for (let column = local; column <= local + 1; column++) array2[local * 50 + column] = local;
  array2[local * 50 + local - 1] += 1;
  array2[(local + 20) * 50 + local] = array1[local];
  integerGlobal = 5;
}

function function1(one: u8, other: u8): Ident {
  const local = one;
  if (local != other) return Ident.ONE;
  letter1Global = local;
  return Ident.TWO;
}

function function2(one: Text, other: Text): bool {
  let at = 2;
  let letter: u8 = 0;
  while (at <= 2) {
    if (function1(one[at], other[at + 1]) == Ident.ONE) {
      letter = LETTER_A;
      at += 1;
    }
  }
  if (letter >= LETTER_W && letter < LETTER_Z) at = 7;
  if (letter == LETTER_R) return true;
  if (compareTexts(one, other) <= 0) return false;
  integerGlobal = at + 7;
  return true;
}

function function3(ident: Ident): bool {
  return ident == Ident.THREE;
}

let wrong = 0;
function check(what: string, found: i32, expected: i32): void {
  if (found == expected) return;
  printlnError(`dhrystone: ${what} is ${found}, not ${expected}`);
  wrong++;
}

const runs = <i32>numberArgument(1, 'runs', 5_000_000, 1, 2_000_000_000);

entryGlobal.pointer = nextGlobal;
entryGlobal.enumeration = Ident.THREE;
entryGlobal.integer = 40;
copyText(entryGlobal.text, TEXT_SOME);
array2Global[8 * 50 + 7] = 10;
const text1 = new StaticArray<u8>(TEXT_BYTES);
const text2 = new StaticArray<u8>(TEXT_BYTES);
copyText(text1, TEXT_FIRST);

let integer1 = 0;
let integer2 = 0;
let integer3 = 0;
let ident: Ident = Ident.ONE;
for (let run = 1; run <= runs; run++) {
  procedure5();
  procedure4();
  integer1 = 2;
  integer2 = 3;
  copyText(text2, TEXT_SECOND);
  ident = Ident.TWO;
  booleanGlobal = !function2(text1, text2);
  while (integer1 < integer2) {
    integer3 = 5 * integer1 - integer2;
    integer3 = procedure7(integer1, integer2);
    integer1 += 1;
  }
  procedure8(array1Global, array2Global, integer1, integer3);
  procedure1(entryGlobal);
  for (let letter = LETTER_A; letter <= letter2Global; letter++) {
    if (ident == function1(letter, LETTER_C)) {
      ident = procedure6(Ident.ONE);
      copyText(text2, TEXT_THIRD);
      integer2 = run;
      integerGlobal = run;
    }
  }
  integer2 = integer2 * integer1;
  integer1 = integer2 / integer3;
  integer2 = 7 * (integer2 - integer3) - integer1;
  integer1 = procedure2(integer1);
}

check('the global integer', integerGlobal, 5);
check('the global boolean', <i32>booleanGlobal, 1);
check('the first global letter', letter1Global, LETTER_A);
check('the second global letter', letter2Global, LETTER_B);
check('array 1 at 8', array1Global[8], 7);
check('array 2 at 8, 7', array2Global[8 * 50 + 7], runs + 10);
check("the entry's discriminant", entryGlobal.discriminant, Ident.ONE);
check("the entry's enumeration", entryGlobal.enumeration, Ident.THREE);
check("the entry's integer", entryGlobal.integer, 17);
check("the entry's text", compareTexts(entryGlobal.text, TEXT_SOME), 0);
check("the next one's discriminant", nextGlobal.discriminant, Ident.ONE);
check("the next one's enumeration", nextGlobal.enumeration, Ident.TWO);
check("the next one's integer", nextGlobal.integer, 18);
check("the next one's text", compareTexts(nextGlobal.text, TEXT_SOME), 0);
check('integer 1', integer1, 5);
check('integer 2', integer2, 13);
check('integer 3', integer3, 7);
check('the enumeration', ident, Ident.TWO);
check('text 1', compareTexts(text1, TEXT_FIRST), 0);
check('text 2', compareTexts(text2, TEXT_SECOND), 0);
if (wrong > 0) exit(1);
println(`${runs} runs, all results as in the original`);
