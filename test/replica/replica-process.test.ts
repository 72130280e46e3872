// The end of a replica's process as its launcher tells it.

import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReplicaConfiguration } from '../../engine/replica/configuration.js';
import type { ReplicaEnding, ReplicaProcess } from '../../engine/replica/replica-process.js';

// As compiled: a process is started from the file beside it.
const BUILT = '../../dist/engine/replica/replica-process.js';
const built = (await import(BUILT)) as typeof import('../../engine/replica/replica-process.js');

// Something that is no guest.
const module = openSync(fileURLToPath(import.meta.url), 'r');
afterAll(() => closeSync(module));

function started(): { replica: ReplicaProcess; ending: Promise<ReplicaEnding> } {
  let replica: ReplicaProcess | undefined;
  const ending = new Promise<ReplicaEnding>(resolve => {
    replica = new built.ReplicaProcess('r', false, module, {
      heard: message => {
        if (message.type === 'halted') replica!.halted = message;
      },
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
    });
    expect(replica.hasEnded).toBe(true);
  });

  it('that is killed was killed', async () => {
    const { replica, ending } = started();
    replica.kill();
    expect(await ending).toEqual({ reason: 'killed by SIGKILL', killed: true });
  });
});
