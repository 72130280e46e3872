// What every device must do, whatever it is.

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OperationDevice, StreamDevice, StreamSink } from '../../devices/device.js';
import type { DeviceKind, DeviceSource } from '../../devices/device-kind.js';
import type { EpochvisorError } from '../../engine/errors/errors.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';

export const operation = (id: number, command: number, more: Partial<Operation> = {}): Operation => ({
  id: BigInt(id),
  device: 0,
  command,
  argument: 0n,
  length: 0,
  data: new Uint8Array(0),
  ...more,
});

/** What is known of a kind of devices beside its tests, in `KIND/fixture.ts`. */
export interface DeviceFixture {
  /** Makes in an empty folder what lies behind a device, and names it. */
  source(folder: string): Promise<DeviceSource>;
  /** An operation that the device performs, by id. */
  valid(id: number): Operation;
}

export function operationDeviceConforms(kind: DeviceKind, { source, valid }: DeviceFixture): void {
  describe(`a device of kind ${kind.name}`, () => {
    let folder: string;
    let named: DeviceSource;
    let device: OperationDevice;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'epochvisor-device-'));
      named = await source(folder);
      device = await kind.open(named, 0);
    });
    afterEach(async () => {
      await device.close();
      await rm(folder, { recursive: true, force: true });
    });

    const unknown: readonly [string, Operation][] = [
      ['an unknown command', operation(1, 99, { argument: 1n })],
      ['command 0', operation(1, 0, { argument: 1n })],
      ['the largest argument', operation(1, 1, { argument: (1n << 63n) - 1n, length: 512 })],
      ['the least argument', operation(1, 1, { argument: -(1n << 63n), length: 512 })],
    ];
    test.each(unknown)('refuses %s', async (_, what) => {
      expect(await device.perform(what)).toMatchObject({ status: -1, data: new Uint8Array(0) });
    });

    test('answers many operations at once, each once', async () => {
      const completions = await Promise.all(Array.from({ length: 100 }, (_, id) => device.perform(valid(id + 1))));
      for (const { status } of completions) expect(status).toBeGreaterThanOrEqual(0);
    });

    test('finishes what is outstanding before it is closed, refuses what comes later, and may be closed twice', async () => {
      let done = false;
      void device.perform(valid(1)).then(({ status }) => {
        done = status >= 0;
      });
      await device.close();
      expect(done).toBe(true);
      expect((await device.perform(valid(2))).status).toBe(-1);
      await device.close();
    });

    test('says what a repeat does, and how large it is', () => {
      expect(['idempotent', 'opaque']).toContain(device.class);
      expect(device.sizeBytes).toBeGreaterThanOrEqual(0);
    });

    test('can be asked for by a bare guest what it performs, and nothing that it does not know', () => {
      const movement = ({ command, argument, length, data }: Operation) =>
        kind.movement?.(device.sizeBytes, command, argument, Math.max(length, data.length));
      const moves = valid(1).data.length > 0 ? 'out' : valid(1).length > 0 ? 'in' : 'nothing';
      expect(movement(valid(1))).toBe(kind.movement === undefined ? undefined : moves);
      for (const what of ['an unknown command', 'command 0', 'the least argument']) {
        expect(movement(unknown.find(([name]) => name === what)![1]), what).toBeUndefined();
      }
    });

    test('is what its flag names', () => {
      expect(kind.flag.parse(named.path)).toMatchObject({ kind: kind.name, path: named.path });
    });

    test('is opened again, by a machine that goes on, as it was', async () => {
      await device.close();
      device = await kind.open(named, 0, { sizeBytes: device.sizeBytes });
      expect((await device.perform(valid(1))).status).toBeGreaterThanOrEqual(0);
    });

    test('is missed by its name, unless a new machine begins it', async () => {
      await device.close();
      await rm(named.path, { recursive: true });
      const missing = { code: `${kind.backing.code}_MISSING`, message: expect.stringContaining(named.path) };
      await expect(kind.open(named, 0, { sizeBytes: device.sizeBytes })).rejects.toMatchObject(missing);
      expect(existsSync(named.path)).toBe(false);
      if (!kind.backing.isBegun) await expect(kind.open(named, 0)).rejects.toMatchObject(missing);
      else await (await kind.open(named, 0)).close();
      expect(existsSync(named.path)).toBe(kind.backing.isBegun);
    });
  });
}

/** Collects what a stream device reports. */
export class Recorder implements StreamSink {
  readonly read: number[] = [];
  ends = 0;
  readonly offsets = new Map<number, number>();
  readonly failures: [number, EpochvisorError][] = [];

  input(_stream: number, bytes: Uint8Array, end: boolean): void {
    expect(this.ends, 'nothing follows the end').toBe(0);
    this.read.push(...bytes);
    if (end) this.ends += 1;
  }

  written(stream: number, offset: number): void {
    expect(offset).toBeGreaterThan(this.offsets.get(stream) ?? 0);
    this.offsets.set(stream, offset);
  }

  failed(stream: number, reason: EpochvisorError): void {
    this.failures.push([stream, reason]);
  }
}

export interface StreamOutside {
  readonly device: StreamDevice;
  /** Gives bytes to the device's first input. */
  readonly give: (bytes: Uint8Array) => void;
  readonly giveEnd: () => void;
  /** What its first output brought so far. */
  readonly taken: () => Uint8Array;
}

export function streamDeviceConforms(name: string, open: () => StreamOutside): void {
  describe(`${name} as a stream device`, () => {
    const settle = () => new Promise(resolve => setTimeout(resolve, 20));

    test('passes all 256 bytes as they are, both ways, in order', async () => {
      const { device, give, taken } = open();
      const sink = new Recorder();
      device.start(sink);
      const bytes = Uint8Array.from({ length: 1024 }, (_, at) => at & 255);
      give(bytes);
      for (let at = 0; at < 1024; at += 128) device.write(device.outputs[0]!, at, bytes.subarray(at, at + 128));
      await expect.poll(() => [sink.read.length, taken().length]).toEqual([1024, 1024]);
      expect(sink.read).toEqual([...bytes]);
      expect([...taken()]).toEqual([...bytes]);
      await expect.poll(() => sink.offsets.get(device.outputs[0]!)).toBe(1024);
      await device.close();
    });

    test('reads nothing before it is started', async () => {
      const { device, give } = open();
      give(Uint8Array.of(1, 2));
      await settle();
      const sink = new Recorder();
      device.start(sink);
      await expect.poll(() => sink.read).toEqual([1, 2]);
      await device.close();
    });

    test('says the end once, after all bytes', async () => {
      const { device, give, giveEnd } = open();
      const sink = new Recorder();
      device.start(sink);
      give(Uint8Array.of(1));
      giveEnd();
      await expect.poll(() => sink.ends).toBe(1);
      expect(sink.read).toEqual([1]);
      await device.close();
    });

    test('reads nothing while paused, and loses nothing', async () => {
      const { device, give } = open();
      const sink = new Recorder();
      device.start(sink);
      device.pause(device.inputs[0]!);
      give(new Uint8Array(1000));
      await settle();
      expect(sink.read).toEqual([]);
      device.resume(device.inputs[0]!);
      await expect.poll(() => sink.read.length).toBe(1000);
      await device.close();
    });

    test('reports from within no call', async () => {
      const { device } = open();
      const sink = new Recorder();
      device.start(sink);
      device.write(device.outputs[0]!, 0, Uint8Array.of(1));
      expect(sink.offsets.size).toBe(0);
      await expect.poll(() => sink.offsets.size).toBe(1);
      await device.close();
    });

    test('reports nothing after it is closed', async () => {
      const { device, give } = open();
      const sink = new Recorder();
      device.start(sink);
      await device.close();
      give(Uint8Array.of(1));
      await settle();
      expect([sink.read, sink.ends]).toEqual([[], 0]);
    });
  });
}
