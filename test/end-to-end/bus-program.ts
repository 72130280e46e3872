// A bus in a process of its own, as tests start it, kill it and start it again: `bus-program CONFIGURATION`, as JSON.

import { setTimeout as sleep } from 'node:timers/promises';
import type { SocketAddress } from '../../devices/connection/socket-address.js';
import { openConsole } from '../../devices/console/open-console.js';
import type { DeviceSource } from '../../devices/device-kind.js';
import { SocketListener } from '../../devices/listener/socket-listener.js';
import { openDevices } from '../../devices/opening.js';
import { FolderArbiter } from '../../engine/arbiter/folder-arbiter.js';
import { KeptMemory } from '../../engine/bus/kept-memory.js';
import { BusServer } from '../../engine/bus/server.js';
import { comparedOptions } from '../../engine/channel/compared-options.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { MachineOptions } from '../../engine/guest/machine-options.js';

export interface BusProgram {
  readonly arbiter: string;
  readonly memory: string;
  readonly machine: string;
  readonly secret: string;
  readonly moduleHash: string;
  readonly options: MachineOptions;
  readonly stdout: string;
  readonly stderr: string;
  readonly devices: readonly DeviceSource[];
  readonly listen: readonly SocketAddress[];
  readonly syncs: boolean;
}

/** How long a bus whose machine was over tells so, ms: replicas look for it several times a second. */
const LINGER_MS = 1_500;

function complain(error: EpochvisorError): void {
  process.stderr.write(`${error.line}\n`);
}

async function main(program: BusProgram): Promise<void> {
  const { machine, secret, moduleHash, options, listen, syncs } = program;
  const arbiter = await FolderArbiter.open(program.arbiter);
  const memory = await KeptMemory.open(program.memory, machine, {
    syncs,
    observer: {
      waits: complain,
      broken: error => {
        complain(error);
        process.exit(1);
      },
    },
  });
  const { devicesFolder } = memory;
  const { devices } = await openDevices(program.devices, undefined, devicesFolder);
  const sockets = listen.length === 0 ? [] : [await SocketListener.open(listen, devicesFolder)];
  const view = await arbiter.latest(machine);
  const bus = await BusServer.start({
    credentials: { machine, secret },
    moduleHash,
    options: comparedOptions(options),
    operationIds: options.operationIds,
    streams: [...(await openConsole(program, syncs)), ...sockets],
    devices,
    memory,
    ...(view === undefined ? {} : { view }),
    observer: {
      defect: (_, reason) => process.stderr.write(`defect: ${reason}\n`),
      failed: (stream, reason) => process.stderr.write(`stream ${stream}: ${reason.line}\n`),
    },
  });
  for (const { kind, incarnation } of await arbiter.members(machine)) {
    if (kind === 'bus') await arbiter.withdraw(machine, incarnation);
  }
  await arbiter.announce(machine, { incarnation: bus.incarnation, kind: 'bus', address: bus.address });
  process.stdout.write(`serves ${bus.incarnation}\n`);
  const outcome = await bus.finished;
  // The one that died at the end may have told nobody, and a replica may not have come back to this one yet: here is no agent that
  // looks at the arbiter whether it is all over.
  await sleep(LINGER_MS);
  await bus.close();
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

try {
  await main(JSON.parse(process.argv[2]!) as BusProgram);
} catch (error) {
  if (!(error instanceof EpochvisorError)) throw error;
  complain(error);
  process.exitCode = 2;
}
