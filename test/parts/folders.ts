// Machines in folders for tests of their parts: described, with a module that nobody runs, and an arbiter in memory.

import { createHash } from 'node:crypto';
import { MemoryArbiter } from '../../engine/arbiter/memory-arbiter.js';
import { birthOf } from '../../engine/parts/birth.js';
import type { MachineDescription } from '../../engine/parts/description.js';
import { createMachineFolder, type MachineFolder, readMachineFolder } from '../../engine/parts/machine-folder.js';

export const MODULE = Buffer.from('a module that nobody runs');

export const DESCRIPTION: MachineDescription = {
  machine: 'm-1',
  bornMs: 1_700_000_000_000,
  module: createHash('sha256').update(MODULE).digest('hex'),
  guest: 'bare',
  arbiter: 'folder:arbiter',
  replicas: 2,
  suspicionMs: 1000,
  encrypted: true,
  epochLength: 1000,
  variant: 'deferred',
  counting: 'block',
  operationIds: true,
  maxMemory: 65_536,
  arguments: ['guest.wasm'],
  environment: [],
  listen: [],
  connect: [],
  devices: [],
};

export async function folderAt(
  path: string,
  changes: Partial<MachineDescription> = {},
): Promise<{ readonly folder: MachineFolder; readonly arbiter: MemoryArbiter }> {
  createMachineFolder(path, { ...DESCRIPTION, ...changes }, MODULE);
  const folder = readMachineFolder(path);
  const arbiter = new MemoryArbiter();
  await arbiter.claim(birthOf(folder));
  return { folder, arbiter };
}
