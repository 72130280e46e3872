// The page of a running machine over HTTP, in the launcher's process.
//
//   GET /        the page: one file with all that it needs, so that it works where there is no network but this server's
//   GET /feed    a WebSocket (page/page-frame.ts): what the machine does, and what is to be done to it
//
// Who may ask is decided by page-guard.ts. What others can cost is bounded: connections, pages, the time that a request may take,
// what a page may say at once, and what is kept for one that does not read (page-feed.ts).

import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { EpochvisorError } from '../errors/errors.js';
import type { LaunchedMachine } from '../launch/launched-machine.js';
import { journalMachine } from '../launch/machine-journal.js';
import type { ObservedMachine } from '../observe/machine-figures.js';
import { listenAt, placeOf, placeText, type ServingPlace } from '../observe/serving-place.js';
import { newsOf } from './machine-news.js';
import { MachineOrders, type OrderedMachine, parseOrder } from './machine-orders.js';
import { PageFeed } from './page-feed.js';
import { isLoopback, newToken, refusalOf } from './page-guard.js';

export const PAGES_MAX = 100;
/** Those of pages, and of who asks for one. */
const CONNECTIONS_MAX = 2 * PAGES_MAX;
const PATIENCE_MS = 10_000;
/** An order is some dozens of bytes. */
const ORDER_MAX_BYTES = 1024;
const ANY_ADDRESS = new Set(['0.0.0.0', '::']);

export class DashboardServer {
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: ORDER_MAX_BYTES, perMessageDeflate: false });
  readonly #feed: PageFeed;
  readonly #orders: MachineOrders;
  readonly #page: Buffer;
  readonly #headers: Readonly<Record<string, string>>;
  #token: string | undefined;

  /**
   * @param machine what is shown; @param ordered the same, as what orders are carried out on
   * @param repairs whether a replacement is started for a replica that died; @param page the file that the bundle has
   * @throws EpochvisorError METRICS_ADDRESS: it can't listen there
   */
  static async start(
    machine: ObservedMachine,
    ordered: OrderedMachine,
    repairs: boolean,
    page: Buffer,
    place: ServingPlace,
  ): Promise<DashboardServer> {
    const server = new DashboardServer(machine, ordered, repairs, page);
    await listenAt(server.#server, place, 'the page');
    // By the address that it has: a name may stand for any.
    if (!isLoopback(placeOf(server.#server).host)) server.#token = newToken();
    return server;
  }

  private constructor(machine: ObservedMachine, ordered: OrderedMachine, repairs: boolean, page: Buffer) {
    this.#page = page;
    this.#orders = new MachineOrders(ordered, repairs);
    const hello = { type: 'hello', run: randomUUID(), repairs } as const;
    this.#feed = new PageFeed(machine, () => this.#orders.paused, hello);
    this.#headers = headersOf(this.#page.toString());
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.headersTimeout = PATIENCE_MS;
    this.#server.requestTimeout = PATIENCE_MS;
    this.#server.setTimeout(PATIENCE_MS, socket => socket.destroy());
    this.#server.on('clientError', (_, socket) => socket.destroy());
    this.#server.unref();
  }

  get needsToken(): boolean {
    return this.#token !== undefined;
  }

  /** Without the token. */
  get address(): string {
    const { host, port } = placeOf(this.#server);
    return `http://${placeText(ANY_ADDRESS.has(host) ? hostname() : host, port)}/`;
  }

  /** With it: who knows this may see the page, and act. */
  get addressWithToken(): string {
    return this.#token === undefined ? this.address : `${this.address}?token=${this.#token}`;
  }

  /** To be called before the machine is started. */
  follow(machine: LaunchedMachine): void {
    const pids = new Map<string, number>();
    const pidOf = (incarnation: string) => {
      const { primary, backups, joining } = machine.status;
      // A few at a time, however many there have been.
      for (const one of [primary, ...backups, ...joining]) if (one.pid > 0) pids.set(one.incarnation, one.pid);
      for (const known of pids.keys()) if (pids.size > PAGES_MAX) pids.delete(known);
      return pids.get(incarnation);
    };
    journalMachine(machine, event => {
      const news = newsOf(event, pidOf);
      if (news !== undefined) this.#feed.happened(news.kind, news.text);
    });
  }

  /** The machine has ended: pages are told, and keep what they show. Resolves when those that read know. */
  async end(how: string): Promise<void> {
    await this.#feed.end(how);
    this.close();
  }

  close(): void {
    this.#feed.freeze();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve({ method, url = '/', headers }: IncomingMessage, response: ServerResponse): void {
    const refusal =
      method === 'GET' || method === 'HEAD'
        ? (refusalOf(headers, url, this.#token) ?? this.#otherRefusal(url, '/'))
        : { status: 405, line: 'it is only to be read: GET' };
    const body = refusal === undefined ? this.#page : Buffer.from(`${refusal.line}\n`);
    response.writeHead(refusal?.status ?? 200, {
      ...this.#headers,
      'content-type': refusal === undefined ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8',
      'content-length': body.length,
      ...(refusal?.status === 405 ? { allow: 'GET, HEAD', connection: 'close' } : {}),
    });
    response.end(method === 'HEAD' ? undefined : body);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { url = '/', headers } = request;
    const refusal = refusalOf(headers, url, this.#token) ?? this.#otherRefusal(url, '/feed');
    socket.on('error', () => socket.destroy());
    if (refusal === undefined) {
      this.#sockets.handleUpgrade(request, socket, head, page => this.#opened(page));
      return;
    }
    const { status, line } = refusal;
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
        `content-length: ${line.length + 1}\r\nconnection: close\r\n\r\n${line}\n`,
      () => socket.destroy(),
    );
  }

  #otherRefusal(url: string, path: string): { status: number; line: string } | undefined {
    if (url.split('?', 1)[0] !== path) return { status: 404, line: 'the page is at /' };
    if (this.#feed.count < PAGES_MAX) return undefined;
    return { status: 503, line: `${PAGES_MAX} pages show this machine, and there is no room for more: close one` };
  }

  #opened(page: WebSocket): void {
    // Who breaks off, or says what is no WebSocket message.
    page.on('error', () => page.terminate());
    page.on('message', (data, isBinary) => {
      const order = isBinary ? undefined : parseOrder(String(data));
      if (order === undefined) {
        page.terminate();
        return;
      }
      try {
        const done = this.#orders.carryOut(order);
        this.#feed.happened('note', `from a page: ${done}`);
        this.#feed.answer(page, true, done);
      } catch (error) {
        if (!(error instanceof EpochvisorError)) throw error;
        this.#feed.answer(page, false, error.line);
      }
    });
    this.#feed.add(page);
  }
}

/** What the page may do: run its own script, look as it looks, call here; nobody may frame it, for a click would be theirs. */
function headersOf(page: string): Record<string, string> {
  const hashes = (tag: string) =>
    [...page.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'gs'))]
      .map(([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`)
      .join(' ');
  return {
    'content-security-policy': [
      "default-src 'none'",
      `script-src ${hashes('script')}`,
      `style-src ${hashes('style')}`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}
