// The bus of a machine in a test, opened before the machine is launched: in the process of the test, or in one of its own, which can be
// killed.

import { join } from 'node:path';
import type { SocketAddress } from '../../devices/connection/socket-address.js';
import { Console } from '../../devices/console/console.js';
import { STDOUT } from '../../devices/console/console-streams.js';
import type { OperationDevice } from '../../devices/device.js';
import type { DeviceOptions, DeviceSource } from '../../devices/device-kind.js';
import { openHost } from '../../devices/host/host-device.js';
import { openSockets } from '../../devices/open-sockets.js';
import { closeDevices, openDevices } from '../../devices/opening.js';
import type { RunFlags } from '../cli/run-preparation.js';
import { EpochvisorError } from '../errors/errors.js';
import { BusProcess } from '../launch/bus-process.js';
import { HeldInput } from '../launch/held-input.js';
import type { LaunchOptions } from '../launch/launched-machine.js';
import type { Transcript } from './output-transcript.js';
import type { TestInput } from './test-input.js';

export interface TestedStreams {
  readonly stdin: TestInput;
  readonly stdout: Transcript;
  readonly stderr: Transcript;
}

export interface TestedBus {
  readonly devices: readonly DeviceOptions[];
  /** Where the machine listens, in the order of the option, ports filled in. */
  readonly addresses: readonly SocketAddress[];
  /** Undefined: it is in the process of the test. */
  readonly apart: BusProcess | undefined;
  /** What the machine is launched with, which closes it from then on. */
  launch(streams: TestedStreams): Pick<LaunchOptions, 'streams' | 'devices' | 'bus'>;
  /** Of a machine that was never launched. */
  close(): Promise<void>;
}

/** @throws EpochvisorError where a device or a socket can't be opened */
export async function openHere(flags: RunFlags, copies: readonly DeviceSource[]): Promise<TestedBus> {
  const sockets = await openSockets(flags);
  const closeSockets = () => Promise.all(sockets.streams.map(stream => stream.close()));
  try {
    const { devices, options } = await openDevices(copies);
    const host = await openHost(flags.host);
    return {
      devices: options,
      addresses: sockets.addresses,
      apart: undefined,
      launch: ({ stdin, stdout, stderr }) => {
        const outputs = { stdout: stdout.writable(), stderr: stderr.writable() };
        return {
          streams: [new Console({ stdin: stdin.stream, ...outputs }), ...sockets.streams],
          devices: new Map<number, OperationDevice>([...devices, ...sockets.devices, ...host]),
        };
      },
      close: async () => {
        await closeSockets();
        await closeDevices(devices);
      },
    };
  } catch (error) {
    await closeSockets();
    throw error;
  }
}

/** @param folder of the machine's files */
export async function openApart(
  { listen, connect, host }: RunFlags,
  copies: readonly DeviceSource[],
  folder: string,
): Promise<TestedBus> {
  if (host !== undefined) {
    const what = 'a machine whose bus has a process of its own has no host functions';
    throw new EpochvisorError('BAD_OPTION', what, 'leave out bus, or host');
  }
  const held = new HeldInput();
  let streams: TestedStreams | undefined;
  const { bus, opened } = await BusProcess.open({
    folder: join(folder, 'bus'),
    ...{ devices: copies, listen, connect, stdin: held },
    output: (stream, _, bytes) => streams?.[stream === STDOUT ? 'stdout' : 'stderr'].add(Buffer.from(bytes)),
  });
  return {
    ...opened,
    apart: bus,
    launch: tested => {
      streams = tested;
      const { stream } = tested.stdin;
      stream.on('data', (bytes: Buffer) => held.append(bytes)).on('end', () => held.end());
      return { streams: [], devices: new Map(), bus };
    },
    close: () => bus.close(),
  };
}
