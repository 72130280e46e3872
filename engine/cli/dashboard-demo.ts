// `epochvisor demo --dashboard`: a pair that computes for as long as somebody looks at its page, and presses its buttons.
//
// The machine is `epochvisor run --dashboard`, which says where the page is. What its guest prints is of no interest here.

import { spawn } from 'node:child_process';
import { say } from './output.js';

/** Rounds that nobody waits for the end of. */
const GUEST_ARGUMENTS = ['1000000000', '40'];

/**
 * @param guest path of the guest
 * @param place where the page is served, `ADDR:PORT`
 * @returns the exit status of the machine
 */
export async function dashboardDemo(guest: string, place: string): Promise<number> {
  say(
    '\nA WebAssembly program on two processes that execute the same instructions, and a page that shows them. Open it, and',
  );
  say('press Test Failover: the primary is killed with SIGKILL, and the epochs go on. Ctrl-C is the end.\n');
  const command = [process.argv[1]!, 'run', '--dashboard', place, guest, ...GUEST_ARGUMENTS];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] });
  // At a terminal Ctrl-C reaches both; the machine ends itself, and its status is ours.
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, pass);
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', status => resolve(status ?? 1));
  });
}
