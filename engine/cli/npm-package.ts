// Fetches a package from npm, for its files alone: what is too large to be a dependency of everybody.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';

const FLAGS = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts', '--prefer-offline', '--loglevel=error'];
/** Without a network the answer comes at once, and where a firewall swallows packets after two minutes, not after fifteen. */
const ONE_TRY = ['--fetch-retries=0', '--fetch-timeout=120000'];

/**
 * Runs `use` with the folder of a package, which is gone afterwards.
 * @param cache where that folder may be for as long
 * @param name with or without a scope
 * @throws EpochvisorError NPM_PACKAGE: npm cannot be run, or cannot fetch it
 */
export function withPackage<Value>(
  cache: string,
  name: string,
  version: string,
  use: (folder: string) => Value,
): Value {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'package-'));
  process.stderr.write(`fetching ${name}@${version} from npm, once\n`);
  try {
    npm(['install', '--prefix', folder, ...FLAGS, ...ONE_TRY, `${name}@${version}`]);
    return use(join(folder, 'node_modules', ...name.split('/')));
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
    const said = stderr?.toString().trim() || message;
    const reason = said.replace(/^npm error (code )?/gm, '').replaceAll('\n', ' ');
    throw new EpochvisorError(
      'NPM_PACKAGE',
      `npm ${args[0]} ${args.at(-1)} failed: ${reason}`,
      'it needs a network, once',
    );
  }
}
