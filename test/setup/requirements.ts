// What some tests need and a machine may lack: what it is, how to get it, and whether it is here.
//
// Everything else that tests need is in the repository or among the dependencies of package.json. Nothing is installed on
// the machine unasked: only what lies in `.cache` is fetched and made. A test that needs one of these says so by
// `needs` (needs.ts), and is skipped where it is missing; `left-out.ts` says at the end what was skipped.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Network } from '../../bench/hosts/network.js';
import { otherHost } from '../../bench/instrumentation/hosts.js';
import { BUILT, buildRuby, compile } from '../../bench/wasi/programs.js';
import { rubyCommand } from '../../engine/cli/prompt-demo.js';

export interface Requirement {
  readonly what: string;
  readonly howToGet: string;
  /** Gets it where that is possible. Throws where it cannot be had. */
  prepare(): void;
}

/** Major versions of Node that are supported beside the oldest. */
export const OTHER_NODES: readonly number[] = [22, 24, 26];

/** Debian's. */
export const CHROMIUM = '/usr/bin/chromium';

export type RequirementName =
  | 'c'
  | 'rust'
  | 'ruby'
  | 'prompt'
  | 'redis'
  | 'faketime'
  | 'namespaces'
  | 'etcd'
  | 'openssl'
  | 'spin'
  | 'nodes'
  | 'chromium';

export const REQUIREMENTS: Readonly<Record<RequirementName, Requirement>> = {
  c: {
    what: 'clang, its linker and a libc for wasm32-wasi (programs in C)',
    howToGet: 'apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32 (or the number of your clang)',
    prepare: () => tryOut('empty.c', 'int main(void) { return 0; }\n'),
  },
  rust: {
    what: 'rustc with the target wasm32-wasi (a program in Rust)',
    howToGet: 'apt-get install rustc libstd-rust-dev-wasm32',
    prepare: () => tryOut('empty.rs', 'fn main() {}\n'),
  },
  ruby: {
    what: 'the Ruby interpreter of npm',
    howToGet: 'run the tests once with a network: it is kept in .cache',
    prepare: () => void buildRuby(),
  },
  prompt: {
    what: 'the Ruby of `demo --prompt`, from npm',
    howToGet: 'run the tests once with a network: it is kept in the cache of the user',
    prepare: () => void rubyCommand(),
  },
  redis: {
    what: 'redis-cli, redis-benchmark and redis-server (clients of the key-value guest, and what it is compared with)',
    howToGet: 'apt-get install redis-server redis-tools',
    prepare: () => {
      for (const program of ['redis-cli', 'redis-benchmark', 'redis-server']) execFileSync(program, ['--version']);
    },
  },
  etcd: {
    what: 'etcd (the arbiter of several hosts)',
    howToGet: 'apt-get install etcd-server',
    prepare: () => void execFileSync('etcd', ['--version']),
  },
  openssl: {
    what: 'openssl (certificates for an etcd that asks for them)',
    howToGet: 'apt-get install openssl',
    prepare: () => void execFileSync('openssl', ['version']),
  },
  faketime: {
    what: 'libfaketime (hosts whose clocks are minutes apart)',
    howToGet: 'apt-get install faketime',
    prepare: () => void libfaketime(),
  },
  spin: {
    what: 'spin and gcc (the model of the protocol)',
    howToGet: 'apt-get install spin gcc libc6-dev',
    prepare: () => {
      execFileSync('spin', ['-V']);
      execFileSync('gcc', ['-E', '-'], { input: '#include <stdio.h>\n' });
    },
  },
  chromium: {
    what: 'chromium (the page of a machine)',
    howToGet: 'apt-get install chromium',
    prepare: () => void execFileSync(CHROMIUM, ['--version'], { stdio: 'pipe' }),
  },
  nodes: {
    what: 'other versions of Node, from npm (recordings that are run again elsewhere)',
    howToGet: 'run the tests once with a network: they are kept in .cache',
    prepare: () => OTHER_NODES.forEach(otherHost),
  },
  namespaces: {
    what: 'network namespaces, which root may make (several hosts on this one)',
    howToGet: 'apt-get install iproute2, and run the tests as root',
    prepare: () => new Network(['A', 'B']).remove(),
  },
};

/** What a process preloads whose clock is to be wrong. @throws where it is not installed */
export function libfaketime(): string {
  const lists = execFileSync('dpkg', ['-L', 'libfaketime'], { encoding: 'utf8' }).split('\n');
  const path = lists.find(file => file.endsWith('/libfaketimeMT.so.1'));
  if (path === undefined) throw new Error('libfaketime is not installed');
  return path;
}

/** The names of what is missing, each with the reason in one line. */
export type Missing = Readonly<Partial<Record<RequirementName, string>>>;

/** Prepares what can be had. */
export function prepareAll(requirements: Readonly<Record<string, Requirement>> = REQUIREMENTS): Missing {
  const missing: Record<string, string> = {};
  for (const [name, { prepare }] of Object.entries(requirements)) {
    try {
      prepare();
    } catch (error) {
      missing[name] = firstLine(error);
    }
  }
  return missing;
}

/** Compiles the least program there is, where programs go: a compiler can be there without its libraries. */
function tryOut(name: string, source: string): void {
  mkdirSync(BUILT, { recursive: true });
  const folder = mkdtempSync(join(BUILT, 'compiler-'));
  try {
    const path = join(folder, name);
    writeFileSync(path, source);
    compile(path, join(folder, 'empty.wasm'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n', 1)[0]!;
}
