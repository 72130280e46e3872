// A test script (`.wast`) as commands: its modules are assembled, its constants become bits.
//
// A command that expects no values does not say which results its function has, and the runner must know. They are looked
// up in the module that the action means: the last one, or one by its name.

import { decodeModule } from '../../../engine/wasm/decode.js';
import { indexSpaces } from '../../../engine/wasm/module.js';
import { valueTypeName } from '../../../engine/wasm/types.js';
import { watUnchecked } from '../../building/wat.js';
import type { Action, Command, ModuleCommand, RefusalCommand, Value } from '../commands.js';
import { Constants } from './constants.js';
import { headOf, type List, listsOf, readForms, stringsOf, utf8, wordsOf } from './forms.js';

type Bytes = Uint8Array<ArrayBuffer>;

const COMMANDS: ReadonlySet<string> = new Set([
  'module',
  'register',
  'invoke',
  'get',
  'assert_return',
  'assert_trap',
  'assert_exhaustion',
  'assert_exception',
  'assert_invalid',
  'assert_malformed',
  'assert_unlinkable',
]);

/** The commands of a script, in order. Throws where it is not one, or where a module of it is malformed as text. */
export function readScript(source: Uint8Array): Command[] {
  const text = Buffer.from(source).toString('latin1');
  const forms = readForms(text);
  // A script may be the fields of one module, without the word.
  if (!forms.some(form => COMMANDS.has(headOf(form)))) {
    return [{ type: 'module', line: 1, bytes: assemble(`(module ${text})`) }];
  }
  const reader = new ScriptReader(text, new Constants(forms.flatMap(constantsOf)));
  return forms.map(form => reader.command(form));
}

/** Arguments and expected values of a command. */
function constantsOf(command: List): readonly List[] {
  const [first, ...expected] = listsOf(command);
  if (headOf(command) === 'invoke') return listsOf(command);
  if (first === undefined || headOf(first) !== 'invoke') return expected;
  return [...listsOf(first), ...expected];
}

class ScriptReader {
  readonly #text: string;
  readonly #constants: Constants;
  readonly #named = new Map<string, Bytes>();
  #last: Bytes | undefined;

  constructor(text: string, constants: Constants) {
    this.#text = text;
    this.#constants = constants;
  }

  command(form: List): Command {
    const type = headOf(form);
    const { line } = form;
    if (type === 'module') return this.#module(form);
    if (type === 'register') return { type, line, ...named(form), as: onlyString(form) };
    if (type === 'invoke' || type === 'get') {
      return { type: 'action', line, action: this.#action(form), expected: this.#results(form) };
    }
    const [subject, ...expected] = listsOf(form);
    if (!COMMANDS.has(type) || subject === undefined)
      throw new Error(`test script, line ${line}: ${type} is no command`);
    if (type === 'assert_return') {
      return {
        type,
        line,
        action: this.#action(subject),
        expected: expected.map(value => this.#constants.value(value)),
      };
    }
    if (type === 'assert_exception') {
      return { type, line, action: this.#action(subject), expected: this.#results(subject) };
    }
    const text = onlyString(form);
    if (headOf(subject) === 'module') {
      // A module whose start traps cannot be instantiated: the scripts have one word for both.
      return this.#refusal(
        type === 'assert_trap' ? 'assert_uninstantiable' : (type as RefusalCommand['type']),
        subject,
        text,
      );
    }
    const action = this.#action(subject);
    return { type: type as 'assert_trap' | 'assert_exhaustion', line, action, text, expected: this.#results(subject) };
  }

  #module(form: List): ModuleCommand {
    const bytes = this.#bytes(form);
    const { name } = named(form);
    this.#last = bytes;
    if (name !== undefined) this.#named.set(name, bytes);
    return { type: 'module', line: form.line, ...named(form), bytes };
  }

  #refusal(type: RefusalCommand['type'], module: List, text: string): RefusalCommand {
    const { line } = module;
    if (wordsOf(module).includes('quote')) return { type, line, text, module_type: 'text' };
    return { type, line, text, module_type: 'binary', bytes: this.#bytes(module) };
  }

  #bytes(module: List): Bytes {
    const words = wordsOf(module);
    const content = stringsOf(module).join('');
    if (words.includes('binary')) return new Uint8Array(Buffer.from(content, 'latin1'));
    return assemble(words.includes('quote') ? content : this.#text.slice(module.from, module.to));
  }

  #action(form: List): Action {
    const { name } = named(form);
    const target = { ...(name === undefined ? {} : { module: name }), field: onlyString(form) };
    if (headOf(form) === 'get') return { type: 'get', ...target };
    return { type: 'invoke', ...target, args: listsOf(form).map(value => this.#constants.value(value)) };
  }

  /** The types of what an action gives, without values. */
  #results(action: List): Value[] {
    const { name } = named(action);
    const bytes = name === undefined ? this.#last : this.#named.get(name);
    if (bytes === undefined) throw new Error(`test script, line ${action.line}: no module ${name ?? 'before it'}`);
    const module = decodeModule(bytes);
    const field = module.exports.find(item => item.name === onlyString(action));
    if (field === undefined) throw new Error(`test script, line ${action.line}: ${onlyString(action)} is not exported`);
    const { functions, globals } = indexSpaces(module);
    const types =
      headOf(action) === 'get' ? [globals[field.index]!.value] : module.types[functions[field.index]!]!.results;
    return types.map(type => ({ type: valueTypeName(type) as Value['type'] }));
  }
}

function assemble(text: string): Bytes {
  return watUnchecked(Buffer.from(text, 'latin1'));
}

/** The name of a module, where a form has one: `$M`. */
function named(form: List): { readonly name?: string } {
  const name = wordsOf(form).find(word => word.startsWith('$'));
  return name === undefined ? {} : { name };
}

function onlyString(form: List): string {
  const [text] = stringsOf(form);
  if (text === undefined) throw new Error(`test script, line ${form.line}: a string is missing`);
  return utf8(text);
}
