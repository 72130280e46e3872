// Metrics and health over HTTP, for Prometheus and for load balancers: read only, in the process that knows of the machine.
//
//   GET /metrics           the text that Prometheus reads
//   GET /live              200 while the primary lives and its guest has begun, else 503
//   GET /protected         200 while the death of any replica would go unnoticed, else 503
//   GET /primary?host=H    200 while the primary is on host H (left out: this one), else 503
//
// The bus is served by the same event loop. So what a caller can cost is bounded: connections, the time that a request may take,
// and the text, which is made at most once in FRESH_MS, whoever asks how often.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ObservedMachine } from './machine-figures.js';
import { MachineMetrics } from './machine-metrics.js';
import { listenAt, placeOf, placeText, type ServingPlace } from './serving-place.js';

/** At a time: a few scrapers, and load balancers. */
export const CONNECTIONS_MAX = 64;
/** In which a request must have come, and its answer must have been taken, ms. */
const PATIENCE_MS = 10_000;
const FRESH_MS = 100;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
}

export class MetricsServer {
  readonly #machine: ObservedMachine;
  readonly #metrics: MachineMetrics;
  readonly #server: Server;
  #text: Promise<string> = Promise.resolve('');
  #textMs = -Infinity;

  /**
   * @param port 0: of the kernel's choice
   * @param patienceMs another PATIENCE_MS, for tests
   * @throws EpochvisorError METRICS_ADDRESS: it can't listen there
   */
  static async start(
    machine: ObservedMachine,
    place: ServingPlace,
    version: string,
    patienceMs = PATIENCE_MS,
  ): Promise<MetricsServer> {
    const server = new MetricsServer(machine, version, patienceMs);
    await listenAt(server.#server, place, 'metrics');
    return server;
  }

  private constructor(machine: ObservedMachine, version: string, patienceMs: number) {
    this.#machine = machine;
    this.#metrics = new MachineMetrics(machine, version);
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.headersTimeout = patienceMs;
    this.#server.requestTimeout = patienceMs;
    // Who takes nothing of its answer, and who never asks.
    this.#server.setTimeout(patienceMs, socket => socket.destroy());
    // Who says no HTTP, or has gone.
    this.#server.on('clientError', (_, socket) => socket.destroy());
    this.#server.unref();
  }

  /** `http://ADDRESS:PORT/metrics`. */
  get address(): string {
    const { host, port } = placeOf(this.#server);
    return `http://${placeText(host, port)}/metrics`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve({ method, url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const {
      status,
      text,
      type = 'text/plain; charset=utf-8',
    } = method === 'GET' || method === 'HEAD'
      ? await this.#answer(url)
      : { status: 405, text: 'it is only to be read: GET\n' };
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD', connection: 'close' } : {}),
    });
    response.end(method === 'HEAD' ? undefined : text);
  }

  async #answer(url: string): Promise<Answer> {
    const [path, query] = url.split('?', 2);
    switch (path) {
      case '/metrics':
        return { status: 200, text: await this.#fresh(), type: this.#metrics.contentType };
      case '/live':
        return health(this.#machine.isLive, 'live', 'no primary runs');
      case '/protected': {
        const { protected: isProtected, reason } = this.#machine.status;
        return health(isProtected, 'protected', `not protected: ${reason}`);
      }
      case '/primary': {
        const here = this.#machine.status.launcher?.host ?? '';
        const host = new URLSearchParams(query).get('host') ?? here;
        const { primaryHost } = this.#machine;
        return health(
          primaryHost !== undefined && host === primaryHost,
          `the primary is on ${host}`,
          primaryHost === undefined ? 'no primary is known here' : `it is on ${primaryHost}`,
        );
      }
      default:
        return { status: 404, text: 'there are /metrics, /live, /protected and /primary?host=\n' };
    }
  }

  #fresh(): Promise<string> {
    const nowMs = performance.now();
    if (nowMs - this.#textMs > FRESH_MS) {
      this.#textMs = nowMs;
      this.#text = this.#metrics.text();
    }
    return this.#text;
  }
}

function health(is: boolean, yes: string, no: string): Answer {
  return is ? { status: 200, text: `${yes}\n` } : { status: 503, text: `${no}\n` };
}
