// The load of every server that is compared, as a process of its own: clients that send a batch, wait for all its answers, and
// send the next. Half of it is SET, half GET. Prints what came of each load as a line of JSON; argument 1 is a `LoadOrder`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isTiny, quantile } from '../host.js';
import { cpuMs, owned } from '../processes.js';
import { command, isError, replyEnd } from './resp.js';

const KEYS = 1_000;
const VALUE = 'x'.repeat(64);
/** Between one load and the next. */
const SETTLE_MS = isTiny ? 20 : 200;
const WARMING: Load = { clients: 20, pipeline: 4 };
/** Latencies kept of each client: some seconds of the fastest server. */
const LATENCIES_MAX = 200_000;

export interface Load {
  readonly clients: number;
  /** Commands in a batch. */
  readonly pipeline: number;
}

export interface LoadOrder {
  readonly port: number;
  readonly loads: readonly Load[];
  readonly seconds: number;
  /** Of another load before, so that what is compiled late is compiled. */
  readonly warmSeconds?: number;
  /** Each batch with a SET ends with WAIT 1 0: its answers count once a replica has them. */
  readonly waits: boolean;
  /** Processes whose CPU time is to be told. */
  readonly parts: Readonly<Record<string, number>>;
}

export interface LoadResult extends Load {
  /** Answers to SET and GET a second. */
  readonly perSecond: number;
  /** Of a batch, from its writing to its last answer. */
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly errors: number;
  /** CPU time for each answer, us: of the clients and of each part. */
  readonly cpuUs: Readonly<Record<string, number>>;
}

/** Runs loads, one after another. @throws Error where the clients fail */
export async function runLoads(order: LoadOrder): Promise<LoadResult[]> {
  const words = [fileURLToPath(import.meta.url), JSON.stringify(order)];
  const child = owned(spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] }));
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the load's process ended with status ${status}`);
  return printed
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as LoadResult);
}

interface Client {
  readonly socket: Socket;
  readonly latenciesMs: number[];
}

interface Batch {
  readonly text: string;
  readonly replies: number;
}

/** Batches to be sent in turn; SET and GET alternate, from batch to batch where one has a single command. */
function batches(pipeline: number, waits: boolean): Batch[] {
  let at = 0;
  return Array.from({ length: KEYS }, () => {
    const commands = Array.from({ length: pipeline }, () => {
      const key = `key:${Math.floor(at / 2) % KEYS}`;
      return at++ % 2 === 0 ? command('SET', key, VALUE) : command('GET', key);
    });
    if (waits && commands.some(text => text.includes('SET'))) commands.push(command('WAIT', '1', '0'));
    return { text: commands.join(''), replies: commands.length };
  });
}

async function run(order: LoadOrder, { clients: count, pipeline }: Load): Promise<LoadResult> {
  const { port, seconds, waits, parts } = order;
  const sent = batches(pipeline, waits);
  const clients: Client[] = Array.from({ length: count }, () => ({
    socket: createConnection({ host: '127.0.0.1', port, noDelay: true }),
    latenciesMs: [],
  }));
  await Promise.all(clients.map(({ socket }) => once(socket, 'connect')));
  let measuring = false;
  let answers = 0;
  let errors = 0;
  for (const [index, { socket, latenciesMs }] of clients.entries()) {
    let rest: Buffer = Buffer.alloc(0);
    let next = index;
    let awaited = 0;
    let begunMs = 0;
    const send = () => {
      const { text, replies } = sent[next++ % sent.length]!;
      awaited = replies;
      begunMs = performance.now();
      socket.write(text, 'latin1');
    };
    socket.on('error', fail).on('end', () => fail(new Error('a connection was ended')));
    socket.on('data', (bytes: Buffer) => {
      const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      let from = 0;
      while (from < all.length) {
        const end = replyEnd(all, from);
        if (end < 0) break;
        if (isError(all, from)) errors += 1;
        from = end;
        awaited -= 1;
      }
      rest = all.subarray(from);
      if (awaited > 0) return;
      if (measuring) {
        answers += pipeline;
        if (latenciesMs.length < LATENCIES_MAX) latenciesMs.push(performance.now() - begunMs);
      }
      send();
    });
    send();
  }
  await new Promise(resolve => setTimeout(resolve, SETTLE_MS));
  const before = Object.entries(parts).map(([name, pid]) => [name, cpuMs(pid)] as const);
  const own = process.cpuUsage();
  const begunMs = performance.now();
  measuring = true;
  await new Promise(resolve => setTimeout(resolve, 1000 * seconds));
  measuring = false;
  const tookMs = performance.now() - begunMs;
  const { user, system } = process.cpuUsage(own);
  const cpuUs = Object.fromEntries(
    before.map(([name, ms]) => [name, (1000 * (cpuMs(parts[name]!) - ms)) / answers] as const),
  );
  for (const { socket } of clients)
    socket
      .removeAllListeners()
      .on('error', () => undefined)
      .destroy();
  const latenciesMs = clients.flatMap(client => client.latenciesMs);
  return {
    clients: count,
    pipeline,
    perSecond: (1000 * answers) / tookMs,
    medianMs: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    errors,
    cpuUs: { clients: (user + system) / answers, ...cpuUs },
  };
}

function fail(error: Error): never {
  console.error(`load: ${error.message}`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const order = JSON.parse(process.argv[2]!) as LoadOrder;
  const { warmSeconds = 0 } = order;
  if (warmSeconds > 0) await run({ ...order, seconds: warmSeconds }, WARMING);
  for (const load of order.loads) console.log(JSON.stringify(await run(order, load)));
  process.exit(0);
}
