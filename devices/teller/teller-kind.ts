// Tellers, as a machine has one: `--teller FILE`, the file being its journal.

import { existsSync } from 'node:fs';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { DeviceKind } from '../device-kind.js';
import { TELLER, tellerMovement } from './teller-commands.js';

export const TELLER_KIND: DeviceKind = {
  name: 'teller',
  firstNumber: TELLER,
  movement: tellerMovement,
  flag: {
    usage: '--teller <FILE>',
    help: 'a device that dispenses notes; each is a line in FILE',
    repeatable: false,
    expected: 'It is a file.',
    parse: path => ({ kind: 'teller', path }),
  },
  backing: { code: 'TELLER', name: "the teller's journal", isFolder: false, isBegun: true },
  title: () => 'teller',
  open: async ({ path }, _, then, memory) => {
    // A new machine begins a journal; here it is what says which operations in flight were performed.
    if (then !== undefined && !existsSync(path)) {
      throw new EpochvisorError(
        'TELLER_MISSING',
        `the teller's journal ${path} does not exist`,
        'put it back, or make an empty file where nothing was dispensed',
      );
    }
    const { Teller } = await import('./teller.js');
    return Teller.open(path, memory);
  },
};
