// What the conformance of devices needs of tellers.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TELLER_DISPENSE } from '../../../devices/teller/teller-commands.js';
import { TELLER_KIND } from '../../../devices/teller/teller-kind.js';
import { type DeviceFixture, operation } from '../conformance.js';

export const fixture: DeviceFixture = {
  source: async folder => {
    const path = join(folder, 'journal');
    await writeFile(path, '');
    return { kind: TELLER_KIND.name, path };
  },
  valid: id => operation(id, TELLER_DISPENSE, { argument: BigInt(id) }),
};
