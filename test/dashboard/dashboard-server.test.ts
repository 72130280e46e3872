// The server of a machine's page: what it says to whom, and that who does not read costs it nothing.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { DashboardServer, PAGES_MAX } from '../../engine/dashboard/dashboard-server.js';
import type { OrderedMachine } from '../../engine/dashboard/machine-orders.js';
import { PageFeed, WAITING_MAX_BYTES } from '../../engine/dashboard/page-feed.js';
import { NO_FIGURES_YET } from '../../engine/launch/launch-figures.js';
import { statusOf } from '../../engine/launch/launch-status.js';
import type { ObservedMachine } from '../../engine/observe/machine-figures.js';
import type { ToPage } from '../../engine/page/page-frame.js';
import { NOTHING_MEASURED } from '../../engine/protocol/measured-times.js';
import { NO_PROGRESS } from '../../engine/replica/replica-report.js';

const PAGE = readFileSync(new URL('../../dist/bundle/page.html', import.meta.url));
const PLACE = { host: '127.0.0.1', port: 0 };
const view = { number: 3, machine: 'm', primary: 'a', backups: ['b'], claim: 'c' };
const counts = { failovers: 0, uncertain: 0, lost: 0, unjoined: 0, joined: 0, silences: NOTHING_MEASURED };

let looks: number;
const machine: ObservedMachine & OrderedMachine = {
  get status() {
    looks += 1;
    const progress = { ...NO_PROGRESS, epoch: looks };
    const replica = (incarnation: string) => ({
      incarnation,
      pid: 0,
      joins: false,
      hasEnded: false,
      running: true,
      progress,
    });
    return statusOf(view, [replica('a'), replica('b')], 2);
  },
  replicas: [],
  figures: NO_FIGURES_YET,
  counts,
  isLive: true,
  primaryHost: undefined,
};

let server: DashboardServer;
let opened: WebSocket[];
const feedOf = (place: DashboardServer) => place.addressWithToken.replace('http', 'ws').replace('/?', '/feed?');

/** A page, and what it is told. */
class Page {
  readonly socket: WebSocket;
  readonly told: ToPage[] = [];

  constructor(url = `${feedOf(server)}feed`, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, { headers });
    opened.push(this.socket);
    this.socket.on('error', () => undefined);
    this.socket.on('message', data => this.told.push(JSON.parse(String(data)) as ToPage));
  }

  async heard<Type extends ToPage['type']>(type: Type, number = 1): Promise<ToPage & { type: Type }> {
    for (;;) {
      const found = this.told.filter(one => one.type === type);
      if (found.length >= number) return found.at(-1) as ToPage & { type: Type };
      await sleep(5);
    }
  }

  /** The status of the answer that is no WebSocket, and what it says. */
  async refused(): Promise<[number | undefined, string]> {
    const [, response] = await once(this.socket, 'unexpected-response');
    let text = '';
    for await (const part of response) text += part;
    return [response.statusCode, text];
  }
}

beforeEach(async () => {
  looks = 0;
  opened = [];
  server = await DashboardServer.start(machine, machine, true, PAGE, PLACE);
});
afterEach(() => {
  for (const socket of opened) socket.terminate();
  server.close();
});

describe('the page', () => {
  test('is one file that needs nothing from elsewhere, and may load nothing', async () => {
    const response = await fetch(server.address);
    const text = await response.text();
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(text).not.toMatch(/(src|href)="(?!data:)/);
    expect(text).not.toMatch(/url\((?!data:)/);
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'sha256-[^ ]+';/);
    expect(policy).toContain("frame-ancestors 'none'");
  });

  test('is at /, and only to be read', async () => {
    const answers = await Promise.all([
      fetch(new URL('/x', server.address)),
      fetch(server.address, { method: 'POST' }),
      fetch(server.address, { method: 'HEAD' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([404, 405, 200]);
  });

  test('is told the machine as it is, some times a second; without pages nobody looks', async () => {
    expect(looks).toBe(0);
    const page = new Page();
    expect(page.socket.url).toMatch(/feed$/);
    const frame = await page.heard('frame', 5);
    expect(page.told[0]).toMatchObject({ type: 'hello', repairs: true });
    expect(frame.status).toMatchObject({ view: 3, primary: { incarnation: 'a' } });
    page.socket.terminate();
    const before = looks;
    await sleep(0);
    while (looks < before) await sleep(5);
  });

  test('is not kept away by connections that ask for nothing', async () => {
    const { port } = new URL(server.address);
    const idle = Array.from({ length: 50 }, () => connect(Number(port), '127.0.0.1'));
    await Promise.all(idle.map((socket: Socket) => once(socket, 'connect')));
    await new Page().heard('frame');
    for (const socket of idle) socket.destroy();
  });

  test('is one look for all pages', async () => {
    const pages = Array.from({ length: 20 }, () => new Page());
    await Promise.all(pages.map(page => page.heard('frame', 10)));
    // A frame at once for each that opens, for those before it too, and one a tick.
    expect(looks).toBeLessThan(20 * 3 + 10 * 3);
    const epochs = pages.map(page => page.told.flatMap(one => (one.type === 'frame' ? [one.status.epoch] : [])));
    expect(epochs.every(all => all.every((epoch, at) => at === 0 || epoch > all[at - 1]!))).toBe(true);
  });
});

describe('who may not', () => {
  test('open the feed: a page of another site, and who calls by another name', async () => {
    const url = `${feedOf(server)}feed`;
    expect((await new Page(url, { origin: 'http://evil.example' }).refused())[0]).toBe(403);
    expect((await new Page(url, { host: 'evil.example' }).refused())[0]).toBe(403);
    expect((await new Page(`${url}x`).refused())[0]).toBe(404);
    const { host } = new URL(server.address);
    await new Page(url, { origin: `http://${host}` }).heard('frame');
  });

  test('without the token: not on loopback it is needed, and said once', async () => {
    const open = await DashboardServer.start(machine, machine, true, PAGE, { host: '0.0.0.0', port: 0 });
    const { port, searchParams } = new URL(open.addressWithToken);
    const at = (token: string) => `http://127.0.0.1:${port}/?token=${token}`;
    const right = searchParams.get('token')!;
    expect(right.length).toBeGreaterThan(20);
    expect(open.address).not.toContain(right);
    const wrong = await fetch(at('x'));
    expect([wrong.status, await wrong.text()]).toEqual([
      401,
      'the token is missing or wrong: open the whole address that epochvisor said when it started, with ?token=\n',
    ]);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(401);
    expect((await new Page(`ws://127.0.0.1:${port}/feed`).refused())[0]).toBe(401);
    expect((await fetch(at(right))).status).toBe(200);
    await new Page(`ws://127.0.0.1:${port}/feed?token=${right}`).heard('frame');
    open.close();
  });

  test('do what it likes: what is no order ends the connection, and a long one too', async () => {
    for (const text of ['nonsense', '{"order":"kill"}', `{"order":"failover","x":"${'x'.repeat(2_000)}"}`]) {
      const page = new Page();
      await page.heard('hello');
      page.socket.send(text);
      await once(page.socket, 'close');
    }
  });

  test('open one page too many', async () => {
    const pages = Array.from({ length: PAGES_MAX }, () => new Page());
    await Promise.all(pages.map(page => page.heard('hello')));
    const [status, text] = await new Page().refused();
    expect(status).toBe(503);
    expect(text).toBe('100 pages show this machine, and there is no room for more: close one\n');
    const answer = await fetch(server.address);
    expect([answer.status, await answer.text()]).toEqual([503, text]);
    pages[0]!.socket.close();
    await once(pages[0]!.socket, 'close');
    await new Page().heard('frame');
  });
});

test("an order that can't be carried out is answered by why", async () => {
  const page = new Page();
  await page.heard('hello');
  page.socket.send('{"order":"failover"}');
  expect(await page.heard('answer')).toMatchObject({ done: false, text: expect.stringContaining('[NOT_PROTECTED]') });
});

test('the end is told to all who read, and they see nothing after it', async () => {
  const pages = [new Page(), new Page()];
  await Promise.all(pages.map(page => page.heard('frame')));
  await server.end('exit status 0');
  for (const { told } of pages) expect(told.at(-1)).toEqual({ type: 'ended', text: 'exit status 0' });
});

test('a port in use is refused as that of metrics is', async () => {
  const other = createServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const start = DashboardServer.start(machine, machine, true, PAGE, { host: '127.0.0.1', port });
  await expect(start).rejects.toMatchObject({
    code: 'METRICS_ADDRESS',
    message: `the page can't be served on 127.0.0.1:${port}: the port is in use`,
  });
  other.close();
});

/** What a feed sends goes into a socket that takes nothing, as a kernel with full buffers does. */
class DeafSocket {
  bufferedAmount = 0;
  readonly OPEN = 1;
  readonly readyState = 1;
  isGone = false;
  readonly sent: string[] = [];
  #closed: () => void = () => undefined;
  once(_: string, closed: () => void): void {
    this.#closed = closed;
  }
  send(text: string): void {
    this.bufferedAmount += text.length;
    this.sent.push(text);
  }
  close(): void {}
  terminate(): void {
    this.isGone = true;
    this.#closed();
  }
  take(): void {
    this.bufferedAmount = 0;
  }
}

describe('a page that never reads', () => {
  const hello = { type: 'hello', run: 'r', repairs: true } as const;
  const open = (feed: PageFeed, socket: DeafSocket) => feed.add(socket as unknown as WebSocket);

  test('is sent no more than a bound, and dropped when it has taken nothing for long', async () => {
    const feed = new PageFeed(machine, () => [], hello, 200);
    const socket = new DeafSocket();
    socket.bufferedAmount = WAITING_MAX_BYTES;
    open(feed, socket);
    while (!socket.isGone) await sleep(5);
    expect(socket.bufferedAmount).toBeLessThan(WAITING_MAX_BYTES + 10_000);
    expect(feed.count).toBe(0);
  });

  test('is told of each thing once, as one that reads is', async () => {
    const feed = new PageFeed(machine, () => [], hello);
    const socket = new DeafSocket();
    feed.happened('note', 'one');
    open(feed, socket);
    feed.happened('note', 'two');
    while (socket.sent.length < 6) await sleep(5);
    feed.freeze();
    const told = socket.sent.map(text => JSON.parse(text) as ToPage);
    const news = told.flatMap(one => (one.type === 'news' ? one.news.map(({ text }) => text) : []));
    expect(news).toEqual(['one', 'two']);
  });

  test('gets the news that it has missed once it reads again, as far as they are kept', async () => {
    const feed = new PageFeed(machine, () => [], hello, 60_000);
    const socket = new DeafSocket();
    feed.happened('note', 'first');
    open(feed, socket);
    socket.bufferedAmount = 2 * WAITING_MAX_BYTES;
    for (let at = 0; at < 1_000; at++) feed.happened('note', `more ${at}`);
    const { length } = socket.sent;
    await sleep(120);
    expect(socket.sent).toHaveLength(length);
    socket.take();
    while (socket.sent.length === length) await sleep(5);
    const { news } = JSON.parse(socket.sent[length]!) as ToPage & { type: 'news' };
    expect([news.length, news.at(-1)?.text]).toEqual([200, 'more 999']);
    feed.freeze();
  });

  test('does not keep others from being told of the end', async () => {
    const feed = new PageFeed(machine, () => [], hello, 60_000);
    const socket = new DeafSocket();
    open(feed, socket);
    socket.bufferedAmount = 2 * WAITING_MAX_BYTES;
    await feed.end('exit status 0');
    expect(socket.isGone).toBe(true);
    expect(socket.sent.at(-1)).not.toContain('ended');
  });
});
