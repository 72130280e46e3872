// The guest library's functions and drivers, one export each, for tests that call them alone (AssemblyScript).
import { monotonicNs, realTimeNs } from '../../guest/lib/clock';
import { print, println, printlnError, readLine, readLineBytes } from '../../guest/lib/console';
import { Disk } from '../../guest/lib/disk';
import { interruptEnable } from '../../guest/lib/hardware';
import { hashBytes, hashValue, scramble } from '../../guest/lib/hash';
import { stateOf, timerCount, uncertainCount } from '../../guest/lib/interrupts';
import { Operation, repeatCount, Uncertain } from '../../guest/lib/operations';
import { Teller } from '../../guest/lib/teller';
import { decode, encode, encodedLength, hex64 } from '../../guest/lib/text';
import { Period, sleepUntil } from '../../guest/lib/timer';

export { numberArgument, programName, textArgument } from '../../guest/lib/arguments';
export { interrupt } from '../../guest/lib/interrupts';
export {
  hashBytes,
  hashValue,
  hex64,
  interruptEnable,
  monotonicNs,
  print,
  println,
  printlnError,
  readLine,
  readLineBytes,
  realTimeNs,
  scramble,
  sleepUntil,
  stateOf,
};

export function encodeText(text: string): Uint8Array {
  const bytes = new Uint8Array(encodedLength(text));
  assert(encode(text, bytes.dataStart) == bytes.length);
  return bytes;
}

export function decodeBytes(bytes: Uint8Array): string {
  return decode(bytes.dataStart, bytes.length);
}

export function idOfUint8Array(): u32 {
  return idof<Uint8Array>();
}

export function uncertainInterrupts(): i32 {
  return uncertainCount;
}

export function timerInterrupts(): i32 {
  return timerCount;
}

export function repeats(): i32 {
  return repeatCount;
}

const disk = new Disk();
const operations: Operation[] = [];

export function diskSizeBytes(index: i32): i64 {
  return new Disk(index).sizeBytes;
}

export function diskRead(offset: i64, bytes: Uint8Array): i32 {
  return disk.read(offset, bytes);
}

export function diskWrite(offset: i64, bytes: Uint8Array): i32 {
  return disk.write(offset, bytes);
}

export function diskFlush(): i32 {
  return disk.flush();
}

/** Puts a write in flight; answers where `finish` finds it. */
export function startWrite(offset: i64, bytes: Uint8Array): i32 {
  return operations.push(disk.startWrite(offset, bytes)) - 1;
}

export function startRead(offset: i64, bytes: Uint8Array, from: i32, length: i32): i32 {
  return operations.push(disk.startRead(offset, bytes, from, length)) - 1;
}

export function finish(place: i32): i32 {
  return operations[place].finish();
}

export function numberOf(place: i32): i64 {
  return operations[place].number;
}

export function dispense(amount: i64, report: bool): i32 {
  return new Teller(report ? Uncertain.REPORT : Uncertain.REPEAT).dispense(amount);
}

/** Lateness of the last of `count` ticks. */
export function tick(periodNs: i64, count: i32): i64 {
  const period = new Period(periodNs);
  let late: i64 = 0;
  for (let i = 0; i < count; i++) late = period.next();
  return late;
}

export function failAnAssertion(message: string): void {
  assert(message.length == 0, 'a longer message than usual, with “quotes”');
}

/** Aborts with a message of the caller's. */
export function throwError(message: string): void {
  throw new Error(message);
}
