// The flags that name devices: those of the table of kinds, for commander.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DeviceKind, DeviceSource } from '../../devices/device-kind.js';
import { DEVICE_KINDS } from '../../devices/device-kinds.js';

/** @param seen whether to add those of devices that bare guests see, or those of the others */
export function addDeviceFlags(command: Command, seen: boolean): Command {
  for (const kind of DEVICE_KINDS) {
    if ((kind.movement !== undefined) === seen) command.addOption(optionOf(kind));
  }
  return command;
}

function optionOf({ flag }: DeviceKind): Option {
  const option = new Option(flag.usage, flag.help).argParser<readonly DeviceSource[]>((text, before = []) => {
    const source = flag.parse(text);
    if (source === undefined) throw new InvalidArgumentError(flag.expected);
    return flag.repeatable ? [...before, source] : [source];
  });
  return flag.repeatable ? option.default([]) : option;
}

/** What the flags of a command name, kind by kind. @param options as commander has them */
export function namedDevices(options: Record<string, unknown>): readonly DeviceSource[] {
  return DEVICE_KINDS.flatMap(kind => (options[optionOf(kind).attributeName()] ?? []) as readonly DeviceSource[]);
}
