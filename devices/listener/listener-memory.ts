// Where a machine listens, for a bus that is started again: the ports that the kernel chose for it are clients' to keep.
//
//   listening.json   {"format":"epochvisor listening","version":1,"addresses":["127.0.0.1:40123", ...]}

import { readFileSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { failed, putWhole } from '../../engine/journal/journal-file.js';
import { describeSocketAddress, parseSocketAddress, type SocketAddress } from '../connection/socket-address.js';

const FORMAT = 'epochvisor listening';
const VERSION = 1;

/**
 * The addresses with the ports that they had; undefined: nobody has listened yet.
 * @throws EpochvisorError MEMORY_CORRUPT, MEMORY_FAILED
 */
export function listenedBefore(memory: string, addresses: readonly SocketAddress[]): SocketAddress[] | undefined {
  const file = fileIn(memory);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw failed(file, error);
  }
  const before = read(text);
  if (before === undefined) {
    throw new EpochvisorError('MEMORY_CORRUPT', `${file} says nowhere to listen`, 'remove it: ports may change then');
  }
  // What was asked for counts; only a port that was left to the kernel is remembered.
  return addresses.map((address, at) => {
    const was = before[at];
    const isOpen = address.kind === 'tcp' && address.port === 0;
    return isOpen && was?.kind === 'tcp' && was.host === address.host ? was : address;
  });
}

/** @throws EpochvisorError MEMORY_FAILED, MEMORY_FULL */
export async function noteListening(memory: string, addresses: readonly SocketAddress[]): Promise<void> {
  const about = { format: FORMAT, version: VERSION, addresses: addresses.map(describeSocketAddress) };
  try {
    await putWhole(fileIn(memory), Buffer.from(`${JSON.stringify(about)}\n`));
  } catch (error) {
    throw failed(fileIn(memory), error);
  }
}

/** The file of a socket that a killed process has left; of one that lives it is not. */
export async function removeLeftBehind(address: SocketAddress): Promise<void> {
  if (address.kind !== 'unix') return;
  const { path } = address;
  const isDead = await new Promise<boolean>(resolve => {
    const call = createConnection({ path });
    call.once('connect', () => {
      call.destroy();
      resolve(false);
    });
    call.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'));
  });
  // Where it can't be removed nobody can listen there, and that is said.
  if (isDead) await unlink(path).catch(() => undefined);
}

function read(text: string): (SocketAddress | undefined)[] | undefined {
  try {
    const { format, version, addresses } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (format !== FORMAT || version !== VERSION || !Array.isArray(addresses)) return undefined;
    return addresses.map(address => parseSocketAddress(String(address)));
  } catch {
    return undefined;
  }
}

function fileIn(memory: string): string {
  return join(memory, 'listening.json');
}
