// `epochvisor demo`: a guest on two processes, one of them killed in the middle of an epoch, and its successor once the
// machine has healed; nobody notices.

import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { hostMs } from '../../devices/console/captured-console.js';
import { STDOUT } from '../../devices/console/console-streams.js';
import type { LaunchedMachine } from '../launch/launched-machine.js';
import { temporaryFolder } from '../replica/temporary-folder.js';
import { describeDifference, firstDifference } from '../testing/difference.js';
import { runTrial, type Trial, type TrialOptions } from '../testing/trial.js';
import { readKillProof } from '../testing/trial-hooks.js';
import { abortOnSignals } from './interruption.js';
import { DEFAULT_MAX_MEMORY, programName, readGuest } from './machine-flags.js';
import { bold, green, red, say } from './output.js';

const FAILED_STATUS = 1;
const GUEST = fileURLToPath(new URL('../../../guest/build/compute.wasm', import.meta.url));
/** Some seconds of computing; the first kill comes after a fifteenth of it, and healing takes a second or two. */
const GUEST_ARGUMENTS = ['900', '40'];
const EPOCH_LENGTH = 100_000;
const KILL_EPOCH = 20_000;
const KILL_INSTRUCTION = EPOCH_LENGTH / 2;
/** Of the guest's lines, one is shown this often, ms. */
const SHOW_EVERY_MS = 300;
/** Once it is Protected again it is left alone for a moment before the second kill. */
const SECOND_KILL_AFTER_MS = 300;
const LIMIT_MS = 120_000;

export function demoCommand(): Command {
  return new Command('demo')
    .description('Run a guest on a pair, kill its primary, let it heal, kill again; compare with an undisturbed run.')
    .option('--prompt', 'Ruby at your terminal (from npm, fetched once) instead: who answers a line is killed')
    .addOption(
      new Option('--dashboard [ADDR:PORT]', 'a pair that runs on, and its page, instead')
        .preset('127.0.0.1:0')
        .conflicts('prompt'),
    )
    .action(async ({ prompt, dashboard }: { prompt?: true; dashboard?: string }) => {
      if (prompt) await (await import('./prompt-demo.js')).promptDemo();
      else if (dashboard !== undefined) {
        const { dashboardDemo } = await import('./dashboard-demo.js');
        process.exitCode = await dashboardDemo(GUEST, dashboard);
      } else await demo();
    });
}

async function demo(): Promise<void> {
  const { path: guest, module } = readGuest(GUEST);
  const options: TrialOptions = {
    module,
    moduleCache: true,
    machine: {
      epochLength: EPOCH_LENGTH,
      variant: 'deferred',
      counting: 'block',
      operationIds: true,
      maxMemory: DEFAULT_MAX_MEMORY,
      arguments: [programName(guest), ...GUEST_ARGUMENTS],
    },
    devices: [],
    stdin: new Uint8Array(0),
  };
  const abort = abortOnSignals();
  const folder = temporaryFolder('epochvisor-demo-');
  try {
    say(`\nA WebAssembly program, ${bold(shown(guest))}, on two processes that execute the same instructions.`);
    say(
      `In epoch ${grouped(KILL_EPOCH)}, in the middle, the primary is killed with SIGKILL; its successor, a moment after`,
    );
    say('a new backup has joined.\n');
    const killed = await runKilled(options, join(folder, 'killed'), abort.signal);
    say('\nThe same once more, undisturbed, for comparison ...');
    const run = { folder: join(folder, 'undisturbed'), limitMs: LIMIT_MS, signal: abort.signal };
    const undisturbed = await runTrial(options, run);
    process.exitCode = compare(killed, undisturbed) ? 0 : FAILED_STATUS;
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    process.exitCode = abort.status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    abort.dispose();
  }
}

function runKilled(options: TrialOptions, folder: string, signal: AbortSignal): Promise<Trial> {
  const screen = new Screen(folder);
  return runTrial(options, {
    folder,
    limitMs: LIMIT_MS,
    signal,
    kill: { at: 'epoch', epoch: KILL_EPOCH, instruction: KILL_INSTRUCTION },
    repair: true,
    onMachine: machine => screen.watch(machine),
    onOutput: (stream, bytes) => screen.output(stream, bytes),
  });
}

/** What a user sees of the run with the kills: a line of the guest's now and then, and every event. */
class Screen {
  readonly #folder: string;
  #primary = 0;
  /** The last death: when, on the host's monotonic clock; undefined while nobody has died. */
  #diedMs: number | undefined;
  #shownMs = 0;
  #awaitsFirstByte = false;
  #killedTwice = false;
  #line = '';

  constructor(folder: string) {
    this.#folder = folder;
  }

  watch(machine: LaunchedMachine): void {
    machine.on('running', () => {
      this.#primary = machine.primary?.pid ?? 0;
    });
    machine.on('lost', () => this.#tellFirstKill());
    machine.on('joining', ({ pid }) => this.#event(bold('JOINING  '), `process ${pid} is to be the new backup`));
    machine.on('view', view => {
      // The survivor may be quicker than the news that the primary is dead.
      this.#tellFirstKill();
      const primary = machine.primary?.pid ?? 0;
      if (primary === this.#primary) this.#joined(machine, view.number);
      else this.#tookOver(primary, view.number);
    });
  }

  output(stream: number, bytes: Uint8Array): void {
    if (this.#awaitsFirstByte) {
      this.#awaitsFirstByte = false;
      this.#event(green('ON AGAIN '), `the first byte from process ${this.#primary}${this.#sinceKill()}`);
      this.#shownMs = 0;
    }
    if (stream !== STDOUT) return;
    const lines = (this.#line + Buffer.from(bytes).toString()).split('\n');
    this.#line = lines.pop() ?? '';
    const line = lines.at(-1);
    if (line === undefined || hostMs() - this.#shownMs < SHOW_EVERY_MS) return;
    this.#shownMs = hostMs();
    say(`  primary    ${this.#primary}  ${line}`);
  }

  #tookOver(primary: number, view: number): void {
    this.#primary = primary;
    this.#awaitsFirstByte = true;
    this.#event(bold('TAKEOVER '), `process ${primary} is primary, in view ${view}${this.#sinceKill()}`);
  }

  #joined(machine: LaunchedMachine, view: number): void {
    const backup = machine.status.backups[0]?.pid ?? 0;
    this.#event(green('PROTECTED'), `process ${backup} is the backup, in view ${view}${this.#sinceKill()}`);
    if (this.#killedTwice) return;
    this.#killedTwice = true;
    setTimeout(() => {
      // The guest may have been quicker.
      if (!machine.replicas.some(({ pid }) => pid === this.#primary)) return;
      this.#diedMs = hostMs();
      this.#event(red('SIGKILL  '), `process ${this.#primary}, wherever it is`);
      process.kill(this.#primary, 'SIGKILL');
    }, SECOND_KILL_AFTER_MS);
  }

  #tellFirstKill(): void {
    const proof = readKillProof(this.#folder);
    if (proof === undefined || this.#diedMs !== undefined) return;
    const { epoch, instruction = 0, count, atNs } = proof;
    this.#diedMs = atNs / 1e6;
    const where = `instruction ${grouped(instruction)} of ${grouped(EPOCH_LENGTH)} in epoch ${grouped(epoch)}`;
    this.#event(red('SIGKILL  '), `process ${this.#primary} died at ${where} (${grouped(count)} since the start)`);
  }

  #event(name: string, what: string): void {
    say(`  ${name}  ${what}`);
  }

  #sinceKill(): string {
    return this.#diedMs === undefined ? '' : `, ${(hostMs() - this.#diedMs).toFixed(0)} ms after the kill`;
  }
}

/** Shows both outcomes; true where the kills changed nothing. */
function compare(killed: Trial, undisturbed: Trial): boolean {
  say('');
  show('with two kills', killed);
  show('undisturbed', undisturbed);
  const difference = firstDifference(undisturbed.stdout, killed.stdout);
  const problem = problemOf(killed, undisturbed);
  if (problem !== undefined || difference !== undefined) {
    say(`\n${red('The kills show:')} ${problem ?? describeDifference(difference!)}.`);
    return false;
  }
  say(`\n${green('Not a byte lost or doubled.')}`);
  return true;
}

function problemOf({ ending, kill, failover }: Trial, undisturbed: Trial): string | undefined {
  for (const one of [undisturbed.ending, ending]) {
    if (one.kind === 'failed') return `the machine could not go on: ${one.message}`;
    if (one.kind === 'hung') return `a run did not end within ${one.limitMs / 1000} s`;
    if (one.kind === 'stopped' || one.outcome.kind !== 'exit' || one.outcome.status !== 0)
      return 'the guest did not exit with status 0';
  }
  if (kill === undefined) return 'the guest ended before it could be killed';
  return failover === undefined ? 'nobody took over' : undefined;
}

function show(name: string, { stdout, ending }: Trial): void {
  const lines = Buffer.from(stdout).toString('latin1').split('\n').length - 1;
  const outcome =
    ending.kind === 'outcome' && ending.outcome.kind === 'exit' ? `exit ${ending.outcome.status}` : ending.kind;
  const hash = createHash('sha256').update(stdout).digest('hex');
  say(`  ${name.padEnd(14)}  ${outcome}, ${lines} lines, ${grouped(stdout.length)} bytes, sha256 ${hash}`);
}

const grouped = (value: number) => value.toLocaleString('en-US');
const shown = (path: string) => [relative(process.cwd(), path), ...GUEST_ARGUMENTS].join(' ');
