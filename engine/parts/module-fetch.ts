// The machine's module for a host that lacks it: asked of the bus and of the replicas, compared with the hash, and kept.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Arbiter } from '../arbiter/arbiter.js';
import { askModule } from '../channel/observing.js';
import { EpochvisorError } from '../errors/errors.js';
import { ENGINE_LIMITS } from '../wasm/engine-limits.js';
import { membershipIn } from './described-options.js';
import { checkedModule, type MachineFolder, readFolderModule, writeFolderModule } from './machine-folder.js';

/** A module may be a gigabyte, and the way to it slow. */
const FETCH_MAX_MS = 300_000;
/** Pause before everybody is asked again. */
const AGAIN_MS = 1_000;

/**
 * The module out of the folder; or else, once somebody has it, from there.
 * @param waits nobody has it so far; once
 * @throws EpochvisorError MODULE_DIFFERS, MODULE_TOO_LARGE, FOLDER_UNUSABLE
 */
export async function moduleFor(
  folder: MachineFolder,
  arbiter: Arbiter,
  waits: (reason: string) => void,
): Promise<Uint8Array> {
  const own = readFolderModule(folder);
  if (own !== undefined) return own;
  for (let first = true; ; first = false) {
    const fetched = await fetchOnce(folder, arbiter);
    if (fetched !== undefined) {
      writeFolderModule(folder, fetched);
      return fetched;
    }
    if (first) waits(`${folder.path} has no module.wasm, and nobody who has it answers: looking on`);
    await sleep(AGAIN_MS);
  }
}

async function fetchOnce(folder: MachineFolder, arbiter: Arbiter): Promise<Uint8Array | undefined> {
  const { machine } = folder.description;
  const membership = membershipIn(folder);
  try {
    for (const { address } of await arbiter.members(machine)) {
      const module = await fetchFrom({ ...membership, address, deadlineMs: FETCH_MAX_MS }, folder);
      if (module !== undefined) return module;
    }
  } catch (error) {
    if (!(error instanceof EpochvisorError) || error.code !== 'ARBITER_UNREACHABLE') throw error;
  }
  return undefined;
}

async function fetchFrom(
  call: Parameters<typeof askModule>[0],
  { description }: MachineFolder,
): Promise<Uint8Array | undefined> {
  try {
    const module = await askModule(call, ENGINE_LIMITS.moduleBytes.most);
    return module && checkedModule(module, description, `what ${call.address} has sent`);
  } catch (error) {
    // It is gone, or has another: the next one is asked.
    if (!(error instanceof EpochvisorError)) throw error;
    return undefined;
  }
}
