// `epochvisor replay FILE`: a recording run again, without network, bus or clock.

import { Command, InvalidArgumentError, Option } from 'commander';
import { STDERR, STDOUT } from '../../devices/console/console-streams.js';
import { EpochvisorError } from '../errors/errors.js';
import { rewriteGuest } from '../guest/guest-program.js';
import { describeOutcome } from '../protocol/describe.js';
import { hashOf, openRecording, type Recording } from '../recording/recording.js';
import type { Replay, ReplayEnd, ReplayPlace } from '../replay/guest-replay.js';
import type { Instruction } from '../replay/stop-hook.js';
import { readGuest } from './machine-flags.js';
import { print } from './output.js';
import { TRAP_STATUS } from './supervise.js';

/** Output that waits for its reader, bytes: past it the guest waits, too. */
const UNREAD_BYTES_MAX = 1 << 20;

interface ReplayFlags {
  readonly to?: Instruction;
  readonly output: 'stdout' | 'none';
  readonly guest?: string;
  readonly cache: boolean;
  readonly quiet?: true;
}

export function replayCommand(): Command {
  return new Command('replay')
    .description('Run a recording again, and compare: the same output, the same exit status, or where it differs.')
    .argument('<FILE|DIR>', 'a recording, or the folder of a log')
    .option('--to <EPOCH:INSTRUCTION>', 'stop there, and say what the state is', place)
    .addOption(new Option('--output <WHERE>', 'what the guest puts out').choices(['stdout', 'none']).default('stdout'))
    .option('--guest <GUEST.wasm>', 'the guest, which is not in the folder of a log')
    .option('--no-cache', 'rewrite the guest anew')
    .option('--quiet', 'say nothing but what the guest says')
    .action(replay);
}

function place(text: string): Instruction {
  const [, epoch, instruction] = /^(\d+):(\d+)$/.exec(text.replaceAll('_', '')) ?? [];
  const to = { epoch: Number(epoch), instruction: Number(instruction) };
  if (!Number.isSafeInteger(to.epoch) || !Number.isSafeInteger(to.instruction)) {
    throw new InvalidArgumentError('It is an epoch and an instruction in it, such as 120:5000.');
  }
  return to;
}

async function replay(path: string, flags: ReplayFlags): Promise<void> {
  const recording = openRecording(path);
  const module = moduleOf(recording, flags.guest);
  await rewriteGuest(module, recording.machine.options, flags.cache);
  // Loaded late: what is refused needs none of it.
  const { Replay } = await import('../replay/guest-replay.js');
  const streams = new Map<number, NodeJS.WriteStream>([
    [STDOUT, process.stdout],
    [STDERR, process.stderr],
  ]);
  const run: Replay = new Replay({
    recording,
    module,
    moduleCache: flags.cache,
    ...(flags.to === undefined ? {} : { to: flags.to }),
    put: (stream, bytes) => {
      if (flags.output === 'none') return;
      if (stream === STDOUT) print(bytes);
      else streams.get(stream)?.write(bytes);
    },
    isCongested: () => [...streams.values()].some(({ writableLength }) => writableLength > UNREAD_BYTES_MAX),
  });
  const end = await run.run();
  if (flags.to !== undefined && end.type !== 'stopped') throw tooFar(path, flags.to, end.place);
  if (flags.quiet !== true) for (const line of told(end)) process.stderr.write(`epochvisor: ${line}\n`);
  process.exitCode = statusOf(end);
}

/** @throws EpochvisorError GUEST_MISSING, GUEST_CHANGED */
function moduleOf({ path, header, module }: Recording, guest: string | undefined): Uint8Array {
  if (guest === undefined) {
    if (module !== undefined) return module;
    throw new EpochvisorError('GUEST_MISSING', `the guest is not in ${path}`, 'name it with --guest');
  }
  const given = readGuest(guest).module;
  if (hashOf(given) === header.moduleHash) return given;
  const hint = module === undefined ? 'name that one with --guest' : 'it is in the recording: leave --guest out';
  throw new EpochvisorError('GUEST_CHANGED', `${guest} is not the guest that ${path} is of`, hint);
}

function tooFar(path: string, { epoch, instruction }: Instruction, end: ReplayPlace): EpochvisorError {
  return new EpochvisorError(
    'REPLAY_SHORT',
    `${path} does not reach ${epoch}:${instruction}: it ends in epoch ${end.epoch}`,
    'name an instruction before its end',
  );
}

function told(end: ReplayEnd): string[] {
  switch (end.type) {
    case 'ended':
      return [`the guest ended as then: ${describeOutcome(end.outcome)}, in epoch ${end.place.epoch}`];
    case 'open':
      return [`the recording ends here, and the guest had not: ${where(end.place)}`];
    case 'stopped': {
      const { epoch, instruction, count, outstanding, digest, memoryBytes } = end.state;
      return [
        `stopped at ${epoch}:${instruction}, ${count} instructions since the start`,
        `operations outstanding: ${outstanding}`,
        `memory: ${memoryBytes} bytes, SHA-256 ${digest}`,
      ];
    }
  }
}

function where({ epoch, count, outstanding }: ReplayPlace): string {
  return `epoch ${epoch}, ${count} instructions since the start, operations outstanding: ${outstanding}`;
}

function statusOf(end: ReplayEnd): number {
  if (end.type !== 'ended') return 0;
  return end.outcome.kind === 'exit' ? end.outcome.status & 0xff : TRAP_STATUS;
}
