// Calls a ledger that does not fail: 300 deposits, while its primary is killed twice.

import { Machine } from 'epochvisor/machine';
import { killPrimary } from './kill.mjs';

const [guest = 'ledger.wasm'] = process.argv.slice(2);
const machine = await Machine.start(guest);
try {
  const balances = new Map();
  for (let round = 1; round <= 300; round++) {
    if (round % 100 === 0) await killPrimary(machine);
    const account = round % 7;
    const expected = (balances.get(account) ?? 0n) + BigInt(round);
    balances.set(account, expected);
    const balance = await machine.call('deposit', account, BigInt(round));
    if (balance !== expected) throw new Error(`account ${account} has ${balance}, not ${expected}`);
  }
  console.log(`total ${await machine.call('total')} after 300 deposits`);
  console.log(`exit ${(await machine.end()).status}`);
} finally {
  await machine.stop();
}
