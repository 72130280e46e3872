// `node dist/bench/instrumentation/main.js`: what does rewriting cost? Writes bench/results/instrumentation.{md,json}.
//
//   --rounds N       pairs of samples for each kernel (default 11)
//   --only A,B       these kernels; then nothing is written
//   --sides A,B      which sides are compared (default plain,suspendable, as guests are); plain,plain
//                   shows the noise, rewritten is what is only counted
//   --no-newer       without the newer Node from the npm registry
//   --no-ruby        without the Ruby interpreter from the npm registry

import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { isTiny, keep } from '../host.js';
import { newerHost, presentHost } from './hosts.js';
import { KERNELS, MIXED } from './kernels.js';
import { type Cell, MODES, measure } from './measure.js';
import { markdown, type Results } from './report.js';
import { measureRewriting } from './rewriting.js';

/** The side that is published. */
const GUESTS = 'suspendable';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    only: { type: 'string' },
    sides: { type: 'string', default: `plain,${GUESTS}` },
    newer: { type: 'boolean', default: true },
    ruby: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const only = options.only?.split(',');
const kernels = [...KERNELS, MIXED].filter(kernel => only === undefined || only.includes(kernel.name));
const [base = 'plain', other = GUESTS] = options.sides.split(',');
const plan = { kernels, sides: [base, other], rounds: Number(options.rounds) } as const;

const cells: Cell[] = [];
for (const host of [presentHost(), ...(options.newer ? [newerHost()] : [])]) {
  for (const mode of MODES) {
    console.error(`${host.name}, ${mode.name}`);
    cells.push(...measure(host, mode, plan));
  }
}
const rewriting = (only === undefined || isTiny) && other === GUESTS ? await measureRewriting(options.ruby) : [];
const load = { average: loadavg()[0]!, cores: cpus().length };
const results: Results = { ...plan, load, cells, rewriting };
console.log(markdown(results));
if (only === undefined && other === GUESTS) {
  keep('instrumentation.md', markdown(results));
  keep('instrumentation.json', `${JSON.stringify(results, null, 2)}\n`);
}
