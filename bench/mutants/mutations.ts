// The small mistakes that can be made in a compiled module, one at a time: conditions turned round or never met, comparisons
// and sums swapped, constants one too great, statements and parts of lists left out.
//
// Not touched: what only words a message, and assertions: one that is weaker than it could be is no fault.

import { SourceMap } from 'node:module';
import { type AnyNode, type Expression, parse } from 'acorn';

/** One change of one module. */
export interface Mutant {
  /** The compiled module, by its path in its folder. */
  readonly module: string;
  /** In the source that it was compiled from. */
  readonly line: number;
  /** Names it in its module, also when lines have moved: function, what is there, what stands in its place. */
  readonly name: string;
  /** What is replaced, characters. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

type Call = AnyNode & { readonly type: 'CallExpression' };

const SWAPPED: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '+=': '-=',
  '-=': '+=',
};
/** One more is a mistake where few are counted; a bound of a thousand may as well be a thousand and one. */
const CONSTANT_MAX = 16;
/** Of what a name quotes, characters. */
const QUOTED_MAX = 100;

/** All mutants of a module. @param map its source map, as JSON */
export function mutantsOf(module: string, code: string, map: string): Mutant[] {
  return new Mutations(module, code, new SourceMap(JSON.parse(map))).all();
}

class Mutations {
  readonly #module: string;
  readonly #code: string;
  readonly #map: SourceMap;
  readonly #found: Mutant[] = [];
  readonly #names = new Map<string, number>();
  /** The function or method that is looked at. */
  #within = '';

  constructor(module: string, code: string, map: SourceMap) {
    this.#module = module;
    this.#code = code;
    this.#map = map;
  }

  all(): Mutant[] {
    this.#visit(parse(this.#code, { ecmaVersion: 'latest', sourceType: 'module', locations: true }));
    return this.#found;
  }

  #visit(node: AnyNode): void {
    if (node.type === 'TemplateLiteral' || isAssertion(node)) return;
    const outside = this.#within;
    this.#within = this.#nameOf(node) ?? outside;
    this.#change(node);
    for (const child of childrenOf(node)) this.#visit(child);
    this.#within = outside;
  }

  #nameOf(node: AnyNode): string | undefined {
    if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') return node.id?.name;
    if (node.type === 'MethodDefinition') return `${this.#within}.${this.#source(node.key)}`;
    return undefined;
  }

  #change(node: AnyNode): void {
    switch (node.type) {
      case 'IfStatement':
        this.#turn(node.test);
        if (node.alternate == null) this.#replace(node.test, 'false');
        return;
      case 'ConditionalExpression':
        this.#turn(node.test);
        return;
      case 'LogicalExpression':
        if (node.operator === '??') return;
        this.#replace(node, this.#source(node.left));
        this.#replace(node, this.#source(node.right));
        return;
      case 'BinaryExpression':
      case 'AssignmentExpression': {
        const other = SWAPPED[node.operator];
        if (other === undefined || (node.operator === '+' && [node.left, node.right].some(isText))) return;
        this.#replace(node, `${this.#source(node.left)} ${other} ${this.#source(node.right)}`);
        return;
      }
      case 'Literal':
        if (typeof node.value === 'boolean') this.#replace(node, String(!node.value));
        if (typeof node.value === 'number' && node.value <= CONSTANT_MAX) this.#replace(node, String(node.value + 1));
        return;
      case 'CallExpression':
        this.#changeCall(node);
        return;
      case 'ArrayExpression':
        this.#leaveOutEach(node.elements);
        return;
      case 'ExpressionStatement':
        if (!isAssertion(node.expression) && node.directive === undefined) this.#leaveOut(node);
        return;
      case 'ReturnStatement':
        if (node.argument == null) this.#leaveOut(node);
        return;
      case 'ContinueStatement':
      case 'BreakStatement':
        this.#leaveOut(node);
    }
  }

  /** An equality turns when it is swapped. */
  #turn(test: Expression): void {
    if (test.type !== 'BinaryExpression' || !['===', '!=='].includes(test.operator)) {
      this.#replace(test, `!(${this.#source(test)})`);
    }
  }

  /** The greater of two is not the lesser; and of several that are appended each may be missing. */
  #changeCall(node: Call): void {
    const callee = this.#source(node.callee);
    const [other] = ['Math.max', 'Math.min'].filter(name => name !== callee);
    if (callee === 'Math.max' || callee === 'Math.min') {
      this.#replace(node, `${other}${this.#code.slice(node.callee.end, node.end)}`);
    }
    if (callee.endsWith('.push') && node.arguments.length > 1) this.#leaveOutEach(node.arguments);
  }

  #leaveOutEach(parts: readonly (AnyNode | null)[]): void {
    parts.forEach((part, at) => {
      if (part === null || ['Literal', 'Identifier', 'TemplateLiteral'].includes(part.type)) return;
      const next = parts[at + 1];
      const previous = parts[at - 1];
      // And one comma.
      const from = next == null && previous != null ? previous.end : part.start;
      this.#add(part, from, next?.start ?? part.end, '', `without ${this.#quote(part)}`);
    });
  }

  #leaveOut(statement: AnyNode): void {
    this.#add(statement, statement.start, statement.end, ';', `without ${this.#quote(statement)}`);
  }

  #replace(node: AnyNode, text: string): void {
    this.#add(node, node.start, node.end, `(${text})`, `${this.#quote(node)} -> ${quoted(text)}`);
  }

  #add(node: AnyNode, from: number, to: number, text: string, what: string): void {
    const { line, column } = node.loc!.start;
    const place = this.#map.findEntry(line - 1, column);
    const base = `${this.#within || 'module'}: ${what}`;
    const times = (this.#names.get(base) ?? 0) + 1;
    this.#names.set(base, times);
    this.#found.push({
      module: this.#module,
      line: 'originalLine' in place ? place.originalLine + 1 : line,
      name: times === 1 ? base : `${base} (${times})`,
      from,
      to,
      text,
    });
  }

  #source(node: AnyNode): string {
    return this.#code.slice(node.start, node.end);
  }

  #quote(node: AnyNode): string {
    return quoted(this.#source(node));
  }
}

function quoted(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > QUOTED_MAX ? `${line.slice(0, QUOTED_MAX)}...` : line;
}

function isAssertion(node: AnyNode): boolean {
  return node.type === 'CallExpression' && node.callee.type === 'Identifier' && node.callee.name === 'assert';
}

function isText(node: AnyNode): boolean {
  return node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node.value === 'string');
}

function childrenOf(node: AnyNode): AnyNode[] {
  return Object.values(node)
    .flat()
    .filter((value): value is AnyNode => typeof value?.type === 'string' && typeof value.start === 'number');
}
