// The part of the WebAssembly JavaScript interface that the machine uses; Node's types leave it out.

// biome-ignore lint/suspicious/noExplicitAny: what a guest exports, and with which signature, the guest alone knows.
export type WasmExports = Record<string, any>;
/** Imports by module name and name. */
// biome-ignore lint/suspicious/noExplicitAny: functions of any signature, memories, tables, globals, numbers.
export type Imports = Record<string, Record<string, any>>;

declare global {
  namespace WebAssembly {
    interface ModuleExportDescriptor {
      readonly name: string;
      readonly kind: 'function' | 'table' | 'memory' | 'global';
    }
    interface ModuleImportDescriptor extends ModuleExportDescriptor {
      readonly module: string;
    }
    class Module {
      constructor(bytes: Uint8Array);
      static exports(module: Module): ModuleExportDescriptor[];
      static customSections(module: Module, name: string): ArrayBuffer[];
      static imports(module: Module): ModuleImportDescriptor[];
    }
    class Instance {
      constructor(module: Module, imports?: Imports);
      readonly exports: WasmExports;
    }
    class Memory {
      constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
      readonly buffer: ArrayBuffer;
      grow(pages: number): number;
    }
    class Table {
      constructor(descriptor: { element: 'anyfunc' | 'externref'; initial: number; maximum?: number }, value?: unknown);
      readonly length: number;
      get(index: number): unknown;
      set(index: number, value?: unknown): void;
      grow(elements: number, value?: unknown): number;
    }
    class Global {
      constructor(descriptor: { value: string; mutable?: boolean }, value?: unknown);
      value: unknown;
    }
    class CompileError extends Error {}
    class LinkError extends Error {}
    class RuntimeError extends Error {}
    function validate(bytes: Uint8Array): boolean;
  }
}
