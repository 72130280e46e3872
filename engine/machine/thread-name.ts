// The name of the guest thread, as `top -H` and /proc show it: whoever measures finds the thread by it.

import { writeFileSync } from 'node:fs';

export const GUEST_THREAD_NAME = 'guest';

/** Names the calling thread. */
export function nameGuestThread(): void {
  try {
    writeFileSync('/proc/thread-self/comm', GUEST_THREAD_NAME);
  } catch {
    // Linux alone has names there, and a sandbox may forbid them: nothing but a measurement depends on it.
  }
}
