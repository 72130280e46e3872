// Every operation ended truly or uncertain: each way not to is found, and none is seen where there is none.

import { describe, expect, test } from 'vitest';
import {
  type Answer,
  type Asked,
  checkOperations,
  type GuestEvent,
  type OperationHistory,
  type Performed,
} from '../../engine/testing/operation-rules.js';

const DISK = 0x100;
const asked = (id: number, more: Partial<Asked> = {}): Asked => ({
  ...{ id: String(id), device: DISK, command: 2, argument: '0', length: 0, data: `512:${id}` },
  ...more,
});
const DONE: Answer = { status: 512, data: '' };
const performed = (id: number, answer: Answer = DONE, more: Partial<Asked> = {}): Performed => ({
  ...asked(id, more),
  answer,
});
const issued = (epoch: number, id: number, more: Partial<Asked> = {}): GuestEvent => ({
  ...{ type: 'issued', epoch, atNs: epoch },
  ...asked(id, more),
});
const completed = (epoch: number, id: number, answer: Answer = DONE): GuestEvent => ({
  ...{ type: 'completed', epoch, atNs: epoch, id: String(id) },
  ...answer,
});
const uncertain = (epoch: number, id: number): GuestEvent => ({
  ...{ type: 'uncertain', epoch, atNs: epoch, id: String(id) },
});

/** Two operations before a failover in epoch 5, one outstanding at it and asked for again. */
const EVENTS: readonly GuestEvent[] = [
  issued(1, 1),
  issued(1, 2),
  completed(2, 1),
  completed(3, 2),
  issued(4, 3),
  uncertain(5, 3),
  issued(6, 3),
  completed(7, 3),
];
const HISTORY: OperationHistory = {
  performed: [performed(1), performed(2), performed(3)],
  events: EVENTS,
  failovers: [{ epoch: 5, own: true }],
  operationIds: true,
  endLeft: false,
};
const breachOf = (more: Partial<OperationHistory>) => checkOperations({ ...HISTORY, ...more }).breach;
/** Without the events of these indices. */
const without = (...at: readonly number[]) => EVENTS.filter((_, index) => !at.includes(index));

describe('the rules are kept', () => {
  test('by a history with a repeat, and all of its operations are counted', () => {
    expect(checkOperations(HISTORY)).toEqual({ operations: 3, breach: undefined });
  });

  test('by an id that names another operation after its completion', () => {
    const events = [...EVENTS, issued(8, 1, { argument: '9' }), completed(9, 1)];
    expect(
      breachOf({ events, performed: [...HISTORY.performed, performed(1, DONE, { argument: '9' })] }),
    ).toBeUndefined();
  });

  test('by what the bus refuses before a device hears of it', () => {
    const refusal = { status: -1, data: '' };
    expect(breachOf({ events: [...EVENTS, issued(8, 9), completed(9, 9, refusal)] })).toBeUndefined();
  });

  test('by a driver that leaves what is uncertain, and by a guest that ends before it is told', () => {
    expect(breachOf({ events: without(6, 7) })).toBeUndefined();
    expect(breachOf({ events: without(5, 6, 7) })).toBeUndefined();
  });

  test('by what the survivor was told of the failover of another, who died', () => {
    expect(breachOf({ failovers: [{ epoch: 5, own: false }] })).toBeUndefined();
    // It never came to the survivor.
    const failovers = [
      { epoch: 3, own: false },
      { epoch: 5, own: true },
    ];
    expect(breachOf({ failovers })).toBeUndefined();
  });

  test("by the paper's world, which pays twice what is asked for twice, and fences at other times", () => {
    const twice = [...HISTORY.performed, performed(3, { status: 7, data: '' })];
    expect(breachOf({ performed: twice, operationIds: false })).toBeUndefined();
    expect(breachOf({ failovers: [], operationIds: false })).toBeUndefined();
  });

  test('by a survivor that need not come as far as the dead', () => {
    expect(breachOf({ performed: [...HISTORY.performed, performed(4)], endLeft: true })).toBeUndefined();
  });
});

describe('true', () => {
  test('is not what no device performed', () => {
    expect(breachOf({ performed: [performed(1), performed(3)] })).toBe(
      'operation 2 at disk 0 is told as performed, with status 512, and no device performed it',
    );
  });

  test('is not another result', () => {
    const answers = [performed(1), performed(2, { status: 512, data: '512:abc' }), performed(3)];
    expect(breachOf({ performed: answers })).toBe(
      'operation 2 at disk 0 is told as performed, with status 512, and the device answered with status 512 and data 512:abc',
    );
    const exchanged = [performed(1, { status: 1, data: '' }), performed(2, { status: 2, data: '' })];
    const told = [
      issued(1, 1),
      issued(1, 2),
      completed(2, 1, exchanged[1]!.answer),
      completed(2, 2, exchanged[0]!.answer),
    ];
    expect(breachOf({ performed: exchanged, events: told })).toMatch(/^operation 1 .* answered with status 1$/);
  });

  test('is not what the device was not done with', () => {
    expect(breachOf({ performed: [performed(1), asked(2), performed(3)] })).toMatch(
      /^operation 2 .*, and the device was not done with it$/,
    );
  });

  test('is no refusal of what was performed', () => {
    const events = EVENTS.map(event => (event.type === 'completed' ? { ...event, status: -1 } : event));
    expect(breachOf({ events })).toMatch(/^operation 1 .*with status -1, and the device answered with status 512$/);
  });
});

describe('uncertain', () => {
  test('is not told where nobody failed', () => {
    expect(breachOf({ failovers: [] })).toBe(
      'operation 3 at disk 0 is told as uncertain at the end of epoch 5, where there was no failover',
    );
  });

  test('is all that was outstanding', () => {
    expect(breachOf({ events: without(5, 6) })).toBe(
      'operation 3 at disk 0 was outstanding at the failover in epoch 5, and is not told as uncertain',
    );
  });

  test('is nothing that had ended, or was never asked for', () => {
    expect(breachOf({ events: [...EVENTS.slice(0, 5), uncertain(5, 2), ...EVENTS.slice(5)] })).toBe(
      'operation 2 at disk 0 is told as uncertain, and was told as performed before',
    );
    expect(breachOf({ events: [...EVENTS.slice(0, 5), uncertain(5, 8), ...EVENTS.slice(5)] })).toBe(
      'operation 8 is told as uncertain, and was never asked for',
    );
  });
});

describe('once', () => {
  test('is an operation told of, after a failover as before', () => {
    for (const at of [3, 4, 8]) {
      const events = [...EVENTS.slice(0, at), completed(EVENTS[at - 1]!.epoch, 1), ...EVENTS.slice(at)];
      expect(breachOf({ events })).toBe(
        'operation 1 at disk 0 is told as performed (status 512), and was told as performed before',
      );
    }
    const both = [...EVENTS.slice(0, 6), completed(5, 3), ...EVENTS.slice(6)];
    expect(breachOf({ events: both })).toMatch(/is told as performed .* and was told as uncertain before$/);
  });

  test('is an id performed, though it is asked for again', () => {
    expect(breachOf({ performed: [...HISTORY.performed, performed(3)] })).toBe(
      'operation 3 at disk 0 was performed 2 times, and asked for once',
    );
  });

  test("is in the paper's world what was asked for once", () => {
    expect(breachOf({ performed: [...HISTORY.performed, performed(2)], operationIds: false })).toBe(
      'operation 2 at disk 0 was performed 2 times, and asked for once',
    );
  });
});

describe('of a cause', () => {
  test('is nothing that the survivor never asked for', () => {
    expect(breachOf({ performed: [...HISTORY.performed, performed(4)] })).toBe(
      'operation 4 at disk 0 was performed (command 2, argument 0, data 512:4), and the survivor never asked for that',
    );
  });

  test('is no other request under its number', () => {
    const wrong = [...HISTORY.performed.slice(0, 2), performed(3, DONE, { data: '512:other' })];
    expect(breachOf({ performed: wrong })).toBe(
      'operation 3 at disk 0 was performed (command 2, argument 0, data 512:other), and the survivor never asked for ' +
        'that; under its number it asked for command 2, argument 0, data 512:3',
    );
  });
});

describe('answered', () => {
  const events = without(7);
  test('is what a run that hangs had asked for long before', () => {
    expect(breachOf({ events, answeredBeforeNs: 7 })).toBe(
      'operation 3 at disk 0 was never answered, and the device had performed it',
    );
    expect(breachOf({ events, answeredBeforeNs: 7, performed: HISTORY.performed.slice(0, 2) })).toMatch(
      /and the device never heard of it$/,
    );
  });

  test('need not be what it has just asked for', () => {
    expect(breachOf({ events, answeredBeforeNs: 6 })).toBeUndefined();
  });
});
