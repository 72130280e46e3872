// Compiles test/guests/drivers.ts and loads it with AssemblyScript's own loader, on a fake machine.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ASUtil, instantiateSync } from '@assemblyscript/loader';
import { main } from 'assemblyscript/asc';
import type { WasmExports } from '../../engine/instance/webassembly.js';
import { PlainMachine } from '../../engine/plain/plain-machine.js';
import { FakeDevices, type FakeWorld } from './fake-machine.js';

/** What test/guests/drivers.ts exports; strings and arrays are addresses, which the loader's functions read. */
type DriverExports = {
  _start(): void;
  idOfUint8Array(): number;
  interrupt(kind: number, id: bigint, status: number): void;
  interruptEnable(on: boolean): number;
  encodeText(text: number): number;
  decodeBytes(bytes: number): number;
  hashValue(hash: bigint, value: bigint): bigint;
  hashBytes(hash: bigint, bytes: number, from: number, length: number): bigint;
  scramble(seed: bigint): bigint;
  hex64(value: bigint): number;
  print(text: number): void;
  println(text: number): void;
  printlnError(text: number): void;
  readLine(): number;
  monotonicNs(): bigint;
  realTimeNs(): bigint;
  sleepUntil(deadlineNs: bigint): bigint;
  tick(periodNs: bigint, count: number): bigint;
  timerInterrupts(): number;
  stateOf(operation: bigint): number;
  uncertainInterrupts(): number;
  repeats(): number;
  diskSizeBytes(index: number): bigint;
  diskRead(offset: bigint, bytes: number): number;
  diskWrite(offset: bigint, bytes: number): number;
  diskFlush(): number;
  startWrite(offset: bigint, bytes: number): number;
  startRead(offset: bigint, bytes: number, from: number, length: number): number;
  finish(place: number): number;
  numberOf(place: number): bigint;
  dispense(amount: bigint, report: boolean): number;
  programName(): number;
  textArgument(index: number, otherwise: number): number;
  numberArgument(index: number, name: number, otherwise: bigint, least: bigint, greatest: bigint): bigint;
  failAnAssertion(message: number): void;
  throwError(message: number): void;
};

export interface DriverLibrary {
  exports: ASUtil & DriverExports;
  devices: FakeDevices;
  /** A new array in the guest's memory, pinned. */
  bytes(content: Uint8Array): number;
  /** A new string in the guest's memory, pinned. */
  text(content: string): number;
  /** Copies of a guest's array and string. */
  bytesAt(address: number): Uint8Array;
  textAt(address: number): string;
}

/** Compiles the drivers; the answer makes a fresh machine at every call. */
export async function compileDrivers(): Promise<(world?: FakeWorld) => DriverLibrary> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-drivers-'));
  const product = join(folder, 'drivers.wasm');
  const flags = ['--baseDir', root, '--optimize', '--debug', '--exportRuntime', '--exportStart', '_start'];
  const { error, stderr } = await main([
    'test/guests/drivers.ts',
    '--outFile',
    relative(root, product),
    ...flags,
    ...['--use', 'abort=guest/lib/abort/abort'],
  ]);
  if (error) throw new Error(`test/guests/drivers.ts does not compile: ${stderr.toString()}`);
  const bytes = readFileSync(product);
  rmSync(folder, { recursive: true });
  return world => instantiate(bytes, world ?? {});
}

function instantiate(bytes: Uint8Array, world: FakeWorld): DriverLibrary {
  const devices = new FakeDevices(world);
  const machine = new PlainMachine(devices);
  const { exports } = instantiateSync<DriverExports>(bytes, machine.imports as never);
  machine.attach(exports as unknown as WasmExports);
  exports._start();
  return {
    exports,
    devices,
    bytes: content => exports.__pin(exports.__newArray(exports.idOfUint8Array(), content)),
    text: content => exports.__pin(exports.__newString(content)),
    bytesAt: address => exports.__getUint8Array(address).slice(),
    textAt: address => exports.__getString(address),
  };
}
