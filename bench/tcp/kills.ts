// Does any client notice kills? For a minute the primary is killed once a second while redis-benchmark runs in a loop, a writer
// remembers what was acknowledged, and some clients write a history that must be linearizable.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isTiny, quantile } from '../host.js';
import { end, owned } from '../processes.js';
import { Asker, HistoryClients, Writer } from './history-clients.js';
import { type Server, startServer } from './servers.js';
import { describeSteps, type Kill } from './takeover-steps.js';

const EVERY_MS = isTiny ? 200 : 1_000;
/** Not protected again for so long, or no answer: it has failed, ms. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 5;

export async function kills({ seconds }: { readonly seconds: number }): Promise<string> {
  const server = await startServer('deferred');
  try {
    return await killed(server, seconds);
  } finally {
    await server.end();
  }
}

async function killed(server: Server, seconds: number): Promise<string> {
  const { port } = server;
  let isOver = false;
  const over = () => isOver;
  const errors: string[] = [];
  const noted = (who: string, running: Promise<void>) =>
    running.catch((error: Error) => {
      errors.push(`${who}: ${error.message}`);
    });
  const [writer, asker, history] = [new Writer(), new Asker(), new HistoryClients()];
  const rounds = { ended: 0 };
  const clients = Promise.all([
    noted('the writer', writer.run(port, over)),
    noted('who asks back to back', asker.run(port, over)),
    noted('a client with a history', history.run(port, over)),
    noted('redis-benchmark', benchmark(port, over, rounds)),
  ]);
  await sleep(EVERY_MS);
  const done: Kill[] = [];
  try {
    await killOnceASecond(server, seconds, done);
  } catch (error) {
    errors.push((error as Error).message);
  }
  const endMs = performance.now();
  isOver = true;
  const late = sleep(PATIENCE_MS, 'late', { ref: false });
  if ((await Promise.race([clients, late])) === 'late') errors.push(`no answer for ${PATIENCE_MS / 1000} s`);
  const missing = errors.length > 0 ? Number.NaN : await writer.missing(port);
  return describe({ server, kills: done, errors, missing, writer, asker, history, rounds: rounds.ended, endMs });
}

/** Only where the machine is protected: what is tried is a kill, not the end of the machine. */
async function killOnceASecond(server: Server, seconds: number, done: Kill[]): Promise<void> {
  const startMs = performance.now();
  let view = 0;
  while (performance.now() - startMs < 1000 * seconds) {
    const dueMs = (done.at(-1)?.ms ?? startMs) + EVERY_MS;
    await sleep(Math.max(0, dueMs - performance.now()));
    const deadline = performance.now() + PATIENCE_MS;
    for (let status = server.status(); ; status = server.status()) {
      if (status?.protected === true && status.view > view) {
        view = status.view;
        done.push({ ms: performance.now(), pid: status.primary.pid });
        process.kill(status.primary.pid, 'SIGKILL');
        break;
      }
      if (server.isOver) throw new Error(`the machine has ended: ${server.said.at(-1)?.text}`);
      if (performance.now() > deadline) throw new Error(`not protected again: ${JSON.stringify(status)}`);
      await sleep(LOOK_MS);
    }
  }
}

/** Rounds of redis-benchmark, which gives up at the first error. */
async function benchmark(port: number, over: () => boolean, rounds: { ended: number }): Promise<void> {
  const flags = ['-p', String(port), '-c', '20', '-n', '2000', '-r', '1000', '-t', 'set,get,incr', '-q'];
  while (!over()) {
    const child = owned(spawn('redis-benchmark', flags, { stdio: ['ignore', 'pipe', 'pipe'] }));
    let said = '';
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', text => {
        said = `${said}${text}`.slice(-10_000);
      });
    }
    const closed = once(child, 'close') as Promise<[number | null]>;
    const watch = setInterval(() => over() && void end(child), 100);
    const [status] = await closed;
    clearInterval(watch);
    if (over()) return;
    const wrong = /^.*error.*$/im.exec(said)?.[0];
    if (status !== 0 || wrong !== undefined) throw new Error(`status ${status}: ${wrong ?? said.slice(-200)}`);
    rounds.ended += 1;
  }
}

interface Outcome {
  readonly server: Server;
  readonly kills: readonly Kill[];
  readonly errors: readonly string[];
  readonly missing: number;
  readonly writer: Writer;
  readonly asker: Asker;
  readonly history: HistoryClients;
  readonly rounds: number;
  readonly endMs: number;
}

function describe({ server, kills: done, errors, missing, writer, asker, history, rounds, endMs }: Outcome): string {
  const spans = done.map(({ ms }, index) => ({ fromMs: ms, toMs: done[index + 1]?.ms ?? endMs }));
  const gaps = spans.map(({ fromMs, toMs }) => asker.longestMs(fromMs, toMs));
  const silences = done.flatMap(({ ms }) => asker.silence(ms)?.ms ?? []);
  const figures = (all: readonly number[]) =>
    `median ${quantile(all, 0.5).toFixed(0)} ms, most ${Math.max(...all).toFixed(0)} ms`;
  const wrong = [...errors, ...history.judge()];
  return `## Kills

The primary of a pair (deferred) killed by SIGKILL once a second, whenever the machine is protected, with repair: ${done.length} kills.
Meanwhile redis-benchmark (20 clients, SET, GET, INCR) in a loop, ${rounds} times, and clients of our own.

- Errors at clients: ${errors.length === 0 ? 'none' : errors.join('; ')}.
- Writes acknowledged to one that remembers them: ${writer.acknowledged}; of those missing in the end: ${missing}.
- History of 4 clients, SET, GET, INCR and APPEND on 4 keys, ${history.operations} operations: ${wrong.length === errors.length ? 'linearizable' : history.judge().join('; ')}.
- A client that asks back to back (${asker.answers} answers) waited for its answer at a kill: ${figures(silences)}. From the
  kill on, as the launcher said it: ${describeSteps(done, server.said)}.
- Its longest wait from one kill to the next, with all that a replacement takes of two processors: ${figures(gaps)}.`;
}
