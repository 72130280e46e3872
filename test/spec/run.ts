// Runs one converted script on one engine, and says for each command whether the engine did what the script asks.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { wat } from '../building/wat.js';
import { callerModule, globalReader, resultOffset, type Signature, SLOT_BYTES } from './caller.js';
import {
  type Action,
  type ActionCommand,
  type Command,
  isAction,
  isReference,
  type ModuleCommand,
  type NumberType,
  type RefusalCommand,
  type RegisterCommand,
  type Value,
} from './commands.js';
import type { Engine, Exports, Imports } from './engines.js';
import type { Script } from './suite.js';
import { isException, trapMatches } from './traps.js';
import { mismatch, writeValue } from './values.js';

/** `complaint` is undefined where the engine did as the script says. */
export interface Outcome {
  readonly line: number;
  readonly type: Command['type'];
  readonly complaint: string | undefined;
}

type CallFunction = (...references: unknown[]) => unknown;

/** A loaded module and the caller that reaches its functions. */
interface Loaded {
  readonly exports: Exports;
  readonly callIndex: ReadonlyMap<string, number>;
  readonly caller: Exports;
}

/** Raised where an engine did something other than the script asks. */
class Complaint extends Error {}

const SPECTEST = wat(readFileSync(join(import.meta.dirname, 'spectest.wat'), 'utf8'));

export function runScript(script: Script, engine: Engine): Outcome[] {
  return new ScriptRun(script, engine).outcomes();
}

class ScriptRun {
  private readonly script: Script;
  private readonly engine: Engine;
  private readonly imports: Record<string, Exports>;
  private readonly named = new Map<string, Loaded>();
  private last: Loaded | undefined;

  constructor(script: Script, engine: Engine) {
    this.script = script;
    this.engine = engine;
    this.imports = { spectest: engine.load(SPECTEST, { host: { print: () => {} } }) };
  }

  outcomes(): Outcome[] {
    return this.script.commands.map((command, index) => {
      let complaint: string | undefined;
      try {
        this.execute(command, index);
      } catch (error) {
        complaint = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      }
      return { line: command.line, type: command.type, complaint };
    });
  }

  private execute(command: Command, index: number): void {
    if (isAction(command)) this.act(command);
    else if (command.type === 'module') this.loadModule(command, index);
    else if (command.type === 'register') this.register(command);
    else this.expectRefusal(command);
  }

  private loadModule(command: ModuleCommand, index: number): void {
    // Forgotten first: when this module fails to load, the commands that follow must not run on an earlier one.
    this.last = undefined;
    const exports = this.engine.load(command.bytes, this.imports as Imports);
    const calls = this.callsOf(index, command.name);
    const guest = Object.fromEntries([...calls.keys()].map((field, at) => [`f${at}`, exports[field]]));
    const caller = calls.size === 0 ? {} : this.engine.load(callerBytes([...calls.values()]), { guest });
    const callIndex = new Map([...calls.keys()].map((field, at) => [field, at]));
    this.last = { exports, callIndex, caller };
    if (command.name !== undefined) this.named.set(command.name, this.last);
  }

  /** Every function that later commands call in the module defined at `index`, with its signature. */
  private callsOf(index: number, name: string | undefined): Map<string, Signature> {
    const calls = new Map<string, Signature>();
    let isLast = true;
    for (const command of this.script.commands.slice(index + 1)) {
      if (command.type === 'module') {
        isLast = false;
        if (name === undefined || command.name === name) break;
      }
      if (!isAction(command) || command.action.type !== 'invoke') continue;
      const { module, field, args = [] } = command.action;
      if (module === undefined ? !isLast : module !== name) continue;
      calls.set(field, {
        parameters: args.map(value => value.type),
        results: command.expected.map(value => value.type),
      });
    }
    return calls;
  }

  private find(name: string | undefined): Loaded {
    const loaded = name === undefined ? this.last : this.named.get(name);
    if (loaded === undefined) throw new Complaint(`module ${name ?? '(last)'} was not loaded`);
    return loaded;
  }

  private register(command: RegisterCommand): void {
    this.imports[command.as] = this.find(command.name).exports;
  }

  private act(command: ActionCommand): void {
    const { action, expected } = command;
    if (command.type === 'assert_trap' || command.type === 'assert_exhaustion') {
      const error = thrownBy(() => this.invoke(action));
      if (!trapMatches(error, command.text ?? '')) throw new Complaint(`expected trap '${command.text}', got ${error}`);
      return;
    }
    if (command.type === 'assert_exception') {
      const error = thrownBy(() => this.invoke(action));
      if (!isException(error)) throw new Complaint(`expected an exception, got ${error}`);
      return;
    }
    const { memory, references } = action.type === 'get' ? this.readGlobal(action, expected) : this.invoke(action);
    if (command.type !== 'assert_return') return;
    const view = new DataView(memory.buffer);
    for (const [slot, value] of expected.entries()) {
      const complaint = isReference(value.type)
        ? referenceMismatch(references.shift(), value)
        : mismatch(view, resultOffset(slot), value);
      if (complaint !== undefined) throw new Complaint(complaint);
    }
  }

  private invoke({ module, field, args = [] }: Action): { memory: WebAssembly.Memory; references: unknown[] } {
    const { caller, callIndex } = this.find(module);
    const memory = caller.memory as WebAssembly.Memory;
    const view = new DataView(memory.buffer);
    const given: unknown[] = [];
    for (const [slot, value] of args.entries()) {
      if (isReference(value.type)) given.push(value.value === 'null' ? null : value.value);
      else writeValue(view, slot * SLOT_BYTES, value);
    }
    const call = caller[`call${callIndex.get(field)}`] as CallFunction;
    const result = call(...given);
    // Read again: a suspended machine may have gone on in another instance.
    return { memory: caller.memory as WebAssembly.Memory, references: Array.isArray(result) ? result : [result] };
  }

  private readGlobal(
    { module, field }: Action,
    expected: readonly Value[],
  ): { memory: WebAssembly.Memory; references: unknown[] } {
    const { exports } = this.find(module);
    const type = expected[0]?.type as NumberType;
    const guest = { g: exports[field] };
    let reader: Exports;
    try {
      reader = this.engine.load(globalReader(type, false) as Uint8Array<ArrayBuffer>, { guest });
    } catch {
      reader = this.engine.load(globalReader(type, true) as Uint8Array<ArrayBuffer>, { guest });
    }
    (reader.read as CallFunction)();
    return { memory: reader.memory as WebAssembly.Memory, references: [] };
  }

  private expectRefusal(command: RefusalCommand): void {
    // A malformed text never reaches an engine: it is the assembler's to refuse.
    if (command.module_type === 'text') return;
    const error = thrownBy(() => this.engine.load(command.bytes, this.imports as Imports));
    const refused = error instanceof Error && REFUSALS[command.type](error, command.text);
    if (!refused) throw new Complaint(`expected ${command.type} '${command.text}', got ${error}`);
  }
}

function callerBytes(signatures: readonly Signature[]): Uint8Array<ArrayBuffer> {
  return callerModule(signatures) as Uint8Array<ArrayBuffer>;
}

/** Which error answers which assertion; our own typed errors may stand for a compile error, never for a trap. */
const REFUSALS: Record<RefusalCommand['type'], (error: Error, text: string) => boolean> = {
  assert_malformed: error => error instanceof WebAssembly.CompileError || error.name === 'EpochvisorError',
  assert_invalid: error => error instanceof WebAssembly.CompileError || error.name === 'EpochvisorError',
  assert_unlinkable: error => error instanceof WebAssembly.LinkError || error instanceof TypeError,
  assert_uninstantiable: (error, text) => trapMatches(error, text),
};

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

function referenceMismatch(actual: unknown, expected: Value): string | undefined {
  const matches =
    expected.value === undefined ? actual !== null : (expected.value === 'null' ? null : expected.value) === actual;
  return matches ? undefined : `expected ${expected.type} ${expected.value}, got ${String(actual)}`;
}
