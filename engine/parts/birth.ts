// The birth of a machine, as the arbiter has it on record: view 0, which names nobody and says whose machine this is.
//
// A folder that was copied wrongly (another secret, options that an editor has changed) would find the others only to be refused
// by them; or, if it came first, take the first view, and nobody could join. So what belongs together is compared with the
// record before anything is begun. Digests of the secret and of what shapes execution stand there; the secret is 32 random bytes,
// of which a digest tells nothing.

import { createHash } from 'node:crypto';
import type { Arbiter } from '../arbiter/arbiter.js';
import { keyFor } from '../channel/credentials.js';
import { EpochvisorError } from '../errors/errors.js';
import type { View } from '../protocol/vocabulary.js';
import { BIRTH_VIEW } from '../replica/first-view.js';
import { membershipIn } from './described-options.js';
import type { MachineFolder } from './machine-folder.js';

export function birthOf(folder: MachineFolder): View {
  const { secret, shaping } = digestsOf(folder);
  const { machine } = folder.description;
  return { number: BIRTH_VIEW, machine, primary: '', backups: [], claim: `${secret} ${shaping}` };
}

/**
 * A machine of which the arbiter has no record passes: whoever begins waits for one (first-view.ts).
 * @throws EpochvisorError SECRET_DIFFERS, DESCRIPTION_DIFFERS; as `read` of the arbiter
 */
export async function checkBirth(folder: MachineFolder, arbiter: Pick<Arbiter, 'read'>): Promise<void> {
  const record = await arbiter.read(folder.description.machine, BIRTH_VIEW);
  if (record === undefined) return;
  const own = digestsOf(folder);
  const [secret, shaping] = record.claim.split(' ');
  if (secret !== own.secret) {
    const what = `the secret in ${folder.path} is not that of the machine`;
    throw new EpochvisorError('SECRET_DIFFERS', what, 'copy it from the host on which the folder was made');
  }
  if (shaping === own.shaping) return;
  throw new EpochvisorError(
    'DESCRIPTION_DIFFERS',
    `${folder.path}/machine.json is not as the machine was described: its module, or a field that shapes execution or says what outputs wait for`,
    'put it right, or describe another machine by epochvisor init',
  );
}

function digestsOf(folder: MachineFolder): { readonly secret: string; readonly shaping: string } {
  const { credentials, hello } = membershipIn(folder);
  const { moduleHash, options } = hello;
  const { durability = 'memory' } = folder.description;
  // One for whom less is enough would let out what others wait for.
  const waits = durability === 'memory' ? '' : `\n${durability}`;
  return {
    secret: Buffer.from(keyFor('epochvisor birth', credentials)).toString('hex'),
    shaping: createHash('sha256').update(`${moduleHash}\n${options}${waits}`).digest('hex'),
  };
}
