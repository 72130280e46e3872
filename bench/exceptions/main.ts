// What do exceptions cost? Loops with a throw in each turn, in some, in hardly any, and a try that is entered and left; CPU time
// of the rewritten module against plain V8, both here, in turn.
//
//   --rounds N      (default 7)
//   --scale S       of all numbers of turns (default 1)

import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import initialise from 'wabt';
import { instantiate } from '../../engine/index.js';
import { publish, quantile } from '../host.js';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, scale: { type: 'string', default: '1' } },
});
const rounds = Number(values.rounds);

/** `throws` throws where n & mask is 0, two calls below the handler; between is a frame that cleans up and throws again. */
const KERNELS = `(module (tag $e (param i32)) (global $g (mut i32) (i32.const 0))
  (func $maybe (param i32 i32) (result i32)
    (if (i32.eqz (i32.and (local.get 0) (local.get 1))) (then (throw $e (local.get 0))))
    (i32.add (local.get 0) (global.get $g)))
  (func $frame (param i32 i32) (result i32)
    try (result i32)
      (call $maybe (local.get 0) (local.get 1))
    catch_all
      (global.set $g (i32.add (global.get $g) (i32.const 1)))
      rethrow 0
    end)
  (func (export "throws") (param $n i32) (param $mask i32) (result i32) (local $s i32)
    loop $l
      try (result i32) (call $frame (local.get $n) (local.get $mask)) catch $e i32.const 3 i32.mul end
      local.get $s i32.add local.set $s
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s)
  (func $work (param i32) (result i32)
    (if (i32.eq (local.get 0) (i32.const 123456789)) (then (throw $e (local.get 0))))
    (i32.add (i32.mul (local.get 0) (i32.const 1664525)) (i32.const 1)))
  (func (export "normal") (param $n i32) (param i32) (result i32) (local $s i32)
    loop $l
      try (local.set $s (call $work (i32.add (local.get $s) (local.get $n)))) catch $e drop end
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
    end
    local.get $s))`;

const CASES: readonly (readonly [what: string, kernel: string, turns: number, mask: number])[] = [
  ['a throw in each turn', 'throws', 200_000, 0],
  ['in one of 16', 'throws', 200_000, 15],
  ['in one of 4,096', 'throws', 2_000_000, 0xfff],
  ['a try, entered and left', 'normal', 20_000_000, 0],
];

type Kernel = (turns: number, mask: number) => number;

function cpuMs(run: Kernel, turns: number, mask: number): number {
  const before = process.cpuUsage();
  run(turns, mask);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3;
}

const toolkit = await initialise();
const parsed = toolkit.parseWat('kernels.wat', KERNELS, { exceptions: true });
const bytes = new Uint8Array(parsed.toBinary({}).buffer);
parsed.destroy();
const plain = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
const rewritten = instantiate(bytes, {}, { epochLength: 1_000_000 }).exports;

const rows = CASES.map(([what, kernel, most, mask]) => {
  const turns = Math.max(1, Math.round(most * Number(values.scale)));
  const sides = [plain[kernel] as Kernel, rewritten[kernel] as Kernel] as const;
  if (sides[0](1000, mask) !== sides[1](1000, mask)) throw new Error(`${what}: another result than on plain V8`);
  const times = sides.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) {
    for (const [at, side] of sides.entries()) times[at]!.push(cpuMs(side, turns, mask));
  }
  const [alone, ours] = times.map(each => quantile(each, 0.5)) as [number, number];
  return [what, ((alone / turns) * 1e6).toFixed(1), ((ours / turns) * 1e6).toFixed(1), (ours / alone).toFixed(3)];
});

const head = ['loop', 'plain V8, ns a turn', 'rewritten, ns a turn', 'ratio'];
publish(
  'exceptions',
  'What exceptions cost',
  `CPU time, medians of ${rounds} rounds, not suspendable, epochs of 1,000,000 instructions. A throw passes a frame that cleans up.

${markdownTable([head, ...rows], { align: ['l', 'r', 'r', 'r'] })}`,
);
