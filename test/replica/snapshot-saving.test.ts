// When a snapshot is written to its file, and what it says of changes that were outstanding.

import { beforeEach, expect, test, vi } from 'vitest';
import { DIRECTORY_CHANGE } from '../../devices/directory/directory-commands.js';
import type { SnapshotPurpose } from '../../engine/driver/snapshot-queue.js';
import type { GuestState, MachineSnapshot } from '../../engine/guest/guest-state.js';
import type { SavedOrigin } from '../../engine/replica/replica-configuration.js';
import { SnapshotSaving } from '../../engine/replica/snapshot-saving.js';

const written: MachineSnapshot[] = [];
vi.mock('../../engine/replica/snapshot-file.js', () => ({
  writeSnapshotFile: async (_file: string, _temporary: string, snapshot: MachineSnapshot) =>
    void written.push(snapshot),
}));

beforeEach(() => {
  written.length = 0;
});

const started = (...ids: number[]) => ids.map(id => ({ operation: { id: BigInt(id), command: DIRECTORY_CHANGE } }));
const stateOf = (...ids: number[]) =>
  ({ devices: { version: 1, operations: { started: started(...ids) } } }) as unknown;

class Saved {
  left = 0;
  readonly saving: SnapshotSaving;
  readonly tell = vi.fn();
  #purpose: SnapshotPurpose<GuestState> | undefined;
  readonly #queue = {
    ask: (purpose: SnapshotPurpose<GuestState>) => {
      this.#purpose = purpose;
    },
  };

  constructor(wasi = true) {
    this.saving = new SnapshotSaving({
      wasi,
      queue: this.#queue as never,
      snapshotOf: (guest, origin) => ({ guest, origin }) as MachineSnapshot,
      left: () => this.left,
      tell: this.tell,
    });
  }

  take(state: unknown): void {
    const origin = { guest: 'g', devices: [] };
    this.saving.save({ type: 'save', request: 1, file: 'f', temporary: 't', origin });
    this.#purpose!.taken(10, state as GuestState);
  }
}

const settle = () => new Promise(resolve => setTimeout(resolve, 30));
const statuses = () => (written[0]!.origin as SavedOrigin).statuses;

test('it waits for the output that precedes it, and for the answer to every change', async () => {
  const saved = new Saved();
  saved.saving.completed(1n, 0);
  saved.take(stateOf(1, 2));
  await settle();
  saved.left = 11;
  await settle();
  expect(written).toEqual([]);
  saved.saving.completed(3n, 0);
  await settle();
  expect([written, saved.tell.mock.calls]).toEqual([[], []]);
  saved.saving.completed(2n, -28);
  await saved.saving.settled();
  expect(statuses()).toEqual([
    [1n, 0],
    [2n, -28],
  ]);
  expect(saved.tell).toHaveBeenCalledWith({ type: 'saved', request: 1 });
});

test('answers that came before it are known, though a thousand have come since', async () => {
  const saved = new Saved();
  saved.saving.completed(1n, 0);
  saved.take(stateOf(1, 2));
  for (let id = 2; id < 3000; id++) saved.saving.completed(BigInt(id), 0);
  saved.left = 11;
  await saved.saving.settled();
  expect(statuses()).toEqual([
    [1n, 0],
    [2n, 0],
  ]);
});

test('where the machine is over it waits for nothing: what has no answer may be asked for again', async () => {
  const saved = new Saved();
  saved.left = Infinity;
  saved.take(stateOf(1));
  await saved.saving.settled();
  expect(statuses()).toEqual([]);
});

test('a guest that is no program has no folders', async () => {
  const saved = new Saved(false);
  saved.left = 11;
  saved.take({ devices: 'of another kind' });
  await saved.saving.settled();
  expect(statuses()).toEqual([]);
});
