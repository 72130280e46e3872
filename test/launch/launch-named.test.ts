// A joining replica that says it is named is watched by those of its view: the launcher kills it no more for its silence.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LaunchedMachine } from '../../engine/launch/launched-machine.js';
import type { ReplicaEnding } from '../../engine/launch/launching.js';
import type { ReplicaListener } from '../../engine/launch/replica-process.js';
import type { FromReplica } from '../../engine/replica/replica-configuration.js';

/** A process that does nothing; what the launcher does to it is noted. */
class Process {
  static readonly all: Process[] = [];
  hasEnded = false;
  readonly ended = Promise.resolve();
  readonly isNamed = vi.fn();
  readonly kill = vi.fn();
  readonly send = vi.fn();
  readonly pid = 1;
  readonly incarnation: string;
  readonly joins: boolean;
  readonly #listener: ReplicaListener;
  constructor(incarnation: string, joins: boolean, _module: number, listener: ReplicaListener) {
    this.incarnation = incarnation;
    this.joins = joins;
    this.#listener = listener;
    Process.all.push(this);
  }
  says(message: FromReplica): void {
    this.#listener.heard(message);
  }
  ends(ending: ReplicaEnding): void {
    this.hasEnded = true;
    this.#listener.ended(ending);
  }
}

vi.mock('../../engine/launch/replica-process.js', () => ({
  get ReplicaProcess() {
    return Process;
  },
}));

let machine: LaunchedMachine;

beforeEach(async () => {
  Process.all.length = 0;
  machine = new LaunchedMachine({
    module: new Uint8Array(0),
    moduleCache: false,
    options: {
      epochLength: 1000,
      variant: 'deferred',
      counting: 'block',
      operationIds: true,
      maxMemory: 1 << 20,
      arguments: ['program'],
      devices: [],
    },
    replicas: 2,
    repair: true,
    streams: [],
    devices: new Map(),
  });
  await machine.start();
});
afterEach(() => machine.stop());

/** The backup has died, a view is won without it, and a replacement has been started. */
async function repaired(): Promise<Process> {
  const [primary, backup] = Process.all;
  primary!.says({ type: 'running' });
  backup!.ends({ reason: 'killed by SIGKILL', killed: true });
  const view = { number: 2, machine: machine.machine, primary: primary!.incarnation, backups: [], claim: 'c' };
  primary!.says({ type: 'view', view, reason: 'its backup is gone' });
  await expect.poll(() => Process.all.length).toBe(3);
  return Process.all[2]!;
}

test('a joining replica counts as named when it says so itself: its primary may have died with that view', async () => {
  const joining = await repaired();
  expect(joining.joins).toBe(true);
  joining.says({ type: 'joins' });
  expect(joining.isNamed).not.toHaveBeenCalled();
  joining.says({ type: 'named' });
  expect(joining.isNamed).toHaveBeenCalledTimes(1);
});

test('a joining replica counts as named when its primary tells of a view with it, and not of one without it', async () => {
  const joining = await repaired();
  const view = { number: 3, machine: machine.machine, primary: Process.all[0]!.incarnation, backups: [], claim: 'c' };
  Process.all[0]!.says({ type: 'view', view, reason: 'r' });
  expect(joining.isNamed).not.toHaveBeenCalled();
  const named = { ...view, number: 4, backups: [joining.incarnation] };
  Process.all[0]!.says({ type: 'view', view: named, reason: 'r' });
  expect(joining.isNamed).toHaveBeenCalledTimes(1);
});
