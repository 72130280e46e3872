// Which loops are written out twice, so that one safe point and one charge serve two turns.
//
// The problem. V8 never replaces a function while it runs, so a hot loop that was entered in baseline code stays there.
// Baseline code keeps all locals in memory at the header of a loop: in a loop of ten instructions, the test and the charge
// of the counter are a third of the work.
//
// The design. The body of a small innermost loop without calls is visited twice, by the scan and by the rewriting alike:
//
//   loop                  loop
//     body                  block             branches of the first copy to the loop's label end here
//   end                       body
//                             br out
//                           end
//                           body              those of the second take the way back, where the safe point is
//                         end
//
// Between the copies there is no observer, so the plan (charges.ts) charges both turns at once, and what the first leaves
// in registers the second finds there. Every turn still costs what it costs: only where safe points lie is different, and
// that is the same on every replica. Exact counting does not unroll.

import { InstructionReader } from '../wasm/instructions.js';
import {
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_CONTROL_LAST,
  OP_ELSE,
  OP_END,
  OP_IF,
  OP_MEMORY_GROW,
  OP_NOP,
  PREFIX_FC,
  PREFIX_FD,
} from '../wasm/opcodes.js';

/** Larger bodies gain little and make the module grow. */
const BODY_BYTES_MAX = 96;

export class LoopUnrolling {
  readonly #reader: InstructionReader;

  constructor(bytes: Uint8Array) {
    this.#reader = new InstructionReader(bytes);
  }

  /** Whether to unroll the loop whose body starts where `reader` stands. Reads ahead, at most BODY_BYTES_MAX. */
  suits(reader: InstructionReader): boolean {
    const ahead = this.#reader;
    ahead.where = reader.where;
    ahead.pos = reader.pos;
    ahead.end = reader.end;
    const limit = Math.min(reader.end, reader.pos + BODY_BYTES_MAX);
    let depth = 0;
    let branchesBack = false;
    while (ahead.pos < limit) {
      ahead.next();
      const { opcode } = ahead;
      if (opcode === OP_END) {
        if (depth === 0) return branchesBack;
        depth--;
      } else if (opcode === OP_BLOCK || opcode === OP_IF) depth++;
      else if (opcode === OP_BR || opcode === OP_BR_IF) branchesBack ||= ahead.index === depth;
      else if (opcode === OP_MEMORY_GROW || (opcode >= PREFIX_FC && opcode < PREFIX_FD)) return false;
      else if (opcode <= OP_CONTROL_LAST && opcode !== OP_NOP && opcode !== OP_ELSE) return false;
    }
    return false;
  }
}
