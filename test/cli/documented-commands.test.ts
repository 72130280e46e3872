// Every command line of the pages and examples is one that its verb takes.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { VERBS } from '../../engine/cli/verbs.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** In code blocks of a page: `epochvisor VERB ...`, with `npx` or a prompt before it, and perhaps a comment behind. */
function inPage(path: string): string[][] {
  const blocks = read(path)
    .split('```')
    .filter((_, at) => at % 2 === 1);
  const lines = blocks.flatMap(block => block.replaceAll('\\\n', '').split('\n'));
  return lines.flatMap(line => {
    const [, words] = /^(?:\$ )?(?:npx )?epochvisor ([^#]*)/.exec(line) ?? [];
    return words === undefined ? [] : [words.trim().split(/\s+/)];
  });
}

function inUnits(): string[][] {
  const folder = 'examples/systemd';
  return readdirSync(join(ROOT, folder)).map(name => {
    const [, words] = /^ExecStart=\S*epochvisor (.*)$/m.exec(read(join(folder, name)))!;
    return words!.replace(/\$\{ADDRESS\}/g, '10.0.0.1:7001').split(' ');
  });
}

function inCompose(): string[][] {
  const commands = [...read('examples/compose/compose.yaml').matchAll(/command: \[(.*)\]$/gm)];
  return commands
    .map(([, list]) => list!.split(', ').map(word => word.replace(/^'(.*)'$/, '$1')))
    .filter(([word]) => word !== 'etcd');
}

test.each([
  ['docs/hosts.md', inPage('docs/hosts.md'), 12],
  ['README.md', inPage('README.md'), 20],
  ['docs/running.md', inPage('docs/running.md'), 1],
  ['docs/programs.md', inPage('docs/programs.md'), 2],
  ['docs/recordings.md', inPage('docs/recordings.md'), 7],
  ['docs/failover.md', inPage('docs/failover.md'), 10],
  ['docs/tuning.md', inPage('docs/tuning.md'), 3],
  ['docs/etcd.md', inPage('docs/etcd.md'), 1],
  ['docs/status.md', inPage('docs/status.md'), 1],
  ['docs/tutorial.md', inPage('docs/tutorial.md'), 3],
  ['docs/guests.md', inPage('docs/guests.md'), 2],
  ['the units', inUnits(), 2],
  ['the compose file', inCompose(), 6],
])('%s', async (_, commands, atLeast) => {
  expect(commands.length).toBeGreaterThanOrEqual(atLeast);
  for (const [verb, ...args] of commands) {
    expect(VERBS, `epochvisor ${verb}`).toHaveProperty(verb!);
    const command = (await VERBS[verb!]!.load())
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
      .action(() => undefined);
    expect(() => command.parse(args, { from: 'user' }), `epochvisor ${verb} ${args.join(' ')}`).not.toThrow();
  }
});
