// What a description comes to: the options that shape execution, as replicas and bus compare them, and the channel's timing.
//
// Every host derives the same options from the same description. The console of a machine without a launcher is no terminal:
// the bus may be started again with another.

import { FIRST_LISTENING } from '../../devices/connection/connection-streams.js';
import type { DeviceOptions } from '../../devices/device-kind.js';
import { DIRECTORY_KIND } from '../../devices/directory/directory-kind.js';
import { numbered } from '../../devices/opening.js';
import { comparedOptions } from '../channel/compared-options.js';
import type { Credentials } from '../channel/credentials.js';
import type { MachineOptions } from '../guest/machine-options.js';
import type { Hello } from '../protocol/messages.js';
import { FILES_BYTES_MAX } from '../wasi/kernel-port.js';
import type { MachineDescription } from './description.js';
import type { MachineFolder } from './machine-folder.js';

export function machineOptions(description: MachineDescription): MachineOptions {
  const { epochLength, latencyMaxMs, verifyShare, variant, counting, operationIds, maxMemory, bornMs } = description;
  const { listen, connect, guest, environment } = description;
  const devices = numbered(description.devices);
  const listeners = listen.map((_, index) => FIRST_LISTENING + index);
  const seen = devices.flatMap(({ kind, number }, at): DeviceOptions[] =>
    kind.movement === undefined ? [] : [{ number, kind: kind.name, sizeBytes: description.devices[at]!.sizeBytes }],
  );
  const directories = devices
    .filter(({ kind }) => kind === DIRECTORY_KIND)
    .map(({ source: { path, guestPath = path, readOnly = false }, number }) => ({
      guestPath,
      device: number,
      readOnly,
    }));
  return {
    epochLength,
    ...(latencyMaxMs === undefined ? {} : { latencyMaxMs }),
    ...(verifyShare === undefined ? {} : { verifyShare }),
    variant,
    counting,
    operationIds,
    maxMemory,
    arguments: description.arguments,
    devices: seen,
    ...(listen.length + connect.length === 0
      ? {}
      : { sockets: { listeners, connectors: connect.map(({ name }) => name) } }),
    ...(guest === 'bare'
      ? {}
      : { wasi: { environment, terminals: [false, false, false], directories, filesBytesMax: FILES_BYTES_MAX } }),
    bornMs,
  };
}

/** What whoever belongs to the machine shows and says of itself, but for its name. */
export interface Membership {
  readonly hello: Omit<Hello, 'incarnation'>;
  readonly credentials: Credentials;
  readonly encrypted: boolean;
}

export function membershipIn({ description, secret }: MachineFolder): Membership {
  const { machine, module, encrypted } = description;
  const options = comparedOptions(machineOptions(description));
  return {
    hello: { type: 'hello', moduleHash: module, options },
    credentials: { machine, secret },
    encrypted,
  };
}
