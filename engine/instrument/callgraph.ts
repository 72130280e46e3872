// Who calls whom: which functions can recur, which need to know the depth of the stack, and which can never be suspended.
//
// Nodes are the functions and, for indirect calls, the function types: `call_indirect (type t)` may call every function
// of type t whose address is taken (by an element segment, a ref.func, a global). A function can recur if it lies on a
// cycle. Components come from Tarjan's algorithm, without recursion of its own, since modules may be hostile; they come
// out callees first, so what depends on callees is computed on the way.

import { expressionFunctions } from '../wasm/expressions.js';
import type { IndexSpaces, Module } from '../wasm/module.js';

/** What the scan of bodies found out about calls. Functions are counted without imports here. */
export interface Calls {
  /** Callees of all defined functions one after another: function index, or -1 - type index for indirect calls. */
  readonly callees: Int32Array;
  readonly firstCallee: Uint32Array;
  /** Functions that ref.func names in bodies. */
  readonly references: ReadonlySet<number>;
  /** 1 for functions with a safe point of their own: loops, bulk operations, tail calls. */
  readonly suspends: Uint8Array;
  /** 1 for functions that can be left by an exception of their own (exceptions/lower.ts). */
  readonly throws: Uint8Array;
  /** Weight of each function's frame. */
  readonly weights: Uint32Array;
}

export interface CallGraph {
  /** By function index: 1 if the function can recur, or is so large that its depth is counted all the same. */
  readonly counted: Uint8Array;
  /** By function index: 1 if the function takes the depth as a parameter. All functions whose address is taken do. */
  readonly carriesDepth: Uint8Array;
  /** By function index: 1 if a call of the function may take a boundary. */
  readonly suspends: Uint8Array;
  /** By function index: 1 if a call of the function may come back with an exception; such a function suspends, too. */
  readonly throws: Uint8Array;
  /** By type index: the same for a call_indirect of that type. */
  readonly throwsIndirect: Uint8Array;
}

/** Frames that are not counted may add up to this weight at most; else every function is counted. */
const UNCOUNTED_WEIGHT_MAX = 1 << 15;

/** The functions whose address is taken: by an element segment, a global, or `references`, the ref.func in bodies. */
export function takenFunctions(module: Module, references: ReadonlySet<number>): Set<number> {
  const taken = new Set<number>([...references, ...expressionFunctions(module)]);
  for (const element of module.elements) {
    if (element.form === 'functions') for (const index of element.items) taken.add(index);
  }
  return taken;
}

export function callGraph(module: Module, spaces: IndexSpaces, calls: Calls): CallGraph {
  const graph = new Graph(module, spaces, calls);
  const count = spaces.functions.length;
  const counted = new Uint8Array(count);
  const carriesDepth = new Uint8Array(count);
  const suspends = new Uint8Array(count);
  const throws = new Uint8Array(count);
  // The greatest weight of uncounted frames in a row from here on.
  const uncounted = new Float64Array(graph.nodes);
  const reaches = new Uint8Array(graph.nodes);
  const suspended = new Uint8Array(graph.nodes);
  const thrown = new Uint8Array(graph.nodes);
  let deepest = 0;
  graph.components((members, cyclic) => {
    let reach = cyclic ? 1 : 0;
    let suspend = cyclic ? 1 : 0;
    let thrower = 0;
    let below = 0;
    for (const node of members) {
      suspend |= graph.suspends(node);
      thrower |= graph.throws(node);
      graph.eachCallee(node, callee => {
        reach |= reaches[callee]!;
        suspend |= suspended[callee]!;
        thrower |= thrown[callee]!;
        below = Math.max(below, uncounted[callee]!);
      });
    }
    suspend |= thrower;
    for (const node of members) {
      reaches[node] = reach;
      suspended[node] = suspend;
      thrown[node] = thrower;
      uncounted[node] = cyclic ? below : below + graph.weight(node);
      deepest = Math.max(deepest, uncounted[node]!);
      if (node >= count) continue;
      counted[node] = cyclic ? 1 : 0;
      carriesDepth[node] = reach;
      suspends[node] = suspend;
      throws[node] = thrower;
    }
  });
  if (deepest > UNCOUNTED_WEIGHT_MAX) {
    counted.fill(1, spaces.importedFunctions);
    carriesDepth.fill(1, spaces.importedFunctions);
  }
  for (const index of graph.taken) carriesDepth[index] = 1;
  const throwsIndirect = Uint8Array.from(module.types, (_, type) => thrown[graph.typeNode(type)]!);
  return { counted, carriesDepth, suspends, throws, throwsIndirect };
}

class Graph {
  readonly nodes: number;
  readonly taken: ReadonlySet<number>;
  readonly #imported: number;
  readonly #functions: number;
  readonly #calls: Calls;
  /** Node of each type: types that are equal are one node. */
  readonly #typeNodes: Int32Array;
  /** By type node less the number of functions: the functions of that type whose address is taken. */
  readonly #targets: number[][] = [];

  constructor(module: Module, spaces: IndexSpaces, calls: Calls) {
    this.#imported = spaces.importedFunctions;
    this.#functions = spaces.functions.length;
    this.#calls = calls;
    const taken = takenFunctions(module, calls.references);
    this.taken = taken;
    const byKey = new Map<string, number>();
    this.#typeNodes = Int32Array.from(module.types, type => {
      const key = `${type.params.join()}:${type.results.join()}`;
      let node = byKey.get(key);
      if (node === undefined) {
        node = this.#functions + this.#targets.push([]) - 1;
        byKey.set(key, node);
      }
      return node;
    });
    for (const index of taken) {
      this.#targets[this.#typeNodes[spaces.functions[index]!]! - this.#functions]!.push(index);
    }
    this.nodes = this.#functions + this.#targets.length;
  }

  weight(node: number): number {
    return node < this.#imported || node >= this.#functions ? 0 : this.#calls.weights[node - this.#imported]!;
  }

  suspends(node: number): number {
    // An indirect call may reach another instance's function, and an import's wrapper is a safe point itself.
    if (node < this.#imported || node >= this.#functions) return 1;
    return this.#calls.suspends[node - this.#imported]!;
  }

  throws(node: number): number {
    if (node < this.#imported || node >= this.#functions) return 0;
    return this.#calls.throws[node - this.#imported]!;
  }

  typeNode(type: number): number {
    return this.#typeNodes[type]!;
  }

  calleeCount(node: number): number {
    if (node < this.#imported) return 0;
    if (node >= this.#functions) return this.#targets[node - this.#functions]!.length;
    const index = node - this.#imported;
    return this.#calls.firstCallee[index + 1]! - this.#calls.firstCallee[index]!;
  }

  callee(node: number, position: number): number {
    if (node >= this.#functions) return this.#targets[node - this.#functions]![position]!;
    const entry = this.#calls.callees[this.#calls.firstCallee[node - this.#imported]! + position]!;
    return entry >= 0 ? entry : this.#typeNodes[-1 - entry]!;
  }

  eachCallee(node: number, visit: (callee: number) => void): void {
    const count = this.calleeCount(node);
    for (let position = 0; position < count; position++) visit(this.callee(node, position));
  }

  /** Visits the strongly connected components, callees before callers. */
  components(visit: (members: readonly number[], cyclic: boolean) => void): void {
    const order = new Int32Array(this.nodes).fill(-1);
    const low = new Int32Array(this.nodes);
    const done = new Uint8Array(this.nodes);
    const next = new Uint32Array(this.nodes);
    const open: number[] = [];
    const path: number[] = [];
    let counter = 0;
    for (let root = 0; root < this.nodes; root++) {
      if (order[root]! >= 0) continue;
      path.push(root);
      while (path.length > 0) {
        const node = path[path.length - 1]!;
        if (order[node]! < 0) {
          order[node] = low[node] = counter++;
          open.push(node);
        }
        if (next[node]! < this.calleeCount(node)) {
          const callee = this.callee(node, next[node]!++);
          if (order[callee]! < 0) path.push(callee);
          else if (done[callee] === 0) low[node] = Math.min(low[node]!, order[callee]!);
          continue;
        }
        path.pop();
        const parent = path[path.length - 1];
        if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
        if (low[node] === order[node]) this.#close(node, open, done, visit);
      }
    }
  }

  #close(
    node: number,
    open: number[],
    done: Uint8Array,
    visit: (members: readonly number[], cyclic: boolean) => void,
  ): void {
    const members: number[] = [];
    let member: number;
    do {
      member = open.pop()!;
      done[member] = 1;
      members.push(member);
    } while (member !== node);
    let cyclic = members.length > 1;
    if (!cyclic) {
      this.eachCallee(node, callee => {
        if (callee === node) cyclic = true;
      });
    }
    visit(members, cyclic);
  }
}
