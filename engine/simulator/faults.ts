// Faults: what may strike, and when. A fault strikes at a step of the schedule, not at a time, so that every point of a
// run is as likely as any other, and a sweep can visit each of them.

import type { Random } from './random.js';

/** 0 is the first primary, 1 the first backup; or whoever has the role when the fault strikes. */
export type ReplicaTarget = 0 | 1 | 2 | 'primary' | 'backup' | 'joining';
/** The paths between all replicas, those of one to the others, or that of one to the bus. */
export type PathTarget = 'peers' | `peers ${ReplicaTarget}` | `bus ${ReplicaTarget}`;

export type Fault = { readonly atStep: number } & (
  | { readonly kind: 'kill'; readonly replica: ReplicaTarget }
  /** A bit of its guest's memory changes. */
  | { readonly kind: 'flip'; readonly replica: ReplicaTarget }
  /** SIGSTOP, then SIGCONT; of one thread: garbage collection. Infinity: for ever. */
  | {
      readonly kind: 'pause';
      readonly replica: ReplicaTarget;
      readonly what: 'process' | 'io' | 'guest';
      readonly durationNs: number;
    }
  | { readonly kind: 'slow'; readonly replica: ReplicaTarget; readonly times: number; readonly durationNs: number }
  /** Again and again a pause of the process, as on a host that others keep busy; `more`: each so much longer than the one before. */
  | {
      readonly kind: 'stutter';
      readonly replica: ReplicaTarget;
      readonly pauseNs: number;
      readonly everyNs: number;
      readonly more: number;
      readonly durationNs: number;
    }
  /** Its timers come up to so much late. */
  | { readonly kind: 'jitter'; readonly replica: ReplicaTarget; readonly byNs: number; readonly durationNs: number }
  /** What is sent on a path takes up to so much longer. */
  | { readonly kind: 'delay'; readonly path: PathTarget; readonly byNs: number; readonly durationNs: number }
  | { readonly kind: 'setClock'; readonly replica: ReplicaTarget; readonly byNs: number }
  | { readonly kind: 'cut'; readonly path: PathTarget; readonly way: 'both' | 0 | 1; readonly durationNs: number }
  | { readonly kind: 'reset'; readonly path: PathTarget }
  /** Out of reach; or silent: what is asked meanwhile is never answered. */
  | { readonly kind: 'arbiterOutage'; readonly durationNs: number; readonly silent: boolean }
  /** The bus's process stands still, or the terminal takes nothing. */
  | { readonly kind: 'pauseBus' | 'stallTerminal'; readonly durationNs: number }
  /** The bus's process dies, or its host loses its power; it is started again after the duration. */
  | { readonly kind: 'restartBus'; readonly durationNs: number; readonly power: boolean }
  /** The disk of a replica that logs does nothing, or has no room. */
  | { readonly kind: 'stallLog' | 'fullLog'; readonly replica: ReplicaTarget; readonly durationNs: number }
  /** Every process dies, or all hosts lose their power. `loses`: one of the disks is lost with it. */
  | { readonly kind: 'blackout'; readonly power: boolean; readonly loses: 'nothing' | 'primary' | 'backup' }
  /** There is no room for what the bus keeps. */
  | { readonly kind: 'fullDisk'; readonly durationNs: number }
);

const PATHS: readonly PathTarget[] = ['peers', 'bus 0', 'bus 1'];

/** Up to four faults within `steps` steps; a flapping path counts as one. */
export function planFaults(random: Random, steps: number): Fault[] {
  const faults: Fault[] = [];
  for (let count = random.pick([0, 1, 1, 1, 2, 2, 3, 4]); count > 0; count--) {
    const atStep = random.below(steps);
    const replica = random.pick([0, 0, 1] as const);
    // Shorter and longer than what it takes to be suspected.
    const durationNs = random.pick([1e6, 1e7, 4e7, 8e7, 2e8, 4e8]) * (0.5 + random.below(100) / 100);
    switch (random.below(15)) {
      case 0:
      case 1:
      case 2:
        faults.push({ kind: 'kill', atStep, replica });
        break;
      case 3:
      case 4: {
        const what = random.pick(['process', 'process', 'io', 'guest'] as const);
        const forEver = what === 'process' && random.chance(0.15);
        faults.push({ kind: 'pause', atStep, replica, what, durationNs: forEver ? Infinity : durationNs });
        break;
      }
      case 5:
        faults.push({ kind: 'slow', atStep, replica, times: random.pick([3, 30, 300]), durationNs });
        break;
      case 6:
        faults.push({ kind: 'setClock', atStep, replica, byNs: random.between(-1e10, 1e10) });
        break;
      case 7:
      case 8:
        faults.push({ kind: 'cut', atStep, path: random.pick(PATHS), way: random.pick(['both', 0, 1]), durationNs });
        break;
      case 9: {
        const path = random.pick(PATHS);
        for (let flap = 0; flap < 5; flap++) {
          const way = random.pick(['both', 0, 1] as const);
          faults.push({ kind: 'cut', atStep: atStep + 20 * flap, path, way, durationNs: durationNs / 5 });
        }
        break;
      }
      case 10:
        faults.push({ kind: 'reset', atStep, path: random.pick(PATHS) });
        break;
      case 11:
        faults.push({ kind: 'arbiterOutage', atStep, durationNs, silent: random.chance(0.3) });
        break;
      case 13:
        faults.push({ kind: 'pauseBus', atStep, durationNs });
        break;
      case 14:
        faults.push({ kind: 'stallTerminal', atStep, durationNs });
        break;
      case 12: {
        // What a primary has said reaches the bus when another has taken over.
        const cut = { kind: 'cut', atStep, path: 'bus 0', way: 0 } as const;
        const struck = { replica: 0, atStep: atStep + random.below(60) } as const;
        if (random.chance(0.6)) {
          faults.push({ ...cut, durationNs: random.between(1e6, 4e7) }, { kind: 'kill', ...struck });
        } else {
          const pause = { kind: 'pause', what: 'process', durationNs: random.between(6e7, 9e7) } as const;
          faults.push({ ...cut, durationNs: random.between(6e7, 9e7) }, { ...pause, ...struck });
        }
      }
    }
  }
  return faults.sort((a, b) => a.atStep - b.atStep);
}

/** Words come late, for a while, by less and by more than is suspected; and in the midst of it somebody dies, or is cut off. */
export function planLate(random: Random, steps: number): Fault[] {
  const faults: Fault[] = [];
  for (let count = random.between(1, 3); count > 0; count--) {
    const atStep = random.below(steps);
    const durationNs = random.pick([1e8, 5e8, 1e9]);
    const byNs = random.pick([5e6, 2e7, 6e7, 2e8]);
    const replica = random.pick(['primary', 'backup'] as const);
    const path = random.pick<PathTarget>(['peers', 'bus primary', 'bus backup']);
    switch (random.below(3)) {
      case 0: {
        const everyNs = random.pick([2, 3, 10]) * byNs;
        faults.push({
          kind: 'stutter',
          atStep,
          replica,
          pauseNs: byNs,
          everyNs,
          more: random.pick([1, 1, 1.3]),
          durationNs,
        });
        break;
      }
      case 1:
        faults.push({ kind: 'jitter', atStep, replica, byNs, durationNs });
        break;
      case 2:
        faults.push({ kind: 'delay', atStep, path, byNs, durationNs });
    }
  }
  const atStep = random.below(2 * steps);
  const path = random.pick<PathTarget>(['peers', 'bus primary', 'bus backup']);
  const replica = random.pick(['primary', 'backup'] as const);
  switch (random.below(4)) {
    case 0:
      faults.push({ kind: 'kill', atStep, replica });
      break;
    case 1:
      faults.push({ kind: 'pause', atStep, replica, what: 'process', durationNs: random.chance(0.5) ? Infinity : 5e8 });
      break;
    case 2:
      faults.push({ kind: 'cut', atStep, path, way: random.pick(['both', 0, 1]), durationNs: random.pick([1e8, 1e9]) });
  }
  return faults.sort((a, b) => a.atStep - b.atStep);
}

const ROLES: readonly ReplicaTarget[] = ['primary', 'primary', 'backup', 'joining', 'joining'];

/** Several faults, most of them deaths, by role: of a primary while somebody joins, of who joins, of both. */
export function planHealing(random: Random, steps: number): Fault[] {
  const faults: Fault[] = [];
  for (let count = random.between(1, 6); count > 0; count--) {
    const atStep = random.below(2 * steps);
    const replica = random.pick(ROLES);
    const durationNs = random.pick([1e6, 1e7, 4e7, 8e7, 2e8]) * (0.5 + random.below(100) / 100);
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        faults.push({ kind: 'kill', atStep, replica });
        break;
      case 4:
      case 5: {
        const what = random.pick(['process', 'process', 'io', 'guest'] as const);
        const forEver = replica === 'joining' && what === 'process' && random.chance(0.3);
        faults.push({ kind: 'pause', atStep, replica, what, durationNs: forEver ? Infinity : durationNs });
        break;
      }
      case 10:
        faults.push({ kind: 'pauseBus', atStep, durationNs });
        break;
      case 11:
        faults.push({ kind: 'stallTerminal', atStep, durationNs });
        break;
      case 6: {
        const path = random.pick<PathTarget>(['peers', `peers ${replica}`, `bus ${replica}`]);
        faults.push({ kind: 'cut', atStep, path, way: random.pick(['both', 0, 1]), durationNs });
        break;
      }
      case 7:
        faults.push({
          kind: 'reset',
          atStep,
          path: random.pick<PathTarget>(['peers', `peers ${replica}`, `bus ${replica}`]),
        });
        break;
      case 8:
        faults.push({ kind: 'arbiterOutage', atStep, durationNs, silent: random.chance(0.3) });
        break;
      case 9: {
        // A death, and soon after it that of who takes over, or joins.
        const next = random.pick(ROLES);
        faults.push({ kind: 'kill', atStep, replica });
        faults.push({ kind: 'kill', atStep: atStep + random.below(200), replica: next });
      }
    }
  }
  return faults.sort((a, b) => a.atStep - b.atStep);
}

/** Deaths of the bus; each of them may come while it is being started, or soon after. */
export function planRestarts(random: Random, steps: number): Fault[] {
  return Array.from({ length: random.between(1, 5) }, () => {
    const durationNs = random.pick([1e4, 1e6, 2e7, 3e8]) * (0.5 + random.below(100) / 100);
    return { kind: 'restartBus', atStep: random.below(steps), durationNs, power: random.chance(0.3) };
  });
}

/** A disk that is full for a while, once or twice. */
export function planFullDisk(random: Random, steps: number): Fault[] {
  return Array.from({ length: random.between(1, 3) }, () => {
    const durationNs = random.pick([1e6, 1e7, 1e8]) * (0.5 + random.below(100) / 100);
    return { kind: 'fullDisk', atStep: random.below(steps), durationNs };
  });
}

/** Disks of replicas that stand still, or are full, for a while. */
export function planDisks(random: Random, steps: number): Fault[] {
  return Array.from({ length: random.below(4) }, () => {
    const durationNs = random.pick([1e6, 1e7, 1e8]) * (0.5 + random.below(100) / 100);
    const replica = random.pick(['primary', 'backup', 'backup', 'joining'] as const);
    return { kind: random.pick(['stallLog', 'stallLog', 'fullLog']), atStep: random.below(steps), replica, durationNs };
  });
}

/** All die, once or several times; now and then as soon as they go on. */
export function planBlackouts(random: Random, steps: number): Fault[] {
  let atStep = random.below(steps);
  return Array.from({ length: random.pick([1, 1, 2, 3]) }, () => {
    const fault: Fault = {
      kind: 'blackout',
      atStep,
      power: random.chance(0.6),
      loses: random.pick(['nothing', 'nothing', 'primary', 'backup'] as const),
    };
    atStep += random.pick([random.below(60), random.below(steps)]);
    return fault;
  });
}

/** A fault as a line of a trace. */
export function describeFault(fault: Fault): string {
  return Object.values(fault).join(' ');
}
