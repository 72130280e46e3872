// `epochvisor inspect-log FILE`: what happened, a line each.

import { Command, InvalidArgumentError } from 'commander';
import { streamName } from '../../devices/console/console-streams.js';
import { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../protocol/clock.js';
import { describeOutcome } from '../protocol/describe.js';
import { EVENT_KINDS, eventsOf, type LogEvent } from '../recording/log-events.js';
import { openRecording, type Recording } from '../recording/recording.js';
import type { OutputNote } from '../wire/segment-records.js';
import { integer } from './machine-flags.js';
import { print } from './output.js';

interface InspectLogFlags {
  readonly json?: true;
  readonly kind?: readonly LogEvent['kind'][];
  readonly from: number;
  readonly to?: number;
}

/** Lines are printed together, this many characters at a time. */
const BLOCK_CHARACTERS = 1 << 16;
const EPOCH = integer(0, Number.MAX_SAFE_INTEGER);

export function inspectLogCommand(): Command {
  return new Command('inspect-log')
    .description('Tell what happened, a line each: epochs, interrupts, results, outputs, views, failovers.')
    .argument('<FILE|DIR>', 'a recording, or the folder of a log')
    .option('--json', 'a JSON object a line')
    .option('--kind <KINDS>', `only these, with commas between: ${EVENT_KINDS.join(', ')}`, kinds)
    .option('--from <EPOCH>', 'nothing of earlier epochs', EPOCH, 0)
    .option('--to <EPOCH>', 'nothing of later epochs', EPOCH)
    .action(inspectLog);
}

function kinds(text: string): readonly LogEvent['kind'][] {
  return text.split(',').map(name => {
    const kind = EVENT_KINDS.find(one => one === name.trim());
    if (kind === undefined) throw new InvalidArgumentError(`There is no '${name}': ${EVENT_KINDS.join(', ')}.`);
    return kind;
  });
}

function inspectLog(path: string, { json, kind, from, to = Infinity }: InspectLogFlags): void {
  const recording = openRecording(path);
  const contents = new Contents();
  let block = '';
  const say = (line: string) => {
    block += `${line}\n`;
    if (block.length < BLOCK_CHARACTERS) return;
    print(block);
    block = '';
  };
  const all = kind === undefined;
  if (all) say(json === true ? asJson(machineOf(recording)) : machineText(recording));
  for (const event of eventsOf(recording)) {
    contents.add(event);
    if (!all && !kind.includes(event.kind)) continue;
    if (event.epoch >= from && event.epoch <= to) say(json === true ? asJson(event) : `${event.epoch} ${text(event)}`);
  }
  if (all) say(json === true ? asJson(contents.sums(recording)) : contents.text(recording));
  print(block);
}

function asJson(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? field.toString() : field));
}

// ---- the machine, and what of the guest's data is in there

function machineOf({ header, machine: { options }, module }: Recording) {
  const { variant, counting, epochLength, bornMs } = options;
  const { machine, moduleHash } = header;
  return {
    kind: 'machine',
    machine,
    moduleHash,
    moduleBytes: module?.length ?? null,
    variant,
    counting,
    epochLength,
    bornMs,
  };
}

function machineText(recording: Recording): string {
  const { machine, moduleHash, moduleBytes, variant, epochLength, bornMs } = machineOf(recording);
  const guest = moduleBytes === null ? 'the guest is not in here' : `guest of ${moduleBytes} bytes`;
  const born = new Date(bornMs).toISOString();
  return `machine ${machine}, born ${born}, ${variant}, epochs of ${epochLength} instructions; ${guest}, SHA-256 ${moduleHash}`;
}

/** Sums over all of it, whatever is printed. */
class Contents {
  #results = 0;
  #input = 0;
  #read = 0;
  #outputs = 0;
  #checkpoints = 0;

  add(event: LogEvent): void {
    if (event.kind === 'result') this.#results += 1;
    else if (event.kind === 'checkpoint') this.#checkpoints += 1;
    else if (event.kind === 'output') this.#outputs += 1;
    else if (event.kind !== 'interrupt') return;
    else if (event.interrupt === 'completion') this.#read += event.bytes ?? 0;
    else this.#input += event.bytes ?? 0;
  }

  sums({ machine: { options }, module }: Recording) {
    return {
      kind: 'contents',
      guest: module !== undefined,
      arguments: options.arguments.length,
      environment: options.wasi?.environment.length ?? 0,
      inputBytes: this.#input,
      readBytes: this.#read,
      results: this.#results,
      outputChecksums: this.#outputs,
      memories: this.#checkpoints,
    };
  }

  text(recording: Recording): string {
    const sums = this.sums(recording);
    const data = [
      ...(sums.guest ? ['its code'] : []),
      `${sums.arguments} arguments`,
      `${sums.environment} environment variables`,
      `${sums.inputBytes} bytes of input`,
      `${sums.readBytes} bytes that devices gave`,
      `${sums.results} clock and random values`,
      `its whole memory ${sums.memories} times`,
    ];
    return `contains of the guest: ${data.join(', ')}; of its output, checksums (${sums.outputChecksums})`;
  }
}

// ---- events in words

function text(event: LogEvent): string {
  switch (event.kind) {
    case 'source':
      return `source replica ${short(event.replica)}`;
    case 'view': {
      const backups = event.backups.length === 0 ? 'no backup' : `backup ${event.backups.map(short).join(', ')}`;
      const at = new Date(event.atMs).toISOString();
      return `view ${event.view}: primary ${short(event.primary)}, ${backups} (${event.reason}), ${at}`;
    }
    case 'failover':
      return `failover: live after this epoch, operations uncertain: ${event.uncertain}, ${new Date(event.atMs).toISOString()}`;
    case 'checkpoint':
      return `checkpoint at instruction ${event.count}, position ${event.position}`;
    case 'empty':
      return `empty ${event.epochs === 1 ? 'epoch' : `epochs, ${event.epochs} of them`}, to instruction ${event.count}`;
    case 'end':
      return `end at instruction ${event.count}, ${event.timeNs} ns`;
    case 'interrupt':
      return `interrupt ${event.interrupt}${details(event)}`;
    case 'result':
      return `result ${sourceName(event.source)} ${BigInt.asUintN(64, event.value)}`;
    case 'output':
      return `output ${outputText(event.note)}`;
    case 'digest':
      return `digest of pages ${event.firstPage} to ${event.firstPage + event.pages - 1}`;
    case 'length':
      return `length of epochs from here on: ${event.epochLength} instructions`;
    case 'outcome':
      return `outcome ${describeOutcome(event.outcome)}`;
    case 'closed':
      return `closed: ${event.why}${event.code === '' ? '' : ` [${event.code}]`}`;
  }
}

const short = (incarnation: string): string => incarnation.slice(0, 8);

function details(event: LogEvent & { readonly kind: 'interrupt' }): string {
  const { stream, offset, opened, operation, status, bytes } = event;
  const parts = [
    ...(stream === undefined ? [] : [streamName(stream)]),
    ...(offset === undefined ? [] : [`at ${offset}`]),
    ...(opened === undefined ? [] : [`stream ${opened}`]),
    ...(operation === undefined ? [] : [`operation ${operation}`]),
    ...(status === undefined ? [] : [`status ${status}`]),
    ...(bytes === undefined ? [] : [`${bytes} bytes`]),
  ];
  return parts.length === 0 ? '' : ` ${parts.join(', ')}`;
}

function sourceName(source: number): string {
  if (source === SOURCE_REAL_TIME) return 'real-time';
  return source === SOURCE_MONOTONIC ? 'monotonic' : 'random';
}

function outputText(note: OutputNote): string {
  if (note.type === 'operation') {
    return `operation ${note.id} of device ${note.device}, command ${note.command}, ${note.length} bytes`;
  }
  const place = `${streamName(note.stream)}, at ${note.offset}`;
  return note.type === 'stream' ? `${place}, ${note.length} bytes` : `${note.type} of ${place}`;
}
