// Runs a bare guest on the plain machine:
// `node dist/engine/plain/main.js [--disk FILE]... [--listen ADDR:PORT]... GUEST.wasm [args...]`.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  describeSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from '../../devices/connection/socket-address.js';
import { EpochvisorError } from '../errors/errors.js';
import { Bell } from './bell.js';
import { ProcessDevices } from './plain-devices.js';
import { PlainMachine } from './plain-machine.js';
import { PlainSockets } from './plain-sockets.js';

const TRAP_STATUS = 134;
const USAGE = 'usage: main.js [--disk FILE]... [--listen ADDR:PORT]... GUEST.wasm [args...]\n';

function refuse(text: string): never {
  process.stderr.write(text);
  process.exit(2);
}

const rest = process.argv.slice(2);
const disks: string[] = [];
const addresses: SocketAddress[] = [];
let guest: string | undefined;
// Disks may stand before the guest or right after it; what follows is the guest's.
while (rest.length > 0 && (guest === undefined || rest[0] === '--disk')) {
  const word = rest.shift()!;
  if (word === '--disk') disks.push(rest.shift() ?? '');
  else if (word === '--listen') addresses.push(parseSocketAddress(rest.shift() ?? '') ?? refuse(USAGE));
  else guest = word;
}
if (guest === undefined) refuse(USAGE);

const module = new WebAssembly.Module(readFileSync(guest));
const bell = Bell.allocate();

/** Only who listens has the thread for it. */
async function openSockets(): Promise<PlainSockets | undefined> {
  if (addresses.length === 0) return undefined;
  try {
    return await PlainSockets.open(addresses, bell);
  } catch (error) {
    if (error instanceof EpochvisorError) refuse(`plain: ${error.line}\n`);
    throw error;
  }
}

const sockets = await openSockets();
for (const address of sockets?.addresses ?? []) {
  process.stderr.write(`plain: listens on ${describeSocketAddress(address)}\n`);
}
const devices = new ProcessDevices([basename(guest), ...rest], disks, bell, sockets);
const outcome = new PlainMachine(devices).run(module);
await devices.close();
if (outcome.kind === 'trap') process.stderr.write(`plain: the guest trapped: ${outcome.error.message}\n`);
process.exit(outcome.kind === 'trap' ? TRAP_STATUS : outcome.status);
