// The bytes of what observers ask and are answered: literal, round trip, hostile.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import {
  decodeFromObserver,
  decodeToObserver,
  encodeFromObserver,
  encodeToObserver,
} from '../../engine/wire/observer-packets.js';

test('literal bytes', () => {
  expect([...encodeFromObserver({ type: 'askReport' })]).toEqual([0x40]);
  expect([...encodeFromObserver({ type: 'askModule' })]).toEqual([0x41]);
  expect([...encodeFromObserver({ type: 'crash' })]).toEqual([0x42]);
  expect([...encodeToObserver({ type: 'report', json: '{}' })]).toEqual([0x48, 2, 0x7b, 0x7d]);
  const part = Uint8Array.of(7, 8);
  expect([...encodeToObserver({ type: 'module', size: 300, part })]).toEqual([0x49, 0xac, 2, 7, 8]);
});

test('what is written is read again', () => {
  for (const type of ['askReport', 'askModule', 'crash'] as const) {
    expect(decodeFromObserver(encodeFromObserver({ type }))).toEqual({ type });
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), json => {
      expect(decodeToObserver(encodeToObserver({ type: 'report', json }))).toEqual({ type: 'report', json });
    }),
  );
});

test('hostile bytes are refused, and nothing else happens', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
      for (const decode of [decodeFromObserver, decodeToObserver]) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(EpochvisorError);
          expect((error as EpochvisorError).code).toBe('PACKET_MALFORMED');
        }
      }
    }),
  );
});
