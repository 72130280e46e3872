// A client of the key-value guest for `epochvisor failover --load`: two connections, in turn, print whatever they are answered,
// and the last command ends the guest. What is asked depends on nothing else, so every run prints the same.
//
//   epochvisor failover --listen 127.0.0.1:0 --load 'node examples/failover/keyvalue-client.mjs' --sweep messages keyvalue.wasm
//
// Arguments: rounds (5), end|stay (end): with `stay` the guest is left as it is. Its status is 1 where a connection breaks, or an
// answer is no answer.

import { createConnection } from 'node:net';

const [, , rounds = '5', last = 'end'] = process.argv;
/** More than a window of the machine: it leaves in pieces. */
const LARGE_BYTES = 200_000;

const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(process.env.EPOCHVISOR_ADDRESS ?? '') ?? [];
if (port === undefined) throw new Error('EPOCHVISOR_ADDRESS says where the server listens: HOST:PORT');

const encoded = words => `*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`;

class Client {
  #name;
  #socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #broken;
  #wake = () => undefined;

  constructor(name) {
    this.#name = name;
    this.#socket = createConnection({ host, port: Number(port), noDelay: true });
    this.#socket.on('data', bytes => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    this.#socket.once('end', () => {
      this.#ended = true;
      this.#wake();
    });
    this.#socket.once('error', error => {
      this.#broken = error;
      this.#wake();
    });
  }

  /** All commands at once. */
  send(...commands) {
    this.#socket.write(commands.map(command => encoded(command.split(' '))).join(''));
  }

  /** Takes so many answers, and prints them. */
  async hear(answers) {
    let from = 0;
    for (let left = answers; left > 0; left--) from = await this.#answerEnd(from);
    const text = this.#received.toString('latin1', 0, from);
    this.#received = this.#received.subarray(from);
    process.stdout.write(
      `${this.#name} ${text.length > 200 ? `${text.slice(0, 60)}... ${text.length} bytes\n` : text}`,
    );
  }

  /** Where the answer that begins at `from` ends: a line, a text, or a list of such. */
  async #answerEnd(from) {
    const lineEnd = await this.#has(() => this.#lineEnd(from));
    const kind = String.fromCharCode(this.#received[from]);
    const number = Number(this.#received.toString('latin1', from + 1, lineEnd - 2));
    if (kind === '$' && number >= 0) return await this.#has(() => lineEnd + number + 2);
    if (!'+:*$'.includes(kind))
      throw new Error(`${this.#name} is told ${this.#received.toString('latin1', from, lineEnd)}`);
    let end = lineEnd;
    if (kind === '*') for (let left = number; left > 0; left--) end = await this.#answerEnd(end);
    return end;
  }

  #lineEnd(from) {
    const at = this.#received.indexOf('\r\n', from);
    return at < 0 ? -1 : at + 2;
  }

  /** Waits until there is as much. */
  async #has(end) {
    for (;;) {
      const there = end();
      if (there >= 0 && there <= this.#received.length) return there;
      if (this.#ended) throw new Error(`${this.#name}: the server has ended the connection`);
      await this.#news();
    }
  }

  async #news() {
    if (this.#broken !== undefined) throw new Error(`${this.#name}: the connection is broken: ${this.#broken.message}`);
    await new Promise(resolve => {
      this.#wake = resolve;
    });
  }

  /** The server ends it, and says nothing before. */
  async gone() {
    while (!this.#ended) await this.#news();
    if (this.#received.length > 0) throw new Error(`${this.#name} is told something after all`);
    this.#socket.destroy();
  }
}

async function converse() {
  const first = new Client('first');
  first.send('SET counter 41', 'SET text begin');
  await first.hear(2);
  const second = new Client('second');
  for (let round = 1; round <= Number(rounds); round++) {
    first.send('INCR counter', `APPEND text -${round}`, `RPUSH list ${round} ${round * round}`);
    await first.hear(3);
    second.send('MULTI', 'INCRBY counter 10', 'GET text', 'EXEC', 'LRANGE list 0 -1');
    await second.hear(5);
  }
  first.send(`SET large ${'x'.repeat(LARGE_BYTES)}`, 'GET large');
  await first.hear(2);
  second.send('STRLEN large', 'DBSIZE', 'GET counter');
  await second.hear(3);
  if (last === 'stay') process.exit();
  second.send('SHUTDOWN');
  await Promise.all([first.gone(), second.gone()]);
  process.stdout.write('the server has ended\n');
}

try {
  await converse();
} catch (error) {
  // The last words are what a report of a failure has.
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
