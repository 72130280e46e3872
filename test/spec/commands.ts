// The commands of a test script, as wabt's wast2json would write them, but with the modules in them.

export type NumberType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
export type ReferenceType = 'externref' | 'funcref';

/** A value or, among expected ones, a pattern such as `nan:canonical`. Numbers are decimal strings of their bits. */
export interface Value {
  readonly type: NumberType | ReferenceType;
  readonly lane_type?: 'i8' | 'i16' | 'i32' | 'i64' | 'f32' | 'f64';
  readonly value?: string | readonly string[];
}

export interface Action {
  readonly type: 'invoke' | 'get';
  readonly module?: string;
  readonly field: string;
  readonly args?: readonly Value[];
}

type Bytes = Uint8Array<ArrayBuffer>;

interface At {
  readonly line: number;
}

export type ModuleCommand = At & { readonly type: 'module'; readonly name?: string; readonly bytes: Bytes };
export type RegisterCommand = At & { readonly type: 'register'; readonly name?: string; readonly as: string };
export type ActionCommand = At & {
  readonly type: 'action' | 'assert_return' | 'assert_trap' | 'assert_exhaustion' | 'assert_exception';
  readonly action: Action;
  readonly expected: readonly Value[];
  readonly text?: string;
};
export type RefusalCommand = At & {
  readonly type: 'assert_invalid' | 'assert_malformed' | 'assert_unlinkable' | 'assert_uninstantiable';
  readonly text: string;
} & (
    | { readonly module_type: 'binary'; readonly bytes: Bytes }
    // Malformed as text: there are no bytes.
    | { readonly module_type: 'text' }
  );

export type Command = ModuleCommand | RegisterCommand | ActionCommand | RefusalCommand;

export function isAction(command: Command): command is ActionCommand {
  return 'action' in command;
}

export function isReference(type: string): type is ReferenceType {
  return type === 'externref' || type === 'funcref';
}
