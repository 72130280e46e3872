// What became of the mutants: a table of modules, those that survive, and those that do no harm.

import { markdownTable } from 'markdown-table';
import type { Mutant } from './mutations.js';
import type { Finding } from './trial.js';

export interface Tried {
  readonly mutant: Mutant;
  readonly finding: Finding | { readonly by: 'explained'; readonly reason: string };
}

export interface Looked {
  readonly seeds: number;
  readonly tests: readonly string[];
}

const COLUMNS = ['seed', 'test', 'hang', 'crash', 'explained', 'survived'] as const;

/** @param all of which `tried` were looked at */
export function asText(all: readonly Mutant[], tried: readonly Tried[], { seeds, tests }: Looked): string {
  const of = (module: string) => tried.filter(({ mutant }) => mutant.module === module);
  const row = (name: string, there: number, looked: readonly Tried[]): string[] => {
    const counts = COLUMNS.map(by => looked.filter(({ finding }) => finding.by === by).length);
    return [name, there, looked.length, ...counts].map(String);
  };
  const modules = [...new Set(all.map(({ module }) => module))].sort();
  const rows = modules.map(module =>
    row(sourceOf(module), all.filter(mutant => mutant.module === module).length, of(module)),
  );
  const head = ['module', 'mutants', 'tried', 'found by a seed', 'by a test', 'hang', 'crash', 'explained', 'survive'];
  const table = markdownTable([head, ...rows, row('all', all.length, tried)], {
    align: ['l', ...head.slice(1).map(() => 'r' as const)],
  });
  const survivors = tried.filter(({ finding }) => finding.by === 'survived').map(({ mutant }) => lineOf(mutant));
  const explained = tried.flatMap(({ mutant, finding }) =>
    finding.by === 'explained' ? [`${lineOf(mutant)}: ${finding.reason}`] : [],
  );
  return `${tried.length} of ${all.length} mutants of engine/protocol, each one small change of one module as it is compiled. First some
seeds of the simulator are run, then the tests of ${tests.map(name => `test/${name}`).join(', ') || 'no folder'}, then ${seeds.toLocaleString('en-US')} seeds; a mutant is found by the first that
fails, dies, or does not end.

${table}

## Survivors

${survivors.sort().join('\n') || 'None.'}

## Explained

${explained.sort().join('\n') || 'None.'}
`;
}

function lineOf({ module, line, name }: Mutant): string {
  return `- ${sourceOf(module)}:${line}, \`${name.replaceAll('`', "'")}\``;
}

function sourceOf(module: string): string {
  return module.replace(/\.js$/, '.ts');
}
