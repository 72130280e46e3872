// Calls: the counter and, where the callee looks at it, the depth of the stack go along; the counter comes back.
//
//   call f                depth  c - charge  call f  c :=  safe point
//   call_indirect t       callee :=  depth  c - charge  callee  call_indirect t  c :=  safe point
//   call f  br_if_thrown l    the same; behind the safe point's test: THROWN ?  c := global - charge  br l
//   return_call f         c := c - charge  safe point  depth  c  return_call f
//   a bulk operation      c - charge  call  c :=  safe point              of the function that bulk.ts made for it
//
// The depth that a caller has is what its own frame left of it (depth.ts); a tail call gives back the frame's weight first.

import {
  OP_I32_ADD,
  OP_MEMORY_INIT,
  OP_RETURN_CALL_INDIRECT,
  OP_TABLE_COPY,
  OP_TABLE_FILL,
  OP_TABLE_GROW,
  OP_TABLE_INIT,
} from '../wasm/opcodes.js';
import { I32 } from '../wasm/types.js';
import type { Body } from './body.js';
import { bulkFunction, tableGrowFunction } from './bulk.js';
import type { BodyPoints } from './points.js';
import type { Catcher } from './unwind.js';

/** Writes the call that the body's reader has read. */
export class CallWriter {
  readonly #body: Body;
  readonly #points: BodyPoints;

  constructor(body: Body, points: BodyPoints) {
    this.#body = body;
    this.#points = points;
  }

  /** call */
  direct(): void {
    const { context, reader, code, counter, testsAllCalls } = this.#body;
    const { layout } = context;
    const callee = reader.index;
    this.#pushDepth(layout.carriesDepth(callee), false, false);
    counter.push();
    code.call(layout.internalFunction(callee));
    const catcher = layout.graph.throws[callee] === 1 ? this.#catcher : undefined;
    this.#points.returned(testsAllCalls || layout.graph.suspends[callee] === 1, catcher);
  }

  /** call_indirect */
  indirect(opcode: number): void {
    this.#callIndirect(opcode);
    const { graph } = this.#body.context.layout;
    this.#points.returned(true, graph.throwsIndirect[this.#body.reader.index] === 1 ? this.#catcher : undefined);
  }

  /** What is done with an exception of the call: the instruction that comes next says so, if it is in a handler's reach. */
  readonly #catcher = (): Catcher => {
    const { counter, nesting, shape } = this.#body;
    const label = this.#body.handlerAhead();
    const handler = label === undefined ? undefined : { label: nesting.label(label), charge: counter.nextCharge };
    return { handler, results: shape.results };
  };

  /** return_call, return_call_indirect */
  tail(opcode: number): void {
    const { context, reader, code, counter } = this.#body;
    const { layout } = context;
    const callee = reader.index;
    const point = this.#points.after();
    counter.beforeTailCall(this.#points.frame(point));
    this.#points.goOnFrom(point);
    if (opcode === OP_RETURN_CALL_INDIRECT) {
      this.#callIndirect(opcode);
      return;
    }
    this.#pushDepth(layout.carriesDepth(callee), true, false);
    counter.push();
    code.indexed(opcode, layout.internalFunction(callee));
  }

  /** A bulk operation. */
  bulk(opcode: number): void {
    const { context, reader, code, counter } = this.#body;
    const { layout, boundary, maxTableElements } = context;
    counter.push();
    if (opcode === OP_TABLE_GROW) code.call(tableGrowFunction(layout, reader.index, maxTableElements));
    else {
      const named = opcode === OP_MEMORY_INIT || (opcode >= OP_TABLE_INIT && opcode <= OP_TABLE_FILL);
      const two = opcode === OP_TABLE_INIT || opcode === OP_TABLE_COPY;
      const operation = { opcode, index: named ? reader.index : 0, index2: two ? reader.index2 : 0 };
      code.call(bulkFunction(layout, boundary, operation));
    }
    this.#points.returned(true);
  }

  /** The table index is on top of the stack, where depth and counter have to go below it. */
  #callIndirect(opcode: number): void {
    const { context, reader, code, counter, scratches } = this.#body;
    const callee = scratches.index(I32);
    code.localSet(callee);
    this.#pushDepth(true, opcode === OP_RETURN_CALL_INDIRECT, true);
    counter.push();
    code.localGet(callee);
    code.indexed(opcode, context.layout.internalType(reader.index, true));
    code.u32(reader.index2);
  }

  /** Pushes the depth for a callee that takes it. */
  #pushDepth(carried: boolean, tail: boolean, indirect: boolean): void {
    if (!carried) return;
    const { context, code, shape, weight } = this.#body;
    if (!shape.carriesDepth) {
      // No callee in this module looks at it; another instance's function in a shared table may.
      if (indirect) code.globalGet(context.layout.stackRoom);
      else code.i32(0);
      return;
    }
    code.localGet(shape.params);
    if (!tail || weight === 0) return;
    code.i32(weight);
    code.op(OP_I32_ADD);
  }
}
