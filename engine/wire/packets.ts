// The bytes of what replicas and the bus say to each other: one packet a frame, its kind in the first byte.
//
// Numbers, byte strings and text are as in varints.ts, and unsigned unless it is said otherwise. Every packet has exactly one form: what is read and written again gives
// the same bytes. A byte string that is read is a view of its packet.
//
//   proof            01 bytes
//   hello            "EPOCHV" 00, text incarnation, module hash, options
//
//   log              10 view position length settled part...               (to the packet's end)
//   acknowledgement  11 view position executed backlog
//   heartbeat        12 view bus(0|1) executed backlog left offsets settled
//   join             13
//   welcome          14 record position
//   view             15 record position
//   offer            16 view position length part...                       (to the packet's end)
//   follow           17 view position
//   pending          19 view position output
//   finished         1a outcome
//   snapshot         18 bytes...                                           (to the packet's end) not for the channel
//
//   fence            20 view
//   output           21 view output                                        as in outputs.ts
//
//   fenced           30 view next count, then count times: stream received written
//   stale            31 view current
//   confirmed        32 stream offset
//   interrupt        33 interrupt                                          as in interrupts.ts
//   finished         35 outcome                                            as in outcomes.ts
//   heartbeat        36 taken
//
//   offsets          count, then count times: stream offset
//   executed         the position + 1: 0 stands for -1
//   record           number, text machine, primary, count, then count times text backup; text claim

import type { FromBus, Hello, PeerMessage, Progress, StreamOffset, StreamPlaces, ToBus } from '../protocol/messages.js';
import type { Outcome, View } from '../protocol/vocabulary.js';
import { interruptBytesMax, putInterrupt, readInterrupt } from './interrupts.js';
import { outcomeBytesMax, putOutcome, readOutcome } from './outcomes.js';
import { outputBytesMax, putOutput, readOutput } from './outputs.js';
import { malformed, Reader, Writer } from './varints.js';

const MAGIC = Uint8Array.of(0x45, 0x50, 0x4f, 0x43, 0x48, 0x56, 0x00);

const PROOF = 0x01;
const LOG = 0x10;
const ACKNOWLEDGEMENT = 0x11;
const PEER_HEARTBEAT = 0x12;
const JOIN = 0x13;
const WELCOME = 0x14;
const VIEW = 0x15;
const OFFER = 0x16;
const FOLLOW = 0x17;
const SNAPSHOT = 0x18;
const PENDING = 0x19;
const PEER_FINISHED = 0x1a;
const FENCE = 0x20;
const OUTPUT = 0x21;
const FENCED = 0x30;
const STALE = 0x31;
const CONFIRMED = 0x32;
const INTERRUPT = 0x33;
const FINISHED = 0x35;
const FROM_BUS_HEARTBEAT = 0x36;

/** What a packet takes besides its byte string; a guess that is right saves a copy. */
const HEAD_BYTES = 64;

// ---- the first packets of every connection

export function encodeProof(proof: Uint8Array): Uint8Array {
  return new Writer(1 + proof.length).byte(PROOF).rest(proof).finish();
}

/** The proof, as a view of the packet. */
export function decodeProof(bytes: Uint8Array): Uint8Array {
  const reader = new Reader(bytes);
  if (reader.byte() !== PROOF) throw malformed('this is no proof of epochvisor', 0);
  return reader.rest();
}

export function encodeHello(hello: Hello): Uint8Array {
  return new Writer(HEAD_BYTES * 4 + hello.options.length)
    .rest(MAGIC)
    .text(hello.incarnation)
    .text(hello.moduleHash)
    .text(hello.options)
    .finish();
}

export function decodeHello(bytes: Uint8Array): Hello {
  const reader = new Reader(bytes);
  for (const byte of MAGIC) {
    if (reader.byte() !== byte) throw malformed('this is no hello of epochvisor', reader.at - 1);
  }
  const incarnation = reader.text();
  const moduleHash = reader.text();
  const options = reader.text();
  reader.end();
  return { type: 'hello', incarnation, moduleHash, options };
}

// ---- between replicas

export function encodePeer(message: PeerMessage<Uint8Array>): Uint8Array {
  switch (message.type) {
    case 'log': {
      const writer = new Writer(HEAD_BYTES + message.part.length).byte(LOG).unsigned(message.view);
      writer.unsigned(message.position).unsigned(message.length).unsigned(message.settled);
      return writer.rest(message.part).finish();
    }
    case 'acknowledgement': {
      const writer = new Writer(HEAD_BYTES).byte(ACKNOWLEDGEMENT).unsigned(message.view).unsigned(message.position);
      return writeProgress(writer, message.progress).finish();
    }
    case 'heartbeat': {
      const writer = new Writer(HEAD_BYTES)
        .byte(PEER_HEARTBEAT)
        .unsigned(message.view)
        .byte(message.bus ? 1 : 0);
      writeProgress(writer, message.progress).unsigned(message.left);
      return writeOffsets(writer, message.confirmed).unsigned(message.settled).finish();
    }
    case 'join':
      return Uint8Array.of(JOIN);
    case 'welcome':
    case 'view': {
      const writer = new Writer(HEAD_BYTES * 4).byte(message.type === 'view' ? VIEW : WELCOME);
      return writeView(writer, message.view).unsigned(message.position).finish();
    }
    case 'offer': {
      const writer = new Writer(HEAD_BYTES + message.part.length).byte(OFFER).unsigned(message.view);
      return writer.unsigned(message.position).unsigned(message.length).rest(message.part).finish();
    }
    case 'pending': {
      const bytes = outputBytesMax(message.output);
      const writer = new Writer(HEAD_BYTES + bytes).byte(PENDING).unsigned(message.view).unsigned(message.position);
      return writer.put(bytes, (target, at) => putOutput(target, at, message.output)).finish();
    }
    case 'follow':
      return new Writer(HEAD_BYTES).byte(FOLLOW).unsigned(message.view).unsigned(message.position).finish();
    case 'finished':
      return encodeFinished(PEER_FINISHED, message.outcome);
  }
}

function encodeFinished(kind: number, outcome: Outcome): Uint8Array {
  const writer = new Writer(HEAD_BYTES).byte(kind);
  return writer.put(outcomeBytesMax(outcome), (target, at) => putOutcome(target, at, outcome)).finish();
}

/** A piece of a snapshot, on its way to a joining replica: on the same link as what the channel says, but not for it. */
export function encodeSnapshotPiece(piece: Uint8Array): Uint8Array {
  return new Writer(1 + piece.length).byte(SNAPSHOT).rest(piece).finish();
}

/** The piece, as a view of `packet`; undefined where `packet` is something else. */
export function snapshotPiece(packet: Uint8Array): Uint8Array | undefined {
  return packet[0] === SNAPSHOT ? packet.subarray(1) : undefined;
}

export function decodePeer(bytes: Uint8Array): PeerMessage<Uint8Array> {
  const reader = new Reader(bytes);
  const message = readPeer(reader);
  reader.end();
  return message;
}

function readPeer(reader: Reader): PeerMessage<Uint8Array> {
  switch (reader.byte()) {
    case LOG: {
      const view = reader.unsigned();
      const position = reader.unsigned();
      const length = reader.unsigned();
      const settled = reader.unsigned();
      return { type: 'log', view, position, length, settled, part: reader.rest() };
    }
    case ACKNOWLEDGEMENT: {
      const view = reader.unsigned();
      const position = reader.unsigned();
      return { type: 'acknowledgement', view, position, progress: readProgress(reader) };
    }
    case PEER_HEARTBEAT: {
      const view = reader.unsigned();
      const bus = reader.unsigned(1) === 1;
      const progress = readProgress(reader);
      const left = reader.unsigned();
      const confirmed = readOffsets(reader);
      return { type: 'heartbeat', view, bus, progress, left, confirmed, settled: reader.unsigned() };
    }
    case JOIN:
      return { type: 'join' };
    case WELCOME: {
      const view = readView(reader);
      return { type: 'welcome', view, position: reader.unsigned() };
    }
    case VIEW: {
      const view = readView(reader);
      return { type: 'view', view, position: reader.unsigned() };
    }
    case OFFER: {
      const view = reader.unsigned();
      const position = reader.unsigned();
      const length = reader.unsigned();
      return { type: 'offer', view, position, length, part: reader.rest() };
    }
    case PENDING: {
      const view = reader.unsigned();
      const position = reader.unsigned();
      return { type: 'pending', view, position, output: readOutput(reader) };
    }
    case FOLLOW: {
      const view = reader.unsigned();
      return { type: 'follow', view, position: reader.unsigned() };
    }
    case PEER_FINISHED:
      return { type: 'finished', outcome: readOutcome(reader) };
    default:
      throw malformed('a packet of unknown kind', 0);
  }
}

function writeProgress(writer: Writer, progress: Progress): Writer {
  return writer.unsigned(progress.executed + 1).unsigned(progress.backlogBytes);
}

function readProgress(reader: Reader): Progress {
  const executed = reader.unsigned() - 1;
  return { executed, backlogBytes: reader.unsigned() };
}

function writeView(writer: Writer, view: View): Writer {
  writer.unsigned(view.number).text(view.machine).text(view.primary).unsigned(view.backups.length);
  for (const backup of view.backups) writer.text(backup);
  return writer.text(view.claim);
}

function readView(reader: Reader): View {
  const number = reader.unsigned();
  const machine = reader.text();
  const primary = reader.text();
  const backups = Array.from({ length: reader.count() }, () => reader.text());
  return { number, machine, primary, backups, claim: reader.text() };
}

// ---- to the bus

export function encodeToBus(message: ToBus): Uint8Array {
  switch (message.type) {
    case 'fence':
      return new Writer(HEAD_BYTES).byte(FENCE).unsigned(message.view).finish();
    case 'output': {
      const { view, output } = message;
      const bytes = outputBytesMax(output);
      const writer = new Writer(HEAD_BYTES + bytes).byte(OUTPUT).unsigned(view);
      return writer.put(bytes, (target, at) => putOutput(target, at, output)).finish();
    }
  }
}

export function decodeToBus(bytes: Uint8Array): ToBus {
  const reader = new Reader(bytes);
  const message = readToBus(reader);
  reader.end();
  return message;
}

function readToBus(reader: Reader): ToBus {
  switch (reader.byte()) {
    case FENCE:
      return { type: 'fence', view: reader.unsigned() };
    case OUTPUT:
      return { type: 'output', view: reader.unsigned(), output: readOutput(reader) };
    default:
      throw malformed('a packet of unknown kind', 0);
  }
}

// ---- from the bus

export function encodeFromBus(message: FromBus): Uint8Array {
  switch (message.type) {
    case 'fenced': {
      const writer = new Writer(HEAD_BYTES).byte(FENCED).unsigned(message.view).unsigned(message.next);
      writer.unsigned(message.streams.length);
      for (const { stream, received, written } of message.streams) {
        writer.unsigned(stream).unsigned(received).unsigned(written);
      }
      return writer.finish();
    }
    case 'stale':
      return new Writer(HEAD_BYTES).byte(STALE).unsigned(message.view).unsigned(message.current).finish();
    case 'confirmed':
      return new Writer(HEAD_BYTES).byte(CONFIRMED).unsigned(message.stream).unsigned(message.offset).finish();
    case 'interrupt': {
      const bytes = interruptBytesMax(message.interrupt);
      const writer = new Writer(1 + bytes).byte(INTERRUPT);
      return writer.put(bytes, (target, at) => putInterrupt(target, at, message.interrupt)).finish();
    }
    case 'finished':
      return encodeFinished(FINISHED, message.outcome);
    case 'heartbeat':
      return new Writer(HEAD_BYTES).byte(FROM_BUS_HEARTBEAT).unsigned(message.taken).finish();
  }
}

export function decodeFromBus(bytes: Uint8Array): FromBus {
  const reader = new Reader(bytes);
  const message = readFromBus(reader);
  reader.end();
  return message;
}

function readFromBus(reader: Reader): FromBus {
  switch (reader.byte()) {
    case FENCED: {
      const view = reader.unsigned();
      const next = reader.unsigned();
      const streams = Array.from({ length: reader.count() }, () => readPlaces(reader));
      return { type: 'fenced', view, streams, next };
    }
    case STALE: {
      const view = reader.unsigned();
      return { type: 'stale', view, current: reader.unsigned() };
    }
    case CONFIRMED: {
      const stream = reader.unsigned();
      return { type: 'confirmed', stream, offset: reader.unsigned() };
    }
    case INTERRUPT:
      return { type: 'interrupt', interrupt: readInterrupt(reader) };
    case FINISHED:
      return { type: 'finished', outcome: readOutcome(reader) };
    case FROM_BUS_HEARTBEAT:
      return { type: 'heartbeat', taken: reader.unsigned() };
    default:
      throw malformed('a packet of unknown kind', 0);
  }
}

// ---- offsets

function readPlaces(reader: Reader): StreamPlaces {
  const stream = reader.unsigned();
  const received = reader.unsigned();
  return { stream, received, written: reader.unsigned() };
}

function writeOffsets(writer: Writer, offsets: readonly StreamOffset[]): Writer {
  writer.unsigned(offsets.length);
  for (const { stream, offset } of offsets) writer.unsigned(stream).unsigned(offset);
  return writer;
}

function readOffsets(reader: Reader): StreamOffset[] {
  const offsets: StreamOffset[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const stream = reader.unsigned();
    offsets.push({ stream, offset: reader.unsigned() });
  }
  return offsets;
}
