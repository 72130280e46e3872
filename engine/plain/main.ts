// Runs a bare guest on the plain machine: `node dist/engine/plain/main.js [--disk FILE]... GUEST.wasm [args...]`.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ProcessDevices } from './plain-devices.js';
import { PlainMachine } from './plain-machine.js';

const TRAP_STATUS = 134;

const rest = process.argv.slice(2);
const disks: string[] = [];
let guest: string | undefined;
// Disks may stand before the guest or right after it; what follows is the guest's.
while (rest.length > 0 && (guest === undefined || rest[0] === '--disk')) {
  const word = rest.shift()!;
  if (word === '--disk') disks.push(rest.shift() ?? '');
  else guest = word;
}
if (guest === undefined) {
  process.stderr.write('usage: main.js [--disk FILE]... GUEST.wasm [args...]\n');
  process.exit(2);
}

const module = new WebAssembly.Module(readFileSync(guest));
const devices = new ProcessDevices([basename(guest), ...rest], disks);
const outcome = new PlainMachine(devices).run(module);
devices.close();
if (outcome.kind === 'trap') process.stderr.write(`plain: the guest trapped: ${outcome.error.message}\n`);
process.exit(outcome.kind === 'trap' ? TRAP_STATUS : outcome.status);
