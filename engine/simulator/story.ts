// A run in words: who did and said what, and when. What decides is told all along; of what was said, as much as came last, for there
// the failure is.

import { describeOutcome } from '../protocol/describe.js';
import { isOfStream } from '../protocol/lane.js';
import type { FromBus, PeerMessage, ToBus } from '../protocol/messages.js';
import type { Interrupt, Output, View } from '../protocol/vocabulary.js';
import type { Fault } from './faults.js';
import { BUS, type Message, type Seen } from './seen.js';

interface Line {
  readonly atMs: number;
  readonly words: string;
  readonly isSaid: boolean;
}

/** What was said is told of so many messages. */
const SAID_LINES = 8;
/** A story that is longer leaves out its middle. */
const LINES_MAX = 40;

export class Story {
  readonly #lines: Line[] = [];

  see(atMs: number, seen: Seen): void {
    const words = wordsOf(seen);
    if (words === undefined) return;
    this.#lines.push({ atMs, words, isSaid: seen.type === 'said' });
  }

  /** Lines. @param failure what it comes to */
  tell(failure: string): readonly string[] {
    const said = this.#lines.filter(({ isSaid }) => isSaid).slice(-SAID_LINES);
    const told = this.#lines.filter(line => !line.isSaid || said.includes(line));
    const lines = told.map(({ atMs, words }) => `${atMs.toFixed(3).padStart(12)} ms  ${words}`);
    if (lines.length > LINES_MAX) {
      const gone = lines.length - LINES_MAX;
      lines.splice(LINES_MAX / 2, gone, `${' '.repeat(17)}(${gone} lines are left out)`);
    }
    return [...lines, `${' '.repeat(17)}${failure}`];
  }
}

const many = (names: readonly string[]): string => (names.length === 0 ? 'nobody' : names.join(' and '));
const ofView = ({ primary, backups }: View): string => `${primary} with ${many(backups)}`;
const forMs = (ns: number): string =>
  ns === Number.POSITIVE_INFINITY ? 'for ever' : `for ${(ns / 1e6).toFixed(1)} ms`;

/** Undefined: nobody would miss it. */
export function wordsOf(seen: Seen): string | undefined {
  switch (seen.type) {
    case 'said':
      return said(seen.from, seen.to, seen.message);
    case 'fault':
      return struck(seen.fault, seen.whom);
    case 'died':
      return `${seen.name} dies`;
    case 'woke':
      return `${seen.name} wakes`;
    case 'started':
      return `the launcher starts ${seen.name}`;
    case 'dropped':
      return `${seen.name} ends its connection to ${seen.peer}`;
    case 'parted':
      return `${seen.name} hears that its connection to ${seen.peer} has ended: ${seen.reason}`;
    case 'news':
      return news(seen);
    case 'claims':
      return `${seen.name} claims view ${seen.view.number}: ${ofView(seen.view)}`;
    case 'answered':
      return answered(seen);
    case 'recorded':
      return `the arbiter writes view ${seen.view.number}: ${ofView(seen.view)}`;
    case 'present':
      return seen.itself
        ? `the arbiter finds the claim of view ${seen.view.number} in its own place`
        : `the arbiter refuses another view ${seen.view.number}`;
    case 'staleRead':
      return 'the arbiter tells an old view';
    case 'promoted':
      return `${seen.name} promotes its guest${seen.waits ? ', behind a full ring' : ''}`;
    case 'snapshotAsked':
      return `${seen.name} takes a snapshot for ${seen.peer}`;
    case 'snapshotRefused':
      return `the guest of ${seen.name} can't be saved where it stands`;
    case 'restored':
      return `${seen.name} goes on from the snapshot`;
    case 'fenced':
      return `the bus is fenced at view ${seen.view}, by ${seen.name}`;
    case 'late':
      return `the bus hears an output of view ${seen.view} of ${seen.name}, too late`;
    case 'busDied':
      return `the bus dies${seen.journal.power ? ', its host loses its power' : ''}: ${lossOf(seen.journal)}`;
    case 'busStarted':
      return 'the bus is started again';
    case 'recovers':
      return `${seen.name} goes on from the log of ${seen.of}, from ${seen.from} to ${seen.end}`;
    case 'recoveryRefused':
      return `nobody can go on from the logs: ${seen.code}: ${seen.why}`;
    case 'over':
      return `the bus performs the outcome: ${describeOutcome(seen.outcome)}`;
    case 'piece':
    case 'throttled':
      return undefined;
  }
}

function lossOf({ lostBytes, keeping }: { readonly lostBytes: number; readonly keeping: boolean }): string {
  const lost = lostBytes === 0 ? 'its journal is whole' : `${lostBytes} bytes of its journal are lost`;
  return keeping ? `${lost}, some were being kept` : lost;
}

function news({ name, news }: Seen & { readonly type: 'news' }): string | undefined {
  switch (news.type) {
    case 'running':
      return undefined;
    case 'view':
      return `${name} has won view ${news.view.number} (${ofView(news.view)}), for: ${news.reason}`;
    case 'named':
      return `${name} hears that a view names it`;
    case 'live':
      return `${name} is live after epoch ${news.failoverEpoch}, ${news.uncertain} operations uncertain (P8)`;
    case 'finished':
      return `${name} hears that the machine is over`;
    case 'halted':
      return `${name} halts: ${news.message} [${news.code}]`;
  }
}

function answered({ name, view, answer }: Seen & { readonly type: 'answered' }): string | undefined {
  if (answer.result === 'won') return undefined;
  if (answer.result === 'unreachable')
    return `${name} has no answer to its claim of view ${view.number}: ${answer.reason}`;
  return `${name} hears that view ${view.number} is of ${ofView(answer.owner)}`;
}

function struck(fault: Fault, whom: string | undefined): string | undefined {
  const who = whom ?? ('replica' in fault ? `nobody, for there is no ${fault.replica},` : '');
  switch (fault.kind) {
    case 'kill':
      return whom === undefined ? `${who} is killed` : undefined;
    case 'flip':
      return `a bit of the memory of ${who} changes`;
    case 'pause':
      return `${fault.what === 'process' ? who : `the ${fault.what} thread of ${who}`} stands still ${forMs(fault.durationNs)}`;
    case 'slow':
      return `${who} is ${fault.times} times slower ${forMs(fault.durationNs)}`;
    case 'stutter':
      return `${who} stands still for ${fault.pauseNs / 1e6} ms, again and again, ${forMs(fault.durationNs)}`;
    case 'jitter':
      return `timers of ${who} are up to ${fault.byNs / 1e6} ms late, ${forMs(fault.durationNs)}`;
    case 'delay':
      return `what is sent on the path '${fault.path}' takes up to ${fault.byNs / 1e6} ms more, ${forMs(fault.durationNs)}`;
    case 'setClock':
      return `the clock of ${who} is set by ${(fault.byNs / 1e9).toFixed(1)} s`;
    case 'cut':
      return `the path '${fault.path}' is cut ${fault.way === 'both' ? 'both ways' : 'one way'} ${forMs(fault.durationNs)}`;
    case 'reset':
      return `the connections on the path '${fault.path}' are reset`;
    case 'arbiterOutage':
      return `the arbiter is ${fault.silent ? 'silent' : 'out of reach'} ${forMs(fault.durationNs)}`;
    case 'pauseBus':
      return `the bus stands still ${forMs(fault.durationNs)}`;
    case 'stallTerminal':
      return `the terminal takes nothing ${forMs(fault.durationNs)}`;
    case 'restartBus':
      return undefined;
    case 'stallLog':
      return `the disk of ${who} does nothing ${forMs(fault.durationNs)}`;
    case 'fullLog':
      return `the disk of ${who} is full ${forMs(fault.durationNs)}`;
    case 'blackout':
      return fault.power ? 'all hosts lose their power' : 'every process is killed';
    case 'fullDisk':
      return `the disk of the bus is full ${forMs(fault.durationNs)}`;
  }
}

// ---- what is said

function said(from: string, to: string, message: Message): string | undefined {
  if (message.type === 'heartbeat' || message.type === 'join') return undefined;
  if (from === BUS) return fromBus(to, message as FromBus);
  if (to === BUS) return toBus(from, message as ToBus);
  return peer(from, to, message as PeerMessage<Uint8Array>);
}

function fromBus(to: string, message: FromBus): string | undefined {
  switch (message.type) {
    case 'fenced': {
      const places = message.streams.map(({ stream, received }) => `stream ${stream} up to ${received}`);
      return `${to} hears of the bus: fenced at view ${message.view}, ${places.length === 0 ? 'no streams' : places.join(', ')}`;
    }
    case 'stale':
      return `${to} hears of the bus: view ${message.view} is over, this is ${message.current}`;
    case 'confirmed':
      return `${to} hears of the bus: stream ${message.stream} is there up to ${message.offset}`;
    case 'interrupt':
      return `${to} hears of the bus: ${ofInterrupt(message.interrupt)}`;
    case 'finished':
      return `${to} hears of the bus: ${describeOutcome(message.outcome)}`;
    case 'heartbeat':
      return undefined;
  }
}

function ofInterrupt(interrupt: Interrupt): string {
  switch (interrupt.kind) {
    case 'completion':
      return `operation ${interrupt.operation} is done, status ${interrupt.status}`;
    case 'stream':
      return `${interrupt.bytes.length} bytes of input ${interrupt.stream} from ${interrupt.offset} on${interrupt.end ? ', and its end' : ''}`;
    case 'opened':
      return `stream ${interrupt.opened} is opened`;
    default:
      return `${interrupt.kind}`;
  }
}

function toBus(from: string, message: ToBus): string {
  if (message.type === 'fence') return `${from} fences the bus at view ${message.view}`;
  return `${from} tells the bus, in view ${message.view}: ${ofOutput(message.output)}`;
}

function ofOutput(output: Output): string {
  if (isOfStream(output)) {
    const what = 'bytes' in output ? `${output.bytes.length} bytes` : output.type;
    return `${what} of stream ${output.stream} at ${output.offset}`;
  }
  switch (output.type) {
    case 'operation':
      return `operation ${output.operation.id}, for device ${output.operation.device}`;
    case 'releaseOperation':
      return `it needs operation ${output.operation} no more`;
    case 'releaseInput':
      return `it needs input ${output.stream} below ${output.offset} no more`;
    case 'outcome':
      return describeOutcome(output.outcome);
  }
}

function peer(from: string, to: string, message: PeerMessage<Uint8Array>): string | undefined {
  switch (message.type) {
    case 'log':
      return `${from} sends ${to} the log from ${message.position} to ${message.position + message.length}`;
    case 'acknowledgement':
      return `${from} acknowledges to ${to} the log up to ${message.position}`;
    case 'welcome':
      return `${from} sends ${to} a snapshot, taken at ${message.position} of the log`;
    case 'pending':
      return `${from} has ${to} hold an output, too: ${ofOutput(message.output)}`;
    case 'view':
      return `${from} tells ${to} of view ${message.view.number}: ${ofView(message.view)}; its log ends at ${message.position}`;
    case 'offer':
      return `${from} offers ${to} the log from ${message.position} to ${message.position + message.length}`;
    case 'follow':
      return `${from} follows ${to} in view ${message.view}, and has the log up to ${message.position}`;
    case 'finished':
      return `${from} tells ${to}: ${describeOutcome(message.outcome)}`;
    case 'heartbeat':
    case 'join':
      return undefined;
  }
}
