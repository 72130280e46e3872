#!/usr/bin/env node
// The command line: one file a verb, loaded only when it is called, for a start costs what it loads.

import { Command, CommanderError } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { complain, complainOf, DEFECT_STATUS, endOnDefects } from '../observe/defects.js';
import { version } from './about.js';
import { givenArguments, refuseBytesForHost } from './given-bytes.js';
import { print } from './output.js';

/** Exit status of a command that was refused (a wrong flag, a missing file, a bad module). */
const REFUSED = 2;

interface Verb {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const VERBS: Readonly<Record<string, Verb>> = {
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

/** Only the verb that was named is loaded; without one, all are listed by their summaries. */
async function program(verb: string | undefined): Promise<Command> {
  const root = new Command('epochvisor')
    .description('Run a WebAssembly program on two machines as if it were one that does not fail.')
    .version(version())
    .enablePositionalOptions()
    .showHelpAfterError(false)
    .hook('preAction', (_, command) => refuseBytesForHost(command));
  for (const [name, { summary, load }] of Object.entries(VERBS)) {
    root.addCommand(name === verb ? strict(await load()) : new Command(name).description(summary));
  }
  return strict(root);
}

/** Errors come back to `main` instead of ending the process, and say where help is. */
function strict(command: Command): Command {
  return command.exitOverride().configureOutput({ writeOut: print, writeErr: () => undefined });
}

/** What is wrong, in one line. */
function usageFault({ code, message }: CommanderError): string {
  // Commander has no words for a verb that `help` does not know: it would list those that there are.
  if (code === 'commander.help') return `there is no help for '${process.argv[3] ?? ''}'`;
  return message.replace(/^error: /, '').replaceAll('\n', ' ');
}

async function main(): Promise<void> {
  let verb: string | undefined;
  try {
    const argv = givenArguments();
    verb = argv[2];
    const root = await program(verb === 'help' ? argv[3] : verb);
    if (verb === undefined) {
      process.stderr.write(root.helpInformation());
      process.exitCode = REFUSED;
      return;
    }
    await root.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return;
      complain(
        `${usageFault(error)} [BAD_USAGE]: see epochvisor ${verb !== undefined && Object.hasOwn(VERBS, verb) ? `${verb} ` : ''}--help`,
      );
      process.exitCode = REFUSED;
    } else if (error instanceof EpochvisorError) {
      complain(error.line);
      process.exitCode = REFUSED;
    } else {
      complainOf(error);
      process.exitCode = DEFECT_STATUS;
    }
  }
}

endOnDefects();
await main();
