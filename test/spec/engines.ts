// What a script can be run on: an engine loads modules; this one is V8 as it is.

export type Exports = Readonly<Record<string, unknown>>;
export type Imports = Readonly<Record<string, Exports>>;

export interface Engine {
  readonly name: string;
  /** Compiles, links and starts a module; throws as WebAssembly.Module and WebAssembly.Instance do. */
  load(bytes: Uint8Array<ArrayBuffer>, imports: Imports): Exports;
}

export const plain: Engine = {
  name: 'plain',
  load: (bytes, imports) =>
    new WebAssembly.Instance(new WebAssembly.Module(bytes), imports as WebAssembly.Imports).exports,
};
