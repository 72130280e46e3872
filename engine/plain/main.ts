// Runs a guest, bare or a WASI program, on the plain machine:
// `node dist/bundle/plain-main.js [flags]... GUEST.wasm [args...]` (plain-arguments.ts).

import { readFileSync } from 'node:fs';
import { describeSocketAddress, type SocketAddress } from '../../devices/connection/socket-address.js';
import { EpochvisorError } from '../errors/errors.js';
import { checkGuest } from '../guest/guest-check.js';
import { Bell } from './bell.js';
import type { PlainOutcome } from './ending.js';
import { type PlainArguments, parseArguments, USAGE, worldOf } from './plain-arguments.js';
import { ProcessDevices } from './plain-devices.js';
import { PlainFolders } from './plain-folders.js';
import { PlainMachine } from './plain-machine.js';
import { PlainSockets } from './plain-sockets.js';
import { PlainWasiMachine } from './plain-wasi-machine.js';

const TRAP_STATUS = 134;

function refuse(text: string): never {
  process.stderr.write(text);
  process.exit(2);
}

/** Only who listens has the thread for it. */
async function openSockets(addresses: readonly SocketAddress[], bell: SharedArrayBuffer) {
  return addresses.length === 0 ? undefined : PlainSockets.open(addresses, bell);
}

/** @throws EpochvisorError where the guest is none, or what it is given can't be opened */
async function run(given: PlainArguments): Promise<PlainOutcome> {
  const bytes = readFileSync(given.guest);
  const kind = checkGuest(bytes);
  if (kind === 'bare' && given.folders.length + given.environment.length > 0) {
    throw new EpochvisorError('NOT_WASI', 'the guest is not a WASI program, and --dir and --env are for those');
  }
  const bell = Bell.allocate();
  const folders = await PlainFolders.open(given.folders, bell);
  const sockets = await openSockets(given.addresses, bell);
  for (const address of sockets?.addresses ?? []) {
    process.stderr.write(`plain: listens on ${describeSocketAddress(address)}\n`);
  }
  const devices = new ProcessDevices(given.arguments, { disks: given.disks, bell, sockets, folders });
  const machine = kind === 'bare' ? new PlainMachine(devices) : new PlainWasiMachine(devices, worldOf(given));
  const outcome = machine.run(new WebAssembly.Module(bytes));
  await devices.close();
  return outcome;
}

const given = parseArguments(process.argv.slice(2)) ?? refuse(USAGE);
try {
  const outcome = await run(given);
  if (outcome.kind === 'trap') process.stderr.write(`plain: the guest trapped: ${outcome.error.message}\n`);
  process.exit(outcome.kind === 'trap' ? TRAP_STATUS : outcome.status);
} catch (error) {
  if (error instanceof EpochvisorError) refuse(`plain: ${error.line}\n`);
  throw error;
}
