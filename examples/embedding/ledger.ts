// A ledger without a _start, in AssemblyScript: a host program calls its exports.

const balances = new Map<i32, i64>();

/** @returns the new balance */
export function deposit(account: i32, amount: i64): i64 {
  const balance = (balances.has(account) ? balances.get(account) : 0) + amount;
  balances.set(account, balance);
  return balance;
}

export function total(): i64 {
  let sum: i64 = 0;
  const values = balances.values();
  for (let at = 0; at < values.length; at++) sum += values[at];
  return sum;
}
