// Calls about sockets: those pre-opened listen, those accepted are connections.

import {
  FDFLAGS_ALL,
  RIFLAGS_RECV_PEEK,
  RIFLAGS_RECV_WAITALL,
  RIGHT_FD_READ,
  RIGHT_FD_WRITE,
  RIGHT_SOCK_ACCEPT,
  RIGHT_SOCK_SHUTDOWN,
  RIGHTS_CONNECTION,
  SDFLAGS_RD,
  SDFLAGS_WR,
} from '../abi.js';
import type { Core } from '../core.js';
import { isNonblocking, type SocketDescriptor } from '../descriptors.js';
import { EAGAIN, EINVAL, ENOTCAPABLE, ENOTCONN, ENOTSOCK, fail } from '../errno.js';
import { type Call, guard, u32 } from './guard.js';
import { readStream, writeStream } from './stream-calls.js';

function socket(core: Core, fd: number): SocketDescriptor {
  const descriptor = core.descriptors.get(u32(fd));
  if (descriptor.kind !== 'listener' && descriptor.kind !== 'connection') fail(ENOTSOCK);
  return descriptor;
}

function connection(core: Core, fd: number, rights: number): SocketDescriptor {
  const descriptor = socket(core, fd);
  if (descriptor.kind !== 'connection') fail(ENOTCONN);
  if ((descriptor.rights & rights) !== rights) fail(ENOTCAPABLE);
  return descriptor;
}

function accept(core: Core, fd: number, flags: number, result: number): void {
  const view = core.memory.view(result, 4);
  const listener = socket(core, fd);
  if (listener.kind !== 'listener' || (flags & ~FDFLAGS_ALL) !== 0) fail(EINVAL);
  if ((listener.rights & RIGHT_SOCK_ACCEPT) === 0) fail(ENOTCAPABLE);
  if (!core.sockets.hasWaiting(listener.stream)) {
    if (isNonblocking(listener)) fail(EAGAIN);
    core.block();
  }
  core.descriptors.reserve();
  const { stream, offset } = core.sockets.accept(listener.stream)!;
  core.machine.consumed(listener.stream, offset);
  const rights = RIGHTS_CONNECTION;
  view.setUint32(result, core.descriptors.add({ kind: 'connection', stream, rights, inheriting: 0, flags }), true);
}

function shutDown(core: Core, fd: number, how: number): void {
  const { stream } = connection(core, fd, RIGHT_SOCK_SHUTDOWN);
  if (how === 0 || (how & ~(SDFLAGS_RD | SDFLAGS_WR)) !== 0) fail(EINVAL);
  const state = core.sockets.at(stream);
  if ((how & SDFLAGS_RD) !== 0) state.deaf = true;
  if ((how & SDFLAGS_WR) === 0 || state.finished) return;
  state.finished = true;
  core.machine.finish(stream);
}

export function socketCalls(core: Core): Record<string, Call> {
  const { memory } = core;
  return {
    sock_accept: guard((fd: number, flags: number, result: number) => accept(core, fd, u32(flags), u32(result))),
    sock_recv: guard((fd: number, list: number, count: number, flags: number, bytesRead: number, flagsOut: number) => {
      const descriptor = connection(core, fd, RIGHT_FD_READ);
      if ((u32(flags) & ~(RIFLAGS_RECV_PEEK | RIFLAGS_RECV_WAITALL)) !== 0) fail(EINVAL);
      const buffers = memory.buffers(u32(list), u32(count));
      memory.view(u32(bytesRead), 4);
      memory.view(u32(flagsOut), 2);
      const read = readStream(core, descriptor, buffers, u32(flags));
      memory.view(u32(bytesRead), 4).setUint32(u32(bytesRead), read, true);
      memory.view(u32(flagsOut), 2).setUint16(u32(flagsOut), 0, true);
    }),
    sock_send: guard((fd: number, list: number, count: number, flags: number, bytesWritten: number) => {
      const descriptor = connection(core, fd, RIGHT_FD_WRITE);
      if (flags !== 0) fail(EINVAL);
      const buffers = memory.buffers(u32(list), u32(count));
      const view = memory.view(u32(bytesWritten), 4);
      view.setUint32(u32(bytesWritten), writeStream(core, descriptor, buffers), true);
    }),
    sock_shutdown: guard((fd: number, how: number) => shutDown(core, fd, u32(how))),
  };
}
