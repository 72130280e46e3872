// Fetches a package from npm, for its files alone: what is too large to be a dependency of everybody who clones.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const CACHE = resolve('.cache');

const FLAGS = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts', '--prefer-offline', '--loglevel=error'];
/** Without a network the answer comes at once, and where a firewall swallows packets after two minutes, not after fifteen. */
const ONE_TRY = ['--fetch-retries=0', '--fetch-timeout=120000'];

/**
 * Runs `use` with the folder of a package, which is gone afterwards.
 * @param name with or without a scope
 * @throws where npm cannot be run, or cannot fetch it
 */
export function withPackage(name: string, version: string, use: (folder: string) => void): void {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'package-'));
  process.stderr.write(`fetching ${name}@${version} from npm, once\n`);
  try {
    npm(['install', '--prefix', folder, ...FLAGS, ...ONE_TRY, `${name}@${version}`]);
    use(join(folder, 'node_modules', ...name.split('/')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Under `npm test` it is that npm, which may not be on the path. */
function npm(args: readonly string[]): void {
  const script = process.env.npm_execpath;
  const [command, first] = script?.endsWith('.js') ? [process.execPath, [script]] : ['npm', []];
  try {
    execFileSync(command, [...first, ...args], { stdio: 'pipe' });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: Buffer };
    // Its first line is `npm error code ECONNREFUSED`.
    const reason =
      stderr
        ?.toString()
        .trim()
        .replace(/^npm error (code )?/gm, '') || message;
    throw new Error(`npm ${args[0]} ${args.at(-1)} failed: ${reason}`);
  }
}
