// poll_oneoff: waits for the first of several things: a time, or a descriptor that can be read or written.
//
//   subscription, 48 bytes                event, 32 bytes
//    0  8  userdata                        0  8  userdata
//    8  1  type: 0 clock, 1 read, 2 write  8  2  errno
//   16  4  clock, or descriptor           10  1  type
//   24  8  timeout, ns                    16  8  bytes that can be read
//   32  8  precision, ns                  24  2  flags: bit 0, the other side is gone
//   40  2  flags: bit 0, an absolute time
//
// Time passes at boundaries only: a timeout is over when the machine's timer interrupt was delivered, at the same
// instruction on every replica. A time of the real-time clock is turned into one of the monotonic clock, which is the
// timer's, when the call begins.

import { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../../protocol/clock.js';
import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  EVENT_FD_READWRITE_HANGUP,
  EVENTTYPE_CLOCK,
  EVENTTYPE_FD_READ,
  EVENTTYPE_FD_WRITE,
  RIGHT_FD_READ,
  RIGHT_FD_WRITE,
  RIGHT_POLL_FD_READWRITE,
  SUBCLOCKFLAGS_ABSTIME,
} from '../abi.js';
import type { Core } from '../core.js';
import { CallFailure, EBADF, EINVAL, ENOTCAPABLE, ENOTSUP, fail, SUCCESS } from '../errno.js';
import { type Call, guard, u32 } from './guard.js';
import { hasRoom, readiness } from './stream-calls.js';

const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;

/** More than this no program waits for; the list is kept while it waits. */
const SUBSCRIPTIONS_MAX = 1 << 16;

interface Subscription {
  readonly userdata: bigint;
  readonly type: number;
  /** Clock or descriptor. */
  readonly subject: number;
  readonly timeoutNs: bigint;
  readonly absolute: boolean;
}

interface Event {
  readonly userdata: bigint;
  readonly type: number;
  readonly errno: number;
  readonly bytes: number;
  readonly hangup: boolean;
}

function readSubscriptions(core: Core, list: number, count: number): Subscription[] {
  const view = core.memory.view(list, count * SUBSCRIPTION_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const at = list + index * SUBSCRIPTION_BYTES;
    const type = view.getUint8(at + 8);
    if (type > EVENTTYPE_FD_WRITE) fail(EINVAL);
    return {
      userdata: view.getBigUint64(at, true),
      type,
      subject: view.getUint32(at + 16, true),
      timeoutNs: view.getBigUint64(at + 24, true),
      absolute: (view.getUint16(at + 40, true) & SUBCLOCKFLAGS_ABSTIME) !== 0,
    };
  });
}

function writeEvents(core: Core, list: number, events: readonly Event[]): void {
  const view = core.memory.view(list, events.length * EVENT_BYTES);
  for (const [index, event] of events.entries()) {
    const at = list + index * EVENT_BYTES;
    view.setBigUint64(at, event.userdata, true);
    view.setBigUint64(at + 8, 0n, true);
    view.setUint16(at + 8, event.errno, true);
    view.setUint8(at + 10, event.type);
    view.setBigUint64(at + 16, BigInt(event.bytes), true);
    view.setBigUint64(at + 24, event.hangup ? BigInt(EVENT_FD_READWRITE_HANGUP) : 0n, true);
  }
}

function eventOf({ userdata, type }: Subscription, errno: number, bytes = 0, hangup = false): Event {
  return { userdata, type, errno, bytes, hangup };
}

// ---- descriptors

/** What there is to say of a descriptor now; undefined: it is not ready. */
function descriptorEvent(core: Core, subscription: Subscription): Event | undefined {
  try {
    const reads = subscription.type === EVENTTYPE_FD_READ;
    const descriptor = core.descriptors.get(subscription.subject);
    const right = (reads ? RIGHT_FD_READ : RIGHT_FD_WRITE) | RIGHT_POLL_FD_READWRITE;
    switch (descriptor.kind) {
      case 'directory':
      case 'network':
        fail(EBADF);
        break;
      case 'file': {
        if ((descriptor.rights & right) === 0) fail(ENOTCAPABLE);
        const left = core.fileOf(descriptor).content.sizeBytes - descriptor.offset;
        return eventOf(subscription, SUCCESS, reads ? Math.max(0, left) : 0);
      }
      case 'listener':
        if (!reads || !core.sockets.hasWaiting(descriptor.stream)) return undefined;
        return eventOf(subscription, SUCCESS, 1);
      default: {
        if (!reads) return hasRoom(core, descriptor) ? eventOf(subscription, SUCCESS) : undefined;
        const { ready, bytes, hangup } = readiness(core, descriptor);
        return ready ? eventOf(subscription, SUCCESS, bytes, hangup) : undefined;
      }
    }
  } catch (thrown) {
    if (thrown instanceof CallFailure) return eventOf(subscription, thrown.errno);
    throw thrown;
  }
}

// ---- clocks

/** Why a clock cannot be waited for. */
function clockErrno({ subject }: Subscription): number {
  if (subject === CLOCK_REALTIME || subject === CLOCK_MONOTONIC) return SUCCESS;
  return subject > CLOCK_MONOTONIC + 2 ? EINVAL : ENOTSUP;
}

/** When each subscription is over, on the monotonic clock in ns; Infinity for those that are not of time. */
function deadlines(core: Core, subscriptions: readonly Subscription[]): number[] {
  const { machine } = core;
  const clocks = subscriptions.filter(({ type }) => type === EVENTTYPE_CLOCK);
  if (clocks.length === 0) return subscriptions.map(() => Infinity);
  const nowNs = machine.environment(SOURCE_MONOTONIC);
  const wantsReal = clocks.some(({ subject, absolute }) => subject === CLOCK_REALTIME && absolute);
  const realNs = wantsReal ? machine.environment(SOURCE_REAL_TIME) : 0n;
  return subscriptions.map(({ type, subject, timeoutNs, absolute }) => {
    if (type !== EVENTTYPE_CLOCK) return Infinity;
    const startNs = subject === CLOCK_REALTIME ? realNs : nowNs;
    const inNs = absolute ? timeoutNs - startNs : timeoutNs;
    // A time that is over has no deadline that the timer could keep; one beyond 2^53 ns (104 days) never comes.
    if (inNs <= 0n) return 0;
    const deadline = nowNs + inNs;
    return deadline > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(deadline);
  });
}

// ---- the call

function poll(core: Core, subscriptions: readonly Subscription[]): Event[] {
  const ready = subscriptions.map(subscription => {
    if (subscription.type !== EVENTTYPE_CLOCK) return descriptorEvent(core, subscription);
    const errno = clockErrno(subscription);
    return errno === SUCCESS ? undefined : eventOf(subscription, errno);
  });
  const before = core.pending?.kind === 'poll' ? core.pending : undefined;
  const some = ready.some(event => event !== undefined);
  // A descriptor that is ready at once is the common case: no clock is read for it.
  const deadlinesNs = before?.deadlinesNs ?? (some ? [] : deadlines(core, subscriptions));
  const firedNs = before?.firedNs ?? 0;
  for (const [index, deadlineNs] of deadlinesNs.entries()) {
    if (deadlineNs <= firedNs) ready[index] ??= eventOf(subscriptions[index]!, SUCCESS);
  }
  const events = ready.filter(event => event !== undefined);
  if (events.length > 0) {
    core.pending = undefined;
    if (before !== undefined && before.armedNs !== 0 && before.firedNs < before.armedNs) core.machine.timer(0);
    return events;
  }
  if (before === undefined) {
    const first = Math.min(...deadlinesNs);
    const armedNs = Number.isFinite(first) ? first : 0;
    core.pending = { kind: 'poll', deadlinesNs, armedNs, firedNs };
    if (armedNs !== 0) core.machine.timer(armedNs);
  }
  core.block();
}

export function pollCalls(core: Core): Record<string, Call> {
  const { memory } = core;
  return {
    poll_oneoff: guard((list: number, eventsOut: number, count: number, result: number) => {
      if (u32(count) === 0 || u32(count) > SUBSCRIPTIONS_MAX) fail(EINVAL);
      memory.view(u32(eventsOut), u32(count) * EVENT_BYTES);
      memory.view(u32(result), 4);
      const events = poll(core, readSubscriptions(core, u32(list), u32(count)));
      writeEvents(core, u32(eventsOut), events);
      memory.view(u32(result), 4).setUint32(u32(result), events.length, true);
    }),
  };
}
