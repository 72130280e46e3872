// The places of an I/O hook: what is told of, in which order, and that nothing else of the ports changes.

import { describe, expect, test } from 'vitest';
import type { BusConnection, BusHandlers, PeerHandlers, PeerLink, ReplicaPorts } from '../../engine/driver/ports.js';
import type { ClaimAnswer } from '../../engine/protocol/channel.js';
import type { PeerMessage, ToBus } from '../../engine/protocol/messages.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { type IoHook, loadIoHook } from '../../engine/replica/io-hook.js';
import { IoPoints, type KnownInFlight } from '../../engine/replica/io-points.js';

const VIEW: View = { number: 1, machine: 'm', primary: 'old', backups: ['own'], claim: 'c' };
const LOG: PeerMessage<Uint8Array> = {
  type: 'log',
  view: 1,
  position: 4,
  length: 3,
  settled: 0,
  part: new Uint8Array(2),
};
const HEARTBEAT: PeerMessage<Uint8Array> = {
  type: 'heartbeat',
  view: 1,
  bus: true,
  progress: { executed: 0, backlogBytes: 0 },
  left: 0,
  confirmed: [],
  settled: 0,
};
const OUTCOME: ToBus = {
  type: 'output',
  view: 2,
  output: { type: 'outcome', outcome: { kind: 'exit', status: 0 } },
};

class Setting {
  readonly told: string[] = [];
  role: KnownInFlight['role'] = 'primary';
  peer: PeerHandlers | undefined;
  terminated = 0;
  readonly points: IoPoints<unknown>;

  constructor(hook: Partial<IoHook> = {}) {
    const at: IoHook['at'] = ({ kind, number, when, what }) => this.told.push(`${when} ${kind} ${number} ${what}`);
    this.points = new IoPoints({ at, ...hook }, 'own', () => ({
      viewNow: VIEW,
      role: this.role,
      epoch: 7,
      count: 70,
      outstanding: 1,
      heldBytes: 5,
    }));
  }

  link(): PeerLink {
    return this.points.link({
      bufferedBytes: 0,
      arrivedBytes: 0,
      whenTaken: () => undefined,
      listen: handlers => {
        this.peer = handlers;
      },
      send: ({ type }) => this.told.push(`sent ${type}`),
      sendPiece: () => undefined,
      close: () => undefined,
      terminate: () => {
        this.terminated += 1;
      },
      flush: () => this.told.push('flushed'),
    });
  }

  ports(): ReplicaPorts<unknown> {
    return this.points.ports({
      arbiter: {
        claim: (view: View, answer: (answer: ClaimAnswer) => void) => {
          this.told.push(`claims ${view.number}`);
          answer({ result: 'won' });
        },
        latest: () => undefined,
      },
      connectBus: (handlers: BusHandlers) =>
        handlers.opened({
          bufferedBytes: 0,
          arrivedBytes: 0,
          send: ({ type }: ToBus) => this.told.push(`sent ${type}`),
          terminate: () => undefined,
        }),
    } as unknown as ReplicaPorts<unknown>);
  }

  bus(ports = this.ports()): BusConnection {
    let bus: BusConnection | undefined;
    ports.connectBus({
      opened: opened => {
        bus = opened;
      },
      message: () => undefined,
      closed: () => undefined,
    });
    return bus!;
  }
}

describe('a message', () => {
  test('is told of before and after it is sent, by its number', () => {
    const setting = new Setting();
    const link = setting.link();
    link.send(LOG);
    link.send(LOG);
    expect(setting.told).toEqual([
      'before message 1 send log',
      'sent log',
      'after message 1 send log',
      'before message 2 send log',
      'sent log',
      'after message 2 send log',
    ]);
    expect(setting.points.inFlight()).toMatchObject({ sent: 2, sentPosition: 7, epoch: 7, outstanding: 1, view: 1 });
  });

  test('that is received is told of around what the replica does with it', () => {
    const setting = new Setting();
    setting.link().listen({
      message: ({ type }) => void setting.told.push(`heard ${type}`),
      piece: () => undefined,
      closed: () => undefined,
    });
    setting.peer!.message({
      type: 'acknowledgement',
      view: 1,
      position: 6,
      progress: { executed: 0, backlogBytes: 0 },
    });
    expect(setting.told).toEqual([
      'before message 1 receive acknowledgement',
      'heard acknowledgement',
      'after message 1 receive acknowledgement',
    ]);
    expect(setting.points.inFlight()).toMatchObject({ received: 1, acknowledgedPosition: 6 });
  });

  test('that comes with time is told of nowhere, and has no number', () => {
    const setting = new Setting();
    setting.link().send(HEARTBEAT);
    expect(setting.told).toEqual(['sent heartbeat']);
    expect(setting.points.inFlight().sent).toBe(0);
  });
});

describe('a takeover', () => {
  test('is told of step by step, each once', () => {
    const setting = new Setting();
    setting.role = 'backup';
    const ports = setting.ports();
    const bus = setting.bus(ports);
    ports.arbiter.claim({ ...VIEW, number: 2, primary: 'own', backups: [] }, () => {
      setting.told.push('answered');
      bus.send({ type: 'fence', view: 2 });
      bus.send(OUTCOME);
      bus.send(OUTCOME);
    });
    const steps = setting.told.filter(line => line.includes('takeover'));
    expect(steps).toEqual([
      'before takeover 1 suspicion',
      'before takeover 2 claim',
      'before takeover 3 fence',
      'after takeover 3 fence',
      'before takeover 5 release',
      'after takeover 5 release',
      'after takeover 2 claim',
      'after takeover 1 suspicion',
    ]);
    expect(setting.told).toContain('after output 2 release outcome');
    expect(setting.points.inFlight()).toMatchObject({ outputsReleased: 2, endLeft: true });
  });

  test("is none where the first view's primary fences", () => {
    const setting = new Setting();
    const bus = setting.bus();
    bus.send({ type: 'fence', view: 1 });
    expect(setting.told).toEqual(['sent fence']);
  });
});

test('what was said leaves when the hook asks for it', () => {
  const setting = new Setting({ at: (_, replica) => replica.settle() });
  setting.link().send(LOG);
  expect(setting.told).toEqual(['flushed', 'sent log', 'flushed']);
});

test('a cut ends the links that stand, and those that come later', () => {
  const setting = new Setting();
  setting.link();
  setting.points.cut();
  expect(setting.terminated).toBe(1);
  setting.link();
  expect(setting.terminated).toBe(2);
});

test('what a mute replica says is lost, and whom it says it to is not told', () => {
  const setting = new Setting();
  const link = setting.link();
  setting.points.mute();
  link.send(LOG);
  link.sendPiece(new Uint8Array(1));
  setting.link().send(LOG);
  expect(setting.told.filter(told => told.startsWith('sent '))).toEqual([]);
  expect(setting.terminated).toBe(0);
});

test('a module that is no hook is refused', async () => {
  const replica = { incarnation: 'own', shared: new SharedArrayBuffer(256) };
  await expect(loadIoHook({ module: 'node:path', options: {} }, replica)).rejects.toThrow(
    'exports newIoHook: node:path',
  );
});
