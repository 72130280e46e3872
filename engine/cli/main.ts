#!/usr/bin/env node
// The command line: reads what was asked for, has the verb do it, and says what was refused in one line.

import { Command, CommanderError } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { complain, complainOf, DEFECT_STATUS, endOnDefects } from '../observe/defects.js';
import { version } from './about.js';
import { givenArguments, refuseBytesForHost } from './given-bytes.js';
import { print } from './output.js';
import { VERBS } from './verbs.js';

/** Exit status of a command that was refused (a wrong flag, a missing file, a bad module). */
const REFUSED = 2;

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
