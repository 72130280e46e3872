// The end of a replica's process as its launcher tells it.

import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { ReplicaEnding } from '../../engine/launch/launching.js';
import type { ReplicaProcess } from '../../engine/launch/replica-process.js';
import type { ReplicaConfiguration } from '../../engine/replica/replica-configuration.js';

// As compiled: a process is started from the file beside it.
const BUILT = '../../dist/engine/launch/replica-process.js';
const built = (await import(BUILT)) as typeof import('../../engine/launch/replica-process.js');

// Something that is no guest.
const module = openSync(fileURLToPath(import.meta.url), 'r');
afterAll(() => closeSync(module));

function started(joins = false): { replica: ReplicaProcess; ending: Promise<ReplicaEnding> } {
  let replica: ReplicaProcess | undefined;
  const ending = new Promise<ReplicaEnding>(resolve => {
    replica = new built.ReplicaProcess('r', joins, module, {
      heard: () => undefined,
      ended: resolve,
    });
  });
  return { replica: replica!, ending };
}

describe('the process of a replica', () => {
  it('that halts is none that was killed, though nobody waits for it to end by itself', async () => {
    const { replica, ending } = started();
    replica.send({ type: 'start', configuration: { moduleHash: 'another' } as ReplicaConfiguration });
    expect(await ending).toEqual({
      reason: expect.stringMatching(/^halted: .* guest has been changed/),
      killed: false,
      halted: expect.objectContaining({ code: 'MODULE_CHANGED' }),
    });
    expect(replica.hasEnded).toBe(true);
  });

  it('that is killed was killed', async () => {
    const { replica, ending } = started();
    replica.kill();
    expect(await ending).toEqual({ reason: 'killed by SIGKILL', killed: true });
  });
});

describe('the process of a replica that joins', () => {
  /** Longer than any silence that is borne. */
  const LONG_MS = 60_000;

  afterEach(() => void vi.useRealTimers());

  it('is killed for its silence, that of its beginning included', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { ending } = started(true);
    vi.advanceTimersByTime(LONG_MS);
    vi.useRealTimers();
    expect(await ending).toEqual({ reason: 'killed by SIGKILL', killed: true });
  });

  it('is not killed for its silence once it is named: those of its view watch it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { replica, ending } = started(true);
    const kill = vi.spyOn(replica, 'kill');
    replica.isNamed();
    vi.advanceTimersByTime(LONG_MS);
    expect(kill).not.toHaveBeenCalled();
    vi.useRealTimers();
    replica.kill();
    await ending;
  });
});
