// The bytes of packets: literal, round trip, hostile.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FromBus, Hello, PeerMessage, StreamOffset, ToBus } from '../../engine/protocol/messages.js';
import type { Interrupt, Operation, Outcome, Output, View } from '../../engine/protocol/vocabulary.js';
import {
  decodeFromBus,
  decodeHello,
  decodePeer,
  decodeProof,
  decodeToBus,
  encodeFromBus,
  encodeHello,
  encodePeer,
  encodeProof,
  encodeSnapshotPiece,
  encodeToBus,
  snapshotPiece,
} from '../../engine/wire/packets.js';

const hex = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1 ');
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const plain = (bytes: Uint8Array) => new Uint8Array(bytes);

const HELLO: Hello = {
  type: 'hello',
  incarnation: 'i',
  moduleHash: 'ab',
  options: '{}',
};

const unsigned = fc.oneof(fc.nat(300), fc.maxSafeNat());
const status = fc.integer();
const id = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const data = fc.uint8Array({ maxLength: 200 }).map(plain);
const offsets: fc.Arbitrary<StreamOffset[]> = fc.array(fc.record({ stream: unsigned, offset: unsigned }), {
  maxLength: 5,
});
const progress = fc.record({
  executed: unsigned.map(position => position - 1),
  backlogBytes: unsigned,
});
const view: fc.Arbitrary<View> = fc.record({
  number: unsigned,
  machine: fc.string(),
  primary: fc.string(),
  backups: fc.array(fc.string(), { maxLength: 3 }),
  claim: fc.string({ unit: 'binary' }),
});
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ kind: fc.constant('exit' as const), status }),
  fc.record({
    kind: fc.constant('trap' as const),
    message: fc.string({ unit: 'binary' }),
    count: unsigned,
    exact: fc.boolean(),
  }),
);
const operation: fc.Arbitrary<Operation> = fc.record({
  id,
  device: unsigned,
  command: unsigned,
  argument: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  length: unsigned,
  data,
});
const output: fc.Arbitrary<Output> = fc.oneof(
  fc.record({ type: fc.constant('stream' as const), stream: unsigned, offset: unsigned, bytes: data }),
  fc.record({ type: fc.constant('operation' as const), operation }),
  fc.record({
    type: fc.constantFrom('releaseInput' as const, 'end' as const, 'close' as const),
    stream: unsigned,
    offset: unsigned,
  }),
  fc.record({ type: fc.constant('releaseOperation' as const), operation: id }),
  fc.record({ type: fc.constant('outcome' as const), outcome }),
);
const peerMessage: fc.Arbitrary<PeerMessage<Uint8Array>> = fc.oneof(
  fc.record({
    type: fc.constant('log' as const),
    view: unsigned,
    position: unsigned,
    length: unsigned,
    settled: unsigned,
    part: data,
  }),
  fc.constant({ type: 'join' } as const),
  fc.record({ type: fc.constantFrom('welcome' as const, 'view' as const), view, position: unsigned }),
  fc.record({ type: fc.constant('offer' as const), view: unsigned, position: unsigned, length: unsigned, part: data }),
  fc.record({ type: fc.constant('follow' as const), view: unsigned, position: unsigned }),
  fc.record({ type: fc.constant('finished' as const), outcome }),
  fc.record({ type: fc.constant('pending' as const), view: unsigned, position: unsigned, output }),
  fc.record({ type: fc.constant('acknowledgement' as const), view: unsigned, position: unsigned, progress }),
  fc.record({
    type: fc.constant('heartbeat' as const),
    view: unsigned,
    bus: fc.boolean(),
    progress,
    left: unsigned,
    confirmed: offsets,
    settled: unsigned,
  }),
);
const interrupt: fc.Arbitrary<Interrupt> = fc.oneof(
  fc.record({
    kind: fc.constant('stream' as const),
    stream: unsigned,
    offset: unsigned,
    bytes: data,
    end: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('completion' as const), operation: id, status, data }),
  fc.record({ kind: fc.constant('opened' as const), stream: unsigned, offset: unsigned, opened: unsigned, data }),
  fc.record({ kind: fc.constant('taken' as const), stream: unsigned, offset: unsigned }),
  fc.record({ kind: fc.constant('reset' as const), stream: unsigned }),
);
const toBus: fc.Arbitrary<ToBus> = fc.oneof(
  fc.record({ type: fc.constant('fence' as const), view: unsigned }),
  fc.record({ type: fc.constant('output' as const), view: unsigned, output }),
);
const fromBus: fc.Arbitrary<FromBus> = fc.oneof(
  fc.record({
    type: fc.constant('fenced' as const),
    view: unsigned,
    streams: fc.array(fc.record({ stream: unsigned, received: unsigned, written: unsigned }), { maxLength: 5 }),
    next: unsigned,
  }),
  fc.record({ type: fc.constant('stale' as const), view: unsigned, current: unsigned }),
  fc.record({ type: fc.constant('confirmed' as const), stream: unsigned, offset: unsigned }),
  fc.record({ type: fc.constant('interrupt' as const), interrupt }),
  fc.record({ type: fc.constant('finished' as const), outcome }),
  fc.record({ type: fc.constant('heartbeat' as const), taken: unsigned }),
);
const hello: fc.Arbitrary<Hello> = fc.record({
  type: fc.constant('hello' as const),
  incarnation: fc.string({ unit: 'binary' }),
  moduleHash: fc.string(),
  options: fc.string(),
});

interface Codec<T> {
  readonly name: string;
  readonly messages: fc.Arbitrary<T>;
  readonly encode: (message: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
}

function codecTests<T>({ name, messages, encode, decode }: Codec<T>): void {
  describe(`packets ${name}`, () => {
    test('what is written is read', () => {
      fc.assert(
        fc.property(messages, message => {
          expect(decode(encode(message))).toEqual(message);
        }),
      );
    });

    test('a packet cut short or lengthened is refused or another packet, never misread as the same', () => {
      fc.assert(
        fc.property(messages, fc.nat(), (message, cut) => {
          const packet = encode(message);
          const part = packet.subarray(0, cut % packet.length);
          expect(acceptedAs(part)).not.toEqual(message);
        }),
      );
    });

    test('a changed packet is refused as malformed, or is the one form of another message', () => {
      const change = fc.record({ at: fc.nat(), to: fc.nat(255) });
      fc.assert(
        fc.property(messages, fc.array(change, { minLength: 1, maxLength: 4 }), (message, changes) => {
          const packet = plain(encode(message));
          for (const { at, to } of changes) packet[at % packet.length] = to;
          const accepted = acceptedAs(packet);
          if (accepted !== undefined) expect(hex(encode(accepted))).toBe(hex(packet));
        }),
        { numRuns: 1000 },
      );
    });

    test('random bytes are refused as malformed or are the one form of a message', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
          const accepted = acceptedAs(bytes);
          if (accepted !== undefined) expect(hex(encode(accepted))).toBe(hex(bytes));
        }),
        { numRuns: 1000 },
      );
    });
  });

  function acceptedAs(packet: Uint8Array): T | undefined {
    try {
      return decode(packet);
    } catch (error) {
      expect(error).toMatchObject({ name: 'EpochvisorError', code: 'PACKET_MALFORMED' });
      return undefined;
    }
  }
}

codecTests({ name: 'hello', messages: hello, encode: encodeHello, decode: decodeHello });
codecTests({ name: 'between replicas', messages: peerMessage, encode: encodePeer, decode: decodePeer });
codecTests({ name: 'to the bus', messages: toBus, encode: encodeToBus, decode: decodeToBus });
codecTests({ name: 'from the bus', messages: fromBus, encode: encodeFromBus, decode: decodeFromBus });

describe('literal packets', () => {
  test('hello', () => {
    expect(hex(encodeHello(HELLO))).toBe('45 50 4f 43 48 56 00 01 69 02 61 62 02 7b 7d');
    expect(decodeHello(encodeHello(HELLO))).toEqual(HELLO);
  });

  test('proof', () => {
    expect(hex(encodeProof(Uint8Array.of(1, 2, 255)))).toBe('01 01 02 ff');
    expect(decodeProof(bytesOf('01 01 02 ff'))).toEqual(Uint8Array.of(1, 2, 255));
  });

  test('between replicas', () => {
    const part = Uint8Array.of(0xaa, 0xbb);
    expect(hex(encodePeer({ type: 'log', view: 1, position: 300, length: 2, settled: 5, part }))).toBe(
      '10 01 ac 02 02 05 aa bb',
    );
    expect(
      hex(
        encodePeer({
          type: 'acknowledgement',
          view: 1,
          position: 127,
          progress: { executed: 127, backlogBytes: 2 ** 53 - 1 },
        }),
      ),
    ).toBe('11 01 7f 80 01 ff ff ff ff ff ff ff 0f');
    expect(
      hex(
        encodePeer({
          type: 'heartbeat',
          view: 2,
          bus: true,
          progress: { executed: -1, backlogBytes: 4 },
          left: 5,
          confirmed: [{ stream: 1, offset: 6 }],
          settled: 7,
        }),
      ),
    ).toBe('12 02 01 00 04 05 01 01 06 07');
  });

  test('between replicas, of views and joining', () => {
    const of: View = { number: 2, machine: 'm', primary: 'a', backups: ['b', 'c'], claim: 'x' };
    const part = Uint8Array.of(0xaa);
    expect(hex(encodePeer({ type: 'join' }))).toBe('13');
    expect(hex(encodePeer({ type: 'welcome', view: of, position: 9 }))).toBe(
      '14 02 01 6d 01 61 02 01 62 01 63 01 78 09',
    );
    expect(hex(encodePeer({ type: 'view', view: { ...of, backups: [] }, position: 9 }))).toBe(
      '15 02 01 6d 01 61 00 01 78 09',
    );
    expect(hex(encodePeer({ type: 'offer', view: 2, position: 9, length: 1, part }))).toBe('16 02 09 01 aa');
    expect(hex(encodePeer({ type: 'follow', view: 2, position: 9 }))).toBe('17 02 09');
  });

  test('a piece of a snapshot is told apart from what is for the channel', () => {
    const packet = encodeSnapshotPiece(Uint8Array.of(1, 2));
    expect(hex(packet)).toBe('18 01 02');
    expect(hex(snapshotPiece(packet)!)).toBe('01 02');
    expect(() => decodePeer(packet)).toThrow('a packet of unknown kind');
    expect(snapshotPiece(encodePeer({ type: 'join' }))).toBeUndefined();
    expect(snapshotPiece(new Uint8Array(0))).toBeUndefined();
  });

  test('to the bus', () => {
    expect(hex(encodeToBus({ type: 'fence', view: 7 }))).toBe('20 07');
    expect(
      hex(
        encodeToBus({
          type: 'output',
          view: 1,
          output: { type: 'stream', stream: 1, offset: 5, bytes: Uint8Array.of(0x68, 0x69) },
        }),
      ),
    ).toBe('21 01 00 01 05 02 68 69');
    const write: Operation = { id: 9n, device: 0x100, command: 2, argument: -1n, length: 0, data: Uint8Array.of(7) };
    expect(hex(encodeToBus({ type: 'output', view: 1, output: { type: 'operation', operation: write } }))).toBe(
      '21 01 01 09 80 02 02 ff ff ff ff ff ff ff ff ff 01 00 01 07',
    );
  });

  test('from the bus', () => {
    expect(
      hex(encodeFromBus({ type: 'fenced', view: 1, streams: [{ stream: 1, received: 2, written: 0 }], next: 9 })),
    ).toBe('30 01 09 01 01 02 00');
    expect(
      hex(
        encodeFromBus({
          type: 'interrupt',
          interrupt: { kind: 'completion', operation: 9n, status: -5, data: new Uint8Array(0) },
        }),
      ),
    ).toBe('33 03 09 09 00');
    expect(
      hex(
        encodeFromBus({
          type: 'finished',
          outcome: { kind: 'trap', message: 'é', count: 1, exact: false },
        }),
      ),
    ).toBe('35 02 01 02 c3 a9');
  });
});

describe('hostile packets', () => {
  const refused: readonly [string, string, string][] = [
    ['an empty packet', '', 'the end is missing at byte 0'],
    ['an unknown kind', '7f', 'a packet of unknown kind at byte 0'],
    ['a packet of the other direction', '30 01 00', 'a packet of unknown kind at byte 0'],
    ['a number without an end', '20 ff', 'the end is missing at byte 2'],
    ['a number beyond 2^53', '20 ff ff ff ff ff ff ff 10', 'a number is too large at byte 1'],
    ['a number of nine bytes', '20 80 80 80 80 80 80 80 80 01', 'a number is too long at byte 1'],
    ['a padded number', '20 81 00', 'a number is padded at byte 1'],
    ['something after the end', '20 01 00', 'something follows the packet at byte 2'],
    ['a length beyond the end', '21 01 01 09 01 01 01 00 ff ff 7f', 'the end is missing at byte 11'],
    ['an unknown output', '21 01 07', 'an output of unknown kind at byte 2'],
    ['an operation id of 65 bits', '21 01 03 ff ff ff ff ff ff ff ff ff 02', 'a number is too large at byte 3'],
    ['an unknown outcome', '21 01 04 03', 'an outcome of unknown kind at byte 3'],
    ['text that is not UTF-8', '21 01 04 01 00 01 ff', 'text is not UTF-8 at byte 5'],
  ];
  test.each(refused)('%s', (_, packet, message) => {
    expect(() => decodeToBus(bytesOf(packet))).toThrow(`malformed packet: ${message}`);
  });

  test('a count that the packet cannot hold is refused before anything is allocated', () => {
    expect(() => decodeFromBus(bytesOf('30 01 09 ff ff ff ff 0f'))).toThrow('a number is too large at byte 3');
  });

  test('what is no proof', () => {
    expect(() => decodeProof(bytesOf('02 01'))).toThrow('this is no proof of epochvisor at byte 0');
    expect(() => decodeProof(bytesOf(''))).toThrow('malformed packet');
  });

  test('a hello without the magic', () => {
    expect(() => decodeHello(bytesOf('45 50 4f 43 48 57 00 01'))).toThrow('this is no hello of epochvisor at byte 5');
  });
});
