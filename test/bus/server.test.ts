// The bus over real connections, with real devices behind it.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Console } from '../../devices/console/console.js';
import type { SourceDevice, SourceSink } from '../../devices/device.js';
import { DISK_READ, DISK_WRITE, FIRST_DISK } from '../../devices/disk/disk-commands.js';
import { FileDisk } from '../../devices/disk/file-disk.js';
import { Teller } from '../../devices/teller/teller.js';
import { TELLER, TELLER_DISPENSE } from '../../devices/teller/teller-commands.js';
import { BusClient } from '../../engine/bus/client.js';
import { BusServer, DEFECT } from '../../engine/bus/server.js';
import { type ConnectOptions, connect } from '../../engine/channel/connect.js';
import type { Credentials } from '../../engine/channel/credentials.js';
import type { EpochvisorError } from '../../engine/errors/errors.js';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import type { FromBus, Hello, ToBus } from '../../engine/protocol/messages.js';
import type { Interrupt, Output } from '../../engine/protocol/vocabulary.js';

const text = (string: string) => new Uint8Array(Buffer.from(string));
const NOTHING = new Uint8Array(0);

let folder: string;
let stdin: PassThrough;
let stdout: PassThrough;
let stderr: PassThrough;
let seen: string[];
let server: BusServer;
let caller: Caller;

const SOURCE = 3;

/** A source whose streams the test opens, and sees what is done with. */
class Caller implements SourceDevice {
  readonly class = 'stream';
  readonly inputs = [];
  readonly outputs = [];
  readonly sources = [SOURCE];
  readonly did: unknown[] = [];
  sink!: SourceSink;

  start(sink: SourceSink): void {
    this.sink = sink;
  }
  write(stream: number, offset: number, bytes: Uint8Array): void {
    this.did.push(['write', stream, offset, Buffer.from(bytes).toString()]);
  }
  endStream(stream: number, offset: number): void {
    this.did.push(['end', stream, offset]);
  }
  closeStream(stream: number, offset: number): void {
    this.did.push(['close', stream, offset]);
  }
  pause(stream: number): void {
    this.did.push(['pause', stream]);
  }
  resume(stream: number): void {
    this.did.push(['resume', stream]);
  }
  async close(): Promise<void> {}
}

async function start(operationIds = true): Promise<void> {
  const disk = await FileDisk.open(join(folder, 'disk'));
  const teller = await Teller.open(join(folder, 'teller'));
  seen = [];
  caller = new Caller();
  [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  server = await BusServer.start({
    credentials: CREDENTIALS,
    moduleHash: 'h',
    options: '{}',
    operationIds,
    streams: [new Console({ stdin, stdout, stderr }), caller],
    devices: new Map<number, FileDisk | Teller>([
      [FIRST_DISK, disk],
      [TELLER, teller],
    ]),
    observer: {
      attached: incarnation => seen.push(`${incarnation} attached`),
      detached: incarnation => seen.push(`${incarnation} detached`),
      fenced: (view, incarnation) => seen.push(`${incarnation} owns ${view}`),
      refused: ({ code }) => seen.push(code),
      defect: (incarnation, reason) => seen.push(`${incarnation}: ${reason}`),
      failed: (stream, { code }) => seen.push(`${stream} ${code}`),
    },
  });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'epochvisor-bus-'));
  await writeFile(join(folder, 'disk'), new Uint8Array(4096));
  await start();
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const CREDENTIALS: Credentials = { machine: 'm', secret: 's' };

const hello = (incarnation: string): Hello => ({
  type: 'hello',
  incarnation,
  moduleHash: 'h',
  options: '{}',
});

const calls = (incarnation: string): ConnectOptions => ({
  address: server.address,
  hello: hello(incarnation),
  credentials: CREDENTIALS,
  deadlineMs: 5000,
});

/** A replica that collects what the bus says. */
async function attach(incarnation: string) {
  const client = await BusClient.connect(calls(incarnation));
  const heard: FromBus[] = [];
  const closed = new Promise<{ reason: EpochvisorError; code: number; word: string }>(resolve => {
    client.listen({
      message: message => heard.push(message),
      closed: (reason, code, word) => resolve({ reason, code, word }),
    });
  });
  return {
    client,
    heard,
    closed,
    send: (message: ToBus) => client.send(message),
    output: (view: number, output: Output) => client.send({ type: 'output', view, output }),
    /** Resolves with the first message of that type, which is taken out. */
    async hearInterrupt<K extends Interrupt['kind']>(kind: K): Promise<Interrupt & { kind: K }> {
      const isIt = (message: FromBus) => message.type === 'interrupt' && message.interrupt.kind === kind;
      await expect.poll(() => heard.some(isIt)).toBe(true);
      const [message] = heard.splice(heard.findIndex(isIt), 1);
      return (message as FromBus & { type: 'interrupt' }).interrupt as Interrupt & { kind: K };
    },
    async hear<T extends FromBus['type']>(type: T): Promise<FromBus & { type: T }> {
      await expect.poll(() => heard.some(message => message.type === type)).toBe(true);
      const index = heard.findIndex(message => message.type === type);
      return heard.splice(index, 1)[0] as FromBus & { type: T };
    },
    async fence(view: number) {
      client.send({ type: 'fence', view });
      return this.hear('fenced');
    },
  };
}

const stream = (offset: number, bytes: Uint8Array): Output => ({ type: 'stream', stream: 1, offset, bytes });
const dispense = (id: bigint, amount: bigint): Output => ({
  type: 'operation',
  operation: { id, device: TELLER, command: TELLER_DISPENSE, argument: amount, length: 0, data: NOTHING },
});
const disk = (id: bigint, command: number, offset: bigint, length: number, data: Uint8Array): Output => ({
  type: 'operation',
  operation: { id, device: FIRST_DISK, command, argument: offset, length, data },
});
const collect = (readable: Readable) => {
  const chunks: Buffer[] = [];
  readable.on('data', chunk => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
};

describe('the bus server', () => {
  test('carries a machine from its first output to its end', async () => {
    const out = collect(stdout);
    const a = await attach('a');
    expect(await a.fence(1)).toMatchObject({
      streams: [
        { stream: 1, received: 0, written: 0 },
        { stream: 2, received: 0, written: 0 },
      ],
    });
    a.output(1, stream(0, text('hello ')));
    a.output(1, stream(6, text('world\n')));
    a.output(1, { type: 'stream', stream: 2, offset: 0, bytes: text('oops') });
    stdin.write('line\n');
    expect(await a.hearInterrupt('stream')).toEqual({
      kind: 'stream',
      stream: 0,
      offset: 0,
      bytes: text('line\n'),
      end: false,
    });
    stdin.end();
    expect(await a.hearInterrupt('stream')).toEqual({
      kind: 'stream',
      stream: 0,
      offset: 5,
      bytes: NOTHING,
      end: true,
    });
    a.output(1, { type: 'outcome', outcome: { kind: 'exit', status: 3 } });
    expect(await a.hear('finished')).toEqual({ type: 'finished', outcome: { kind: 'exit', status: 3 } });
    expect(await server.finished).toEqual({ kind: 'exit', status: 3 });
    expect(out()).toBe('hello world\n');
    expect(stderr.read()?.toString()).toBe('oops');
    expect(seen).toEqual(['a attached', 'a owns 1']);
  });

  test('a takeover in the middle of everything loses and doubles nothing', async () => {
    const out = collect(stdout);
    const [a, b] = [await attach('a'), await attach('b')];
    await a.fence(1);
    stdin.write('one two ');
    await a.hearInterrupt('stream');
    a.output(1, { type: 'releaseInput', stream: 0, offset: 4 });
    a.output(1, stream(0, text('abcdef')));
    a.output(1, dispense(1n, 20n));
    await a.hearInterrupt('completion');
    a.client.terminate();
    await expect.poll(() => seen).toContain('a detached');
    const { streams } = await b.fence(2);
    expect(streams[0]).toMatchObject({ stream: 1, received: 6 });
    expect(await b.hearInterrupt('stream')).toMatchObject({ offset: 4, bytes: text('two ') });
    b.output(2, stream(3, text('defghi')));
    b.output(2, dispense(1n, 20n));
    expect(await b.hearInterrupt('completion')).toMatchObject({ operation: 1n, status: 20 });
    b.output(2, { type: 'outcome', outcome: { kind: 'exit', status: 0 } });
    await b.hear('finished');
    expect(out()).toBe('abcdefghi');
    expect(await readFile(join(folder, 'teller'), 'utf8')).toBe('1 1 20\n');
  });

  test('carries streams that a source opens, from their opening to their close, across a change of owners', async () => {
    const [a, b] = [await attach('a'), await attach('b')];
    await a.fence(1);
    const [first, second] = [caller.sink.opened(SOURCE, text('peer')), caller.sink.opened(SOURCE, NOTHING)];
    caller.sink.input(first, text('question'), true);
    expect(await a.hearInterrupt('opened')).toMatchObject({ stream: SOURCE, opened: first, data: text('peer') });
    expect(await a.hearInterrupt('stream')).toMatchObject({ stream: first, bytes: text('question'), end: true });
    const put = (offset: number, string: string): Output => ({
      type: 'stream',
      stream: first,
      offset,
      bytes: text(string),
    });
    a.output(1, put(0, 'ans'));
    await expect.poll(() => caller.did).toEqual([['write', first, 0, 'ans']]);
    await b.fence(2);
    expect(await b.hearInterrupt('opened')).toMatchObject({ opened: first });
    expect(await b.hearInterrupt('stream')).toMatchObject({ stream: first });
    b.output(2, put(0, 'answer'));
    b.output(2, { type: 'end', stream: first, offset: 6 });
    b.output(2, { type: 'close', stream: first, offset: 7 });
    await expect
      .poll(() => caller.did.slice(1))
      .toEqual([
        ['write', first, 3, 'wer'],
        ['end', first, 6],
        ['close', first, 7],
      ]);
    caller.sink.written(first, 8);
    await expect.poll(() => b.heard).toContainEqual({ type: 'confirmed', stream: first, offset: 8 });
    caller.sink.reset(second);
    expect(await b.hearInterrupt('reset')).toEqual({ kind: 'reset', stream: second });
    expect((await b.fence(2)).streams.map(({ stream: number }) => number)).toEqual([1, 2, second]);
  });

  test('without operation ids the teller pays twice', async () => {
    await server.close();
    await start(false);
    const [a, b] = [await attach('a'), await attach('b')];
    await a.fence(1);
    a.output(1, dispense(1n, 20n));
    await a.hearInterrupt('completion');
    await b.fence(2);
    b.output(2, dispense(1n, 20n));
    await b.hearInterrupt('completion');
    expect(await readFile(join(folder, 'teller'), 'utf8')).toContain('2 1 20\n');
  });

  test('a primary that wakes up after its view was taken writes nothing', async () => {
    const out = collect(stdout);
    const [a, b] = [await attach('a'), await attach('b')];
    await a.fence(1);
    await b.fence(2);
    a.output(1, stream(0, text('ghost')));
    a.output(1, dispense(1n, 20n));
    expect(await a.hear('stale')).toEqual({ type: 'stale', view: 1, current: 2 });
    await expect.poll(() => a.heard.filter(({ type }) => type === 'stale')).toHaveLength(2);
    b.output(2, stream(0, text('alive')));
    await b.hear('confirmed');
    expect(out()).toBe('alive');
    expect(await readFile(join(folder, 'teller'), 'utf8')).toBe('');
  });

  test('moves disk blocks, several at once, with their data', async () => {
    const a = await attach('a');
    await a.fence(1);
    const block = new Uint8Array(512).fill(7);
    a.output(1, disk(1n, DISK_WRITE, 512n, 0, block));
    a.output(1, disk(2n, DISK_READ, 512n, 512, NOTHING));
    a.output(1, disk(3n, DISK_READ, 4096n, 512, NOTHING));
    const done: Record<string, Interrupt> = {};
    for (let count = 0; count < 3; count++) {
      const completion = await a.hearInterrupt('completion');
      done[String(completion.operation)] = completion;
    }
    expect(done).toMatchObject({
      1: { status: 512, data: NOTHING },
      2: { status: 512, data: block },
      3: { status: -1, data: NOTHING },
    });
  });

  test('refuses operations at a device that is not there', async () => {
    const a = await attach('a');
    await a.fence(1);
    const operation = { id: 1n, device: 0x999, command: 1, argument: 0n, length: 0, data: NOTHING };
    a.output(1, { type: 'operation', operation });
    expect(await a.hearInterrupt('completion')).toMatchObject({ operation: 1n, status: -1 });
  });

  test('stops nobody for a reader that takes nothing: who comes next is answered, and confirmed when it reads', async () => {
    const [a, b] = [await attach('a'), await attach('b')];
    await a.fence(1);
    const bytes = new Uint8Array(BOUNDS.sentBytes);
    a.output(1, stream(0, bytes));
    a.output(1, stream(bytes.length, text('end')));
    await expect.poll(() => a.heard).toContainEqual({ type: 'heartbeat', taken: 2 });
    const offset = bytes.length + 3;
    const { streams } = await b.fence(2);
    expect(streams[0]).toMatchObject({ stream: 1, received: offset });
    expect(streams[0]!.written).toBeLessThan(offset);
    b.output(2, stream(0, text('again')));
    b.output(2, dispense(1n, 20n));
    await b.hearInterrupt('completion');
    let taken = 0;
    stdout.on('data', (chunk: Buffer) => {
      taken += chunk.length;
    });
    await expect.poll(() => b.heard).toContainEqual({ type: 'confirmed', stream: 1, offset });
    expect(taken).toBe(offset);
  });

  test('cuts off an owner that sends whatever the outside takes, and holds no more of it than the bound', async () => {
    const a = await attach('a');
    await a.fence(1);
    const part = new Uint8Array(1024 * 1024);
    for (let index = 0; index < 32; index++) a.output(1, stream(index * part.length, part));
    expect(await a.closed).toMatchObject({ code: DEFECT, word: expect.stringMatching(/wait for the outside$/) });
    let bytes = 0;
    stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const b = await attach('b');
    const { streams } = await b.fence(2);
    await expect.poll(() => bytes).toBe(streams[0]!.received);
    expect(bytes).toBeLessThanOrEqual(BOUNDS.unwrittenBytes + 2 * part.length);
  });

  test('tells input in pieces that fit every ring, whatever the device gives at once', async () => {
    const all = Buffer.alloc(20_000_000, 'piece by piece ');
    const a = await attach('a');
    await a.fence(1);
    stdin.write(all);
    const inputs = () =>
      a.heard.flatMap(message =>
        message.type === 'interrupt' && message.interrupt.kind === 'stream' ? message.interrupt : [],
      );
    const arrived = () => inputs().reduce((sum, { bytes }) => sum + bytes.length, 0);
    await expect.poll(arrived).toBe(all.length);
    expect(Math.max(...inputs().map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(64 * 1024);
    expect(Buffer.compare(Buffer.concat(inputs().map(({ bytes }) => bytes)), all)).toBe(0);
  });

  test('reads no more input than the window holds', async () => {
    const part = new Uint8Array(64 * 1024);
    for (let index = 0; index < 20; index++) stdin.write(part);
    const a = await attach('a');
    await a.fence(1);
    await new Promise(resolve => setTimeout(resolve, 50));
    const arrived = () =>
      a.heard.reduce((sum, message) => {
        const input =
          message.type === 'interrupt' && message.interrupt.kind === 'stream' ? message.interrupt : undefined;
        return sum + (input?.bytes.length ?? 0);
      }, 0);
    expect(arrived()).toBeLessThanOrEqual(256 * 1024 + part.length);
    a.output(1, { type: 'releaseInput', stream: 0, offset: 256 * 1024 });
    await expect.poll(arrived).toBeGreaterThan(400 * 1024);
  });

  test('cuts off a sender of nonsense, and serves the others on', async () => {
    const link = await connect(calls('x'));
    const closed = new Promise<number>(resolve => {
      link.listen({ message: () => {}, closed: (_, code) => resolve(code) });
    });
    link.send(Uint8Array.of(0xff));
    expect(await closed).toBe(1007);
    const a = await attach('a');
    await a.fence(1);
    a.output(1, stream(5, text('x')));
    expect(await a.closed).toMatchObject({ code: DEFECT, word: 'output of stream 1 at 5, expected 0' });
    await expect.poll(() => seen).toContain('a: output of stream 1 at 5, expected 0');
    const b = await attach('b');
    expect(await b.fence(2)).toMatchObject({ view: 2 });
  });

  test('a replica of another machine is refused in one line', async () => {
    const other = { ...calls('a'), credentials: { ...CREDENTIALS, machine: 'other' } };
    await expect(BusClient.connect(other)).rejects.toMatchObject({ code: 'PEER_UNPROVEN' });
    await expect.poll(() => seen).toEqual(['PEER_UNPROVEN']);
  });

  test('says that the reader of its output has gone', async () => {
    const a = await attach('a');
    await a.fence(1);
    stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await expect.poll(() => seen).toContain('1 OUTPUT_CLOSED');
  });

  test('closes while replicas are attached, and frees its port', async () => {
    const a = await attach('a');
    await a.fence(1);
    const { host } = new URL(server.address);
    await server.close();
    expect(await a.closed).toMatchObject({ reason: { code: 'LINK_CLOSED' } });
    expect(a.send({ type: 'fence', view: 1 })).toBe(false);
    const again = await BusServer.start({
      credentials: CREDENTIALS,
      moduleHash: 'h',
      options: '{}',
      operationIds: true,
      streams: [],
      devices: new Map(),
      listen: host,
    });
    expect(again.address).toBe(server.address);
    await again.close();
  });
});
