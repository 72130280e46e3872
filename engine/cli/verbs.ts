// The verbs of the command line: one file each, loaded only when it is called, for a start costs what it loads.

import type { Command } from 'commander';

export interface Verb {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const VERBS: Readonly<Record<string, Verb>> = {
  run: {
    summary: 'run a guest on a primary and a backup on this machine',
    load: async () => (await import('./run.js')).runCommand(),
  },
  init: {
    summary: 'make a folder that describes a machine on several hosts',
    load: async () => (await import('./init.js')).initCommand(),
  },
  replica: {
    summary: 'keep a replica of such a machine on this host',
    load: async () => (await import('./replica-verb.js')).replicaCommand(),
  },
  bus: {
    summary: 'serve its devices, sockets and console from this host',
    load: async () => (await import('./bus-verb.js')).busCommand(),
  },
  status: {
    summary: 'show where its parts are, and whether it is protected',
    load: async () => (await import('./status-verb.js')).statusCommand(),
  },
  stop: {
    summary: 'end it, wherever its parts are',
    load: async () => (await import('./stop.js')).stopCommand(),
  },
  failover: {
    summary: 'kill the primary at chosen points and judge the outcome',
    load: async () => (await import('./failover.js')).failoverCommand(),
  },
  simulate: {
    summary: 'run the protocol under seeded faults, and judge every run',
    load: async () => (await import('./simulate.js')).simulateCommand(),
  },
  tune: {
    summary: 'sweep epoch length and variant, show what each costs',
    load: async () => (await import('./tune.js')).tuneCommand(),
  },
  inspect: {
    summary: 'show what would be rewritten, what is refused, and why',
    load: async () => (await import('./inspect.js')).inspectCommand(),
  },
  snapshot: {
    summary: 'save the state of a running guest to a file',
    load: async () => (await import('./snapshot.js')).snapshotCommand(),
  },
  resume: {
    summary: 'go on from a snapshot',
    load: async () => (await import('./resume.js')).resumeCommand(),
  },
  recover: {
    summary: 'go on with a machine of which every process is dead',
    load: async () => (await import('./recover.js')).recoverCommand(),
  },
  replay: {
    summary: 'run a recording again, and compare',
    load: async () => (await import('./replay.js')).replayCommand(),
  },
  'inspect-log': {
    summary: 'tell what happened in a recording, a line each',
    load: async () => (await import('./inspect-log.js')).inspectLogCommand(),
  },
  demo: {
    summary: 'a guest, two kills, and the outcome',
    load: async () => (await import('./demo.js')).demoCommand(),
  },
};
