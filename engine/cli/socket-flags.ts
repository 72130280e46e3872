// Where a machine listens and what it may connect to: the flags of `run`, and what is opened for them, there and for `resume`.

import { type Command, InvalidArgumentError } from 'commander';
import { FIRST_LISTENING, SOURCES_MAX } from '../../devices/connection/connection-streams.js';
import {
  describeSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from '../../devices/connection/socket-address.js';
import { type OpenedSockets, openSockets } from '../../devices/open-sockets.js';
import { EpochvisorError } from '../errors/errors.js';
import type { MachineOptions } from '../guest/machine-options.js';
import type { NamedAddress, SnapshotOrigin } from '../replica/replica-configuration.js';

export interface SocketFlags {
  readonly listen: readonly SocketAddress[];
  readonly connect: readonly NamedAddress[];
}

/** For machines that serve clients or are clients. */
export function addSocketFlags(command: Command): Command {
  return command
    .option(
      '--listen <ADDR:PORT>',
      'a listening socket, also unix:PATH (repeatable)',
      (text: string, before: readonly SocketAddress[]) => bounded([...before, listenFlag(text)], SOURCES_MAX),
      [],
    )
    .option(
      '--connect <NAME=HOST:PORT>',
      'an address that the guest can connect to under NAME, also unix:PATH (repeatable)',
      (text: string, before: readonly NamedAddress[]) => bounded(withConnect(text, before), SOURCES_MAX),
      [],
    );
}

function bounded<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length > most) throw new InvalidArgumentError(`There are ${most} at most.`);
  return all;
}

function listenFlag(text: string): SocketAddress {
  const address = parseSocketAddress(text);
  if (address === undefined) throw new InvalidArgumentError('It is ADDR:PORT, [ADDR]:PORT or unix:PATH.');
  return address;
}

function withConnect(text: string, before: readonly NamedAddress[]): readonly NamedAddress[] {
  const [, name, where = ''] = /^([^=/]+)=(.*)$/.exec(text) ?? [];
  const address = parseSocketAddress(where);
  if (name === undefined || address === undefined || (address.kind === 'tcp' && address.port === 0)) {
    throw new InvalidArgumentError('It is NAME=HOST:PORT, NAME=[ADDR]:PORT or NAME=unix:PATH, and no / in NAME.');
  }
  if (before.some(one => one.name === name)) throw new InvalidArgumentError(`The name ${name} is given twice.`);
  return [...before, { name, address }];
}

/** What the guest is told of them. */
export function socketOptions({ listen, connect }: SocketFlags): Pick<MachineOptions, 'sockets'> {
  if (listen.length === 0 && connect.length === 0) return {};
  const listeners = listen.map((_, index) => FIRST_LISTENING + index);
  return { sockets: { listeners, connectors: connect.map(({ name }) => name) } };
}

/**
 * Opens the sockets, and says where it listens, for a port may be the kernel's choice.
 * @param memory folder in which a listener remembers what a bus that is started again is to know
 * @throws EpochvisorError LISTEN_IN_USE, LISTEN_FAILED
 */
export async function openSocketsAloud(
  sockets: Pick<SnapshotOrigin, 'listen' | 'connect'>,
  { quiet }: { readonly quiet?: boolean },
  memory?: string,
): Promise<OpenedSockets> {
  const opened = await openSockets(sockets, memory);
  for (const address of quiet === true ? [] : opened.addresses) {
    process.stderr.write(`epochvisor: listens on ${describeSocketAddress(address)}\n`);
  }
  return opened;
}

/** Who serves needs a client, and a client somebody who serves. @throws EpochvisorError NO_LOAD, NO_LISTEN */
export function checkLoad({ listen, load }: Pick<SocketFlags, 'listen'> & { readonly load?: string }): void {
  if (listen.length > 0 && load === undefined) {
    throw new EpochvisorError('NO_LOAD', 'nothing would drive a guest that serves', 'name a command: --load, or load');
  }
  if (load !== undefined && listen.length === 0) {
    throw new EpochvisorError(
      'NO_LISTEN',
      '--load drives a guest that listens',
      'say where, with --listen 127.0.0.1:0',
    );
  }
}
