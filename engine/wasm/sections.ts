// Validates what stands outside the code: indexes in range, constant expressions, one memory, distinct export names.

import { expressionFault } from './expressions.js';
import type { IndexSpaces, Module, Range } from './module.js';
import type { ValueType } from './types.js';
import { EXNREF, I32 } from './types.js';
import { UNSUPPORTED, unsupported } from './unsupported.js';
import { invalid } from './validate.js';

/** @throws EpochvisorError MODULE_INVALID */
export function validateSections(module: Module, spaces: IndexSpaces): void {
  const end = module.bytes.length;
  const fail = (what: string, offset = end) => invalid(what, 'the module', offset);
  for (const type of spaces.functions) if (type >= module.types.length) throw fail('unknown type');
  if (spaces.memories.length > 1) throw unsupported(UNSUPPORTED.severalMemories, 'the module', end);
  const expression = (range: Range, type: ValueType, globals = spaces.globals.length) => {
    const fault = expressionFault(module, spaces, range, type, globals);
    if (fault !== undefined) throw fail(fault, range.start);
  };
  module.globals.forEach((global, index) => {
    expression(global.value, global.type.value, spaces.importedGlobals + index);
  });
  for (const tag of module.tags) {
    const type = module.types[tag];
    if (type === undefined) throw fail('unknown type');
    if (type.results.length > 0) throw fail('non-empty tag result type');
    if (type.params.includes(EXNREF)) throw unsupported(UNSUPPORTED.keptExceptions, 'the module', end);
  }
  validateExports(module, spaces);
  if (module.start !== undefined) {
    const type = module.types[spaces.functions[module.start] ?? -1];
    if (type === undefined) throw fail('unknown function');
    if (type.params.length + type.results.length > 0) throw fail('start function');
  }
  for (const element of module.elements) {
    if (element.mode === 'active') {
      const table = spaces.tables[element.table];
      if (table === undefined) throw fail(`unknown table ${element.table}`);
      if (table.element !== element.type) throw fail('type mismatch: element segment');
      expression(element.offset!, I32);
    }
    if (element.form === 'functions') {
      for (const index of element.items) if (index >= spaces.functions.length) throw fail('unknown function');
    } else {
      for (let item = 0; item < element.items.length - 1; item++) {
        expression({ start: element.items[item]!, end: element.items[item + 1]! }, element.type);
      }
    }
  }
  for (const data of module.data) {
    if (data.offset === undefined) continue;
    if (spaces.memories.length === 0) throw fail('unknown memory', data.content.start);
    expression(data.offset, I32);
  }
}

function validateExports(module: Module, spaces: IndexSpaces): void {
  const { functions, tables, memories, globals } = spaces;
  const counts = [functions, tables, memories, globals, module.tags].map(space => space.length);
  const kinds = ['function', 'table', 'memory', 'global', 'tag'];
  const names = new Set<string>();
  for (const { name, kind, index } of module.exports) {
    if (index >= counts[kind]!) throw invalid(`unknown ${kinds[kind]}`, `export "${name}"`, module.bytes.length);
    if (names.has(name)) throw invalid('duplicate export name', `export "${name}"`, module.bytes.length);
    names.add(name);
  }
}
