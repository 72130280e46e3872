// What all calls share: the kernel's parts, and how a call waits.
//
// A call that has to wait asks the machine for `again` and leaves (BLOCKED). It is entered anew, with the same
// arguments, when something was delivered; `pending` is what it remembers from the time before. Whatever a call does
// before it blocks is done again: so it blocks first, and changes things after.

import {
  CONSOLE_DEVICE,
  CONSOLE_READER_GONE,
  READ_STREAMS,
  STATUS_GONE,
} from '../../devices/console/console-commands.js';
import { STDERR, STDIN, STDOUT } from '../../devices/console/console-streams.js';
import { DIRECTORY_LOAD } from '../../devices/directory/directory-commands.js';
import { assert } from '../errors/errors.js';
import { SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { Interrupt } from '../protocol/vocabulary.js';
import { Input, type InputState } from '../streams/input.js';
import { Sockets, type SocketsState } from '../streams/sockets.js';
import {
  RIGHT_FD_READ,
  RIGHT_FD_WRITE,
  RIGHTS_CONNECTION,
  RIGHTS_DIRECTORY,
  RIGHTS_INHERITED,
  RIGHTS_LISTENER,
  RIGHTS_NETWORK,
  RIGHTS_STREAM,
} from './abi.js';
import { ContentSpace } from './content.js';
import { type Descriptor, Descriptors, type DirectoryDescriptor, type FileDescriptor } from './descriptors.js';
import { BLOCKED, ENOTCAPABLE, ENOTDIR, errnoOfStatus, fail } from './errno.js';
import { ROOT_INODE } from './image.js';
import type { KernelConfiguration, KernelMachine } from './kernel-port.js';
import { GuestMemory } from './memory.js';
import type { Mutation } from './mutation.js';
import { Operations, type OperationsState } from './operations.js';
import type { CopyBytes, DirectoryInode, FileInode, Inode } from './tree.js';
import { Volume, type VolumeState } from './volume.js';

/** What a call that blocked remembers. */
export type Pending =
  /** It waits for the end of an operation started at `timeNs`, and then answers `result`. */
  | {
      readonly kind: 'operation';
      readonly id: bigint;
      status: number | undefined;
      readonly timeNs: bigint;
      readonly result: number;
    }
  /** It waits for descriptors or the timer; deadlines by subscription, Infinity where it is none of a clock. */
  | { readonly kind: 'poll'; readonly deadlinesNs: readonly number[]; readonly armedNs: number; firedNs: number }
  /** It has received some of what it waits for. */
  | { readonly kind: 'receive'; doneBytes: number };

export interface KernelState {
  readonly version: 1;
  readonly descriptors: readonly (Descriptor | undefined)[];
  readonly standardInput: InputState;
  readonly volumes: readonly VolumeState[];
  readonly operations: OperationsState;
  readonly sockets: SocketsState;
  readonly pending: Pending | undefined;
  /** Outputs that nobody reads any more. */
  readonly unread?: readonly number[];
}

export class Core {
  readonly configuration: KernelConfiguration;
  readonly machine: KernelMachine;
  readonly memory: GuestMemory;
  readonly descriptors: Descriptors;
  readonly standardInput: Input;
  readonly space: ContentSpace;
  readonly volumes: readonly Volume[];
  readonly operations: Operations;
  readonly sockets: Sockets;
  pending: Pending | undefined;
  /** Outputs that nobody reads any more. */
  readonly unread: Set<number>;

  constructor(
    configuration: KernelConfiguration,
    machine: KernelMachine,
    memory: () => Uint8Array,
    state?: KernelState,
  ) {
    this.configuration = configuration;
    this.machine = machine;
    this.memory = new GuestMemory(memory);
    this.descriptors = new Descriptors(state?.descriptors ?? initialDescriptors(configuration));
    this.standardInput = new Input(state?.standardInput);
    this.space = new ContentSpace(configuration.filesBytesMax);
    this.volumes = configuration.directories.map(
      (directory, index) => new Volume(directory, this.space, state?.volumes[index]),
    );
    this.operations = new Operations(operation => machine.start(operation), state?.operations);
    this.sockets = new Sockets(configuration.listeners, state?.sockets);
    this.pending = state?.pending && { ...state.pending };
    this.unread = new Set(state?.unread);
    if (configuration.tellsOfReaders === true && state === undefined) {
      for (const stream of READ_STREAMS) this.operations.watchReader(stream);
    }
  }

  save(copy: CopyBytes): KernelState {
    return {
      version: 1,
      descriptors: this.descriptors.save(),
      standardInput: this.standardInput.save(),
      volumes: this.volumes.map(volume => volume.save(copy)),
      operations: this.operations.save(),
      sockets: this.sockets.save(),
      pending: this.pending && { ...this.pending },
      unread: [...this.unread],
    };
  }

  /** What a digest looks at: the data of operations shows in the files, which are looked at in turns. */
  sample(turn: number): unknown {
    const { descriptors, standardInput, operations, sockets, pending } = this;
    return {
      descriptors: descriptors.save(),
      standardInput: standardInput.save(),
      volumes: this.volumes.map(volume => volume.sample(turn)),
      operations: operations.sample(),
      sockets: sockets.save(),
      pending,
      unread: [...this.unread],
    };
  }

  // ---- waiting

  /** The call waits for whatever is delivered next. */
  block(): never {
    this.machine.again();
    throw BLOCKED;
  }

  /**
   * Asks the device for a change and waits for its answer; fails with the host's error. Answers the time of the change,
   * ns since 1970.
   */
  perform(volume: number, change: (nowNs: bigint) => Mutation): bigint {
    if (this.pending === undefined) {
      const nowNs = this.now();
      const { device } = this.volumes[volume]!.configuration;
      const id = this.operations.change({ volume, inode: 0 }, device, change(nowNs));
      this.#await(id, nowNs, 0);
    }
    return this.#awaited().timeNs;
  }

  /** Waits until what was written to a file is on stable storage; then `result`. Fails with the first error of all. */
  synchronise(volume: number, inode: number, dataOnly: boolean, result: number): number {
    const disk = this.volumes[volume]!;
    if (this.pending === undefined) {
      const mutation: Mutation = { kind: 'sync', inode, dataOnly };
      this.#await(this.operations.change({ volume, inode: 0 }, disk.configuration.device, mutation), 0n, result);
    }
    try {
      return this.#awaited().result;
    } finally {
      // The error of a write says more than that of the sync after it; either is told once.
      const errno = this.pending === undefined ? disk.takeError(inode) : undefined;
      if (errno !== undefined) fail(errno);
    }
  }

  /** Connects, and waits for it: answers the connection's stream; fails with why there is none. */
  connect(connector: number): number {
    if (this.pending === undefined) this.#await(this.operations.connect(connector), 0n, 0);
    return this.#awaited().status;
  }

  #await(id: bigint, timeNs: bigint, result: number): void {
    this.pending = { kind: 'operation', id, status: undefined, timeNs, result };
    this.operations.flush();
  }

  #awaited(): Pending & { kind: 'operation'; status: number } {
    const { pending } = this;
    assert(pending?.kind === 'operation', 'the call that blocked is the one that goes on');
    if (pending.status === undefined) this.block();
    this.pending = undefined;
    const { status } = pending;
    if (status < 0) fail(errnoOfStatus(status));
    return { ...pending, status };
  }

  // ---- what calls look up

  /** The time of a change, ns since 1970. An environment instruction: to be asked for once a call. */
  now(): bigint {
    return this.machine.environment(SOURCE_REAL_TIME);
  }

  /** A descriptor with all of these rights; EBADF, ENOTCAPABLE. */
  descriptor(fd: number, rights: number): Descriptor {
    const descriptor = this.descriptors.get(fd);
    if ((descriptor.rights & rights) !== rights) fail(ENOTCAPABLE);
    return descriptor;
  }

  /** A directory whose files are here, with the right to do something by path; EBADF, ENOTDIR, ENOTCAPABLE. */
  directory(fd: number, rights: number): { descriptor: DirectoryDescriptor; volume: Volume; inode: DirectoryInode } {
    const descriptor = this.descriptors.get(fd);
    if (descriptor.kind !== 'directory') fail(ENOTDIR);
    if ((descriptor.rights & rights) !== rights) fail(ENOTCAPABLE);
    const volume = this.loaded(descriptor.volume);
    return { descriptor, volume, inode: volume.tree.directory(descriptor.inode) };
  }

  /** A directory given to the program, loaded; at its first use the call waits for it. */
  loaded(index: number): Volume {
    const volume = this.volumes[index]!;
    if (volume.phase === 'loaded') return volume;
    if (volume.phase === 'failed') fail(volume.errno);
    for (const chunk of volume.chunksToAsk()) {
      this.operations.load({ volume: index, inode: 0 }, volume.configuration.device, chunk);
    }
    this.operations.flush();
    this.block();
  }

  inodeOf(descriptor: FileDescriptor | DirectoryDescriptor): Inode {
    return this.loaded(descriptor.volume).tree.at(descriptor.inode);
  }

  fileOf(descriptor: FileDescriptor): FileInode {
    const inode = this.inodeOf(descriptor);
    assert(inode.kind === 'file', 'a descriptor of a file is one');
    return inode;
  }

  /** Lets go of what a descriptor holds. */
  release(descriptor: Descriptor): void {
    switch (descriptor.kind) {
      case 'file':
      case 'directory':
        if (descriptor.inode !== ROOT_INODE) this.volumes[descriptor.volume]!.tree.close(descriptor.inode);
        return;
      case 'listener':
      case 'connection':
        for (const stream of this.sockets.close(descriptor.stream)) this.machine.close(stream);
        this.#settleSockets();
    }
  }

  #settleSockets(): void {
    const { close, release } = this.sockets.takeDue();
    for (const stream of close) this.machine.close(stream);
    for (const { source, offset } of release) this.machine.consumed(source, offset);
  }

  // ---- what is delivered

  deliver(interrupt: Interrupt): void {
    switch (interrupt.kind) {
      case 'timer':
        if (this.pending?.kind === 'poll') this.pending.firedNs = Math.max(this.pending.firedNs, interrupt.timeNs);
        return;
      case 'stream': {
        const { stream, bytes, end } = interrupt;
        if (stream === STDIN) this.standardInput.deliver(bytes, end);
        else this.sockets.deliver(interrupt);
        return;
      }
      case 'completion':
        this.#completed(interrupt.operation, interrupt.status, interrupt.data);
        return;
      case 'uncertain':
        this.operations.uncertain(interrupt.operation);
        return;
      default:
        this.sockets.deliver(interrupt);
    }
  }

  #completed(id: bigint, status: number, data: Uint8Array): void {
    const started = this.operations.completed(id);
    if (started === undefined) return;
    const { owner, operation } = started;
    if (operation.device === CONSOLE_DEVICE) {
      if (operation.command === CONSOLE_READER_GONE && status === STATUS_GONE)
        this.unread.add(Number(operation.argument));
      return;
    }
    if (owner === undefined) {
      this.sockets.completed(id, status);
    } else {
      const volume = this.volumes[owner.volume]!;
      if (operation.command === DIRECTORY_LOAD) {
        volume.loaded(Number(operation.argument), status, data);
        return;
      }
      if (owner.inode !== 0) volume.wrote(owner.inode, status);
    }
    if (this.pending?.kind === 'operation' && this.pending.id === id) this.pending.status = status;
  }

  /** No code of the program is left to run. */
  end(): void {
    if (this.configuration.tellsOfReaders === true) this.operations.stopWatching();
  }

  settle(): void {
    this.operations.flush();
    this.#settleSockets();
  }
}

function networkDescriptor(): Descriptor {
  return { kind: 'network', rights: RIGHTS_NETWORK, inheriting: RIGHTS_CONNECTION, flags: 0 };
}

function initialDescriptors(configuration: KernelConfiguration): Descriptor[] {
  const standard = (kind: 'input' | 'output', stream: number, right: number): Descriptor => ({
    kind,
    stream,
    terminal: configuration.terminals[stream] ?? false,
    rights: RIGHTS_STREAM | right,
    inheriting: 0,
    flags: 0,
  });
  // As systemd and wasmtime hand them over: sockets from 3 on.
  return [
    standard('input', STDIN, RIGHT_FD_READ),
    standard('output', STDOUT, RIGHT_FD_WRITE),
    standard('output', STDERR, RIGHT_FD_WRITE),
    ...configuration.listeners.map(
      (stream): Descriptor => ({
        kind: 'listener',
        stream,
        rights: RIGHTS_LISTENER,
        inheriting: 0,
        flags: 0,
      }),
    ),
    ...configuration.directories.map(
      (_, volume): Descriptor => ({
        kind: 'directory',
        volume,
        inode: ROOT_INODE,
        preopened: true,
        rights: RIGHTS_DIRECTORY,
        inheriting: RIGHTS_INHERITED,
        flags: 0,
      }),
    ),
    ...(configuration.connectors.length === 0 ? [] : [networkDescriptor()]),
  ];
}
