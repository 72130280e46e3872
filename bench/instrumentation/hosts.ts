// Nodes: the one that runs this, and others from the npm registry, in an ignored folder.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface Host {
  readonly name: string;
  readonly path: string;
}

const NEWER_MAJOR = 24;

export function presentHost(): Host {
  return { name: `Node ${process.versions.node}`, path: process.execPath };
}

/** The newer one of those that are measured. Throws as `otherHost`. */
export function newerHost(): Host {
  return otherHost(NEWER_MAJOR);
}

/** Installs a major version of Node from npm on first use. Throws when the registry cannot be reached. */
export function otherHost(major: number): Host {
  const folder = resolve('.cache', `node-${major}`);
  const path = join(folder, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const args = ['install', '--prefix', folder, '--no-save', '--fetch-retries', '1', `node@${major}`];
    const run = spawnSync('npm', args, { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${run.stderr}`);
  }
  const version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim().replace(/^v/, '');
  return { name: `Node ${version}`, path };
}
