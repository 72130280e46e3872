// The sockets that a machine's clients connect to, opened for `run` and `resume`, and said, for a port may be the kernel's choice.

import type { SourceDevice } from '../../devices/device.js';
import { describeListenAddress, type ListenAddress } from '../../devices/listener/listening-streams.js';

/**
 * The device behind all addresses; none where there are none. Loaded where somebody listens: a start costs what it loads.
 * @throws EpochvisorError LISTEN_IN_USE, LISTEN_FAILED
 */
export async function openListener(
  addresses: readonly ListenAddress[],
  { quiet }: { readonly quiet?: boolean },
): Promise<SourceDevice[]> {
  if (addresses.length === 0) return [];
  const { SocketListener } = await import('../../devices/listener/socket-listener.js');
  const listener = await SocketListener.open(addresses);
  if (quiet !== true) {
    for (const address of listener.addresses) {
      process.stderr.write(`epochvisor: listens on ${describeListenAddress(address)}\n`);
    }
  }
  return [listener];
}
