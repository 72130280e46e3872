// Another commit of this repository beside this tree: checked out in a temporary folder, built there, and removed again.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { owned } from '../processes.js';

/** What the user can mend, in one line. */
export class UnusableRevision extends Error {}

function git(root: string, ...words: string[]): { readonly isDone: boolean; readonly printed: string } {
  const { status, stdout, stderr } = spawnSync('git', ['-C', root, ...words], { encoding: 'utf8' });
  return { isDone: status === 0, printed: (status === 0 ? stdout : (stderr ?? '')).trim() };
}

/**
 * Looks whether a tree can be compared with a commit.
 * @returns the commit's hash
 * @throws UnusableRevision
 */
export function checkRevision(root: string, revision: string, benches: readonly string[]): string {
  const found = git(root, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`);
  if (!found.isDone) throw new UnusableRevision(`there is no commit '${revision}' here`);
  for (const bench of benches) {
    if (!git(root, 'cat-file', '-e', `${found.printed}:bench/${bench}/main.ts`).isDone) {
      throw new UnusableRevision(`${revision} has no bench '${bench}'`);
    }
  }
  const { isDone, printed } = git(root, 'status', '--porcelain');
  if (!isDone || printed !== '') {
    throw new UnusableRevision('this tree has changes that are not committed: commit or stash them first');
  }
  return found.printed;
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

export interface BuiltRevision {
  readonly tree: string;
  /** It is also gone when this process is. */
  remove(): void;
}

/**
 * Checks a commit out and builds it, with the dependencies of the tree in `root`.
 * @throws UnusableRevision where it can't be checked out, or does not build with them
 */
export async function buildRevision(root: string, commit: string): Promise<BuiltRevision> {
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-bench-'));
  const tree = join(folder, 'tree');
  let compiler: ChildProcess | undefined;
  const remove = () => {
    process.off('exit', remove);
    if (compiler?.pid !== undefined) endGroup(compiler.pid);
    git(root, 'worktree', 'remove', '--force', tree);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('exit', remove);
  const added = git(root, 'worktree', 'add', '--quiet', '--detach', tree, commit);
  if (!added.isDone) throw new UnusableRevision(`${commit} can't be checked out: ${added.printed.split('\n', 1)[0]}`);
  symlinkSync(realpathSync(join(root, 'node_modules')), join(tree, 'node_modules'));
  const builds = [
    [join('node_modules', 'typescript', 'bin', 'tsc'), '-b'],
    [join('engine', 'bundle.mjs')],
    [join('guest', 'build.mjs')],
  ];
  for (const words of builds) {
    // Older commits have no bundle.
    if (!existsSync(join(tree, words[0]!))) continue;
    // What compilers print is no figure. A group of their own: they start others, which would go on writing.
    compiler = owned(spawn(process.execPath, words, { cwd: tree, stdio: ['ignore', 2, 2], detached: true }));
    const [status] = (await once(compiler, 'exit')) as [number | null];
    if (status !== 0) throw new UnusableRevision(`${commit} does not build with the dependencies of this tree`);
  }
  compiler = undefined;
  return { tree, remove };
}
