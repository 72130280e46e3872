// `--verify [SHARE]`: how much of its time a replica may spend on comparing its state with the other's.
//
// The share may be left out, also right before the guest. Commander would take the guest for it: so what follows the flag is
// looked at before.

import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type MachineOptions, VERIFY_SHARE } from '../guest/machine-options.js';

const FLAG = '--verify';

export interface VerifyFlag {
  readonly verify?: number;
}

/** `1%`. */
export function percent(part: number): string {
  return `${Number((100 * part).toPrecision(3))}%`;
}

function share(text: string): number {
  const [, digits] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  const { least, most } = VERIFY_SHARE;
  const value = Number(digits) / 100;
  if (!(value >= least && value <= most)) {
    throw new InvalidArgumentError(`It is a part of the time from ${percent(least)} to ${percent(most)}, such as 5%.`);
  }
  return value;
}

export function addVerifyFlag(command: Command): Command {
  const usual = percent(VERIFY_SHARE.usual);
  const parse = command.parseOptions.bind(command);
  command.parseOptions = args => parse(withShare(command, args));
  return command.addOption(
    new Option(
      `${FLAG} [SHARE]`,
      `part of the time for comparing the replicas' state, told at the end (default: ${usual})`,
    )
      .preset(usual)
      .argParser(share),
  );
}

/** Up to the first argument that is no flag: what follows the guest is the guest's. */
function withShare({ options }: Command, args: readonly string[]): string[] {
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at]!;
    if (!arg.startsWith('-') || arg === '--') break;
    const next = args[at + 1];
    if (arg === FLAG && next !== undefined && (next.endsWith('.wasm') || existsSync(next))) {
      return [...args.slice(0, at), `${FLAG}=${percent(VERIFY_SHARE.usual)}`, ...args.slice(at + 1)];
    }
    if (options.find(({ long, short }) => long === arg || short === arg)?.required === true) at += 1;
  }
  return [...args];
}

export function verifyOption({ verify }: VerifyFlag): Pick<MachineOptions, 'verifyShare'> {
  return verify === undefined ? {} : { verifyShare: verify };
}
