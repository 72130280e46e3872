// RS: what becomes of an operation in flight when the connection to the bus is another one.

import { describe, expect, it } from 'vitest';
import { Channel } from '../../engine/protocol/channel.js';
import { FIRST_OPENED_STREAM, type Operation } from '../../engine/protocol/vocabulary.js';

const operation: Operation = { id: 1n, device: 0x200, command: 1, argument: 20n, length: 0, data: new Uint8Array(0) };

/** A primary that is attached to the bus and has one operation in flight there. */
function primaryWithOperation(operationIds: boolean) {
  const view = { number: 1, machine: 'm', primary: 'a', backups: ['b'], claim: 'first' };
  const timing = { heartbeatMs: 100, tickMs: 50, suspicionMs: 1000, startMs: 1000, nowMs: 0 };
  const channel = new Channel<string>({
    incarnation: 'a',
    machine: 'm',
    view,
    operationIds,
    ...timing,
    newClaim: () => 'second',
  });
  channel.step({ type: 'peerOpened', peer: 'b', nowMs: 0 });
  channel.step({ type: 'busOpened', nowMs: 0 });
  channel.step({ type: 'bus', message: { type: 'fenced', view: 1, streams: [], next: FIRST_OPENED_STREAM }, nowMs: 0 });
  const sent = channel.step({ type: 'output', position: 0, output: { type: 'operation', operation } });
  expect(sent).toMatchObject([{ type: 'sendBus', message: { type: 'output' } }]);
  return channel;
}

function loseBackup(channel: Channel<string>) {
  const [claim] = channel.step({ type: 'peerClosed', peer: 'b', reason: 'killed', nowMs: 10 });
  if (claim?.type !== 'claim') throw new Error('the loss of a backup is answered by a claim');
  channel.step({ type: 'claimed', view: claim.view, answer: { result: 'won' }, nowMs: 20 });
  return channel.step({
    type: 'bus',
    message: { type: 'fenced', view: 2, streams: [], next: FIRST_OPENED_STREAM },
    nowMs: 30,
  });
}

describe('an operation in flight', () => {
  it.each([true, false])('is left alone when the view changes on a living connection (operation ids %s)', ids => {
    const effects = loseBackup(primaryWithOperation(ids));
    expect(effects).toEqual([]);
  });

  it('is sent again after the connection to the bus was lost (RS)', () => {
    const channel = primaryWithOperation(true);
    channel.step({ type: 'busClosed', nowMs: 10 });
    channel.step({ type: 'busOpened', nowMs: 20 });
    const effects = channel.step({
      type: 'bus',
      message: { type: 'fenced', view: 1, streams: [], next: FIRST_OPENED_STREAM },
      nowMs: 30,
    });
    expect(effects).toMatchObject([{ rule: 'RS', type: 'sendBus', message: { output: { operation: { id: 1n } } } }]);
  });

  it('is called uncertain instead where the bus does not know ids', () => {
    const channel = primaryWithOperation(false);
    channel.step({ type: 'busClosed', nowMs: 10 });
    channel.step({ type: 'busOpened', nowMs: 20 });
    const effects = channel.step({
      type: 'bus',
      message: { type: 'fenced', view: 1, streams: [], next: FIRST_OPENED_STREAM },
      nowMs: 30,
    });
    expect(effects).toEqual([{ rule: 'RS', type: 'interrupt', interrupt: { kind: 'uncertain', operation: 1n } }]);
  });
});
