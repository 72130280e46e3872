// `npm run bench -- [NAME...] --compare REV`: this tree and another commit, each with its own benches, in turn, and the
// ratios of all figures that both print.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { markdownTable } from 'markdown-table';
import { BENCHES } from '../benches.js';
import { KEEP_NOTHING_VARIABLE, quantile, ROOT } from '../host.js';
import { owned } from '../processes.js';
import { figuresOf } from './figures.js';
import { ratioOf } from './ratios.js';
import { buildRevision, checkRevision } from './revision.js';

export interface Comparison {
  readonly revision: string;
  /** Empty: all that can be compared. */
  readonly benches: readonly string[];
  /** In how many rounds each side is measured. */
  readonly times: number;
  /** Of the benches: after those that a round has. */
  readonly flags: readonly string[];
}

const SIDES = ['that', 'this'] as const;
type Side = (typeof SIDES)[number];

/**
 * @param print takes one table after another
 * @throws UnusableRevision
 */
export async function compare(comparison: Comparison, print: (text: string) => void, root = ROOT): Promise<void> {
  const { revision, benches, times, flags } = comparison;
  const named = benches.length > 0 ? benches : Object.keys(BENCHES).filter(name => BENCHES[name]!.round !== undefined);
  const commit = checkRevision(root, revision, named);
  console.error(`bench: builds ${revision}`);
  const { tree, remove } = await buildRevision(root, commit);
  const trees: Record<Side, string> = { that: tree, this: root };
  try {
    for (const name of named) {
      const measured: Record<Side, Map<string, number>[]> = { that: [], this: [] };
      for (let time = 0; time < times; time += 1) {
        console.error(`bench ${name}: round ${time + 1} of ${times}`);
        // Who goes first changes: what the first one warms up helps neither.
        for (const side of time % 2 === 0 ? SIDES : SIDES.toReversed()) {
          measured[side].push(figuresOf(await run(trees[side], name, [...BENCHES[name]!.round!, ...flags])));
        }
      }
      print(describe(name, revision, measured));
    }
  } finally {
    remove();
  }
}

async function run(tree: string, name: string, flags: readonly string[]): Promise<string> {
  const words = [`dist/bench/${name}/main.js`, ...flags];
  const env = { ...process.env, [KEEP_NOTHING_VARIABLE]: '1' };
  const child = owned(spawn(process.execPath, words, { cwd: tree, stdio: ['ignore', 'pipe', 2], env }));
  let printed = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`bench ${name} failed in ${tree}`);
  return printed;
}

function describe(name: string, revision: string, measured: Record<Side, readonly Map<string, number>[]>): string {
  const rows = [...(measured.this[0]?.keys() ?? [])].flatMap(place => {
    const [that, mine] = SIDES.map(side => measured[side].flatMap(figures => figures.get(place) ?? []));
    const ratio = ratioOf(that!, mine!);
    if (ratio === undefined) return [];
    const differs = ratio.from > 1 || ratio.to < 1 ? 'yes' : '';
    const medians = [that!, mine!].map(values => String(quantile(values, 0.5)));
    const shown = [ratio.ratio.toFixed(3), `${ratio.from.toFixed(3)} to ${ratio.to.toFixed(3)}`];
    return [[place, ...medians, ...shown, differs]];
  });
  const heads = ['figure', `${revision}, median`, 'this tree, median', 'this / that', '95 % interval', 'differs'];
  const table = markdownTable([heads, ...rows], { align: ['l', 'r', 'r', 'r', 'r', 'l'] });
  return `## ${name}: this tree against ${revision}, ${measured.this.length} alternating rounds\n\n${table}\n`;
}
