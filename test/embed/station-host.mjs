// The host functions of the guest in station.ts: what acts on the world notes it in `globalThis.station`, in the process of the bus.

import { environment, io, pure } from 'epochvisor/host';

export default {
  station: {
    hash: pure(['bytes'], 'i64', bytes =>
      bytes.reduce((hash, byte) => BigInt.asIntN(64, hash * 31n + BigInt(byte)), 7n),
    ),
    temperature: environment([], 'f64', () => 20 + Math.random()),
    name: environment(
      ['i32'],
      'text',
      round => `round ${round} of process ${process.pid}, as told by ${'x'.repeat(40)}`,
    ),
    send: io(['text', 'f64', 'i64'], 'i32', async (text, temperature, hash, { operation }) => {
      const { sent, rounds } = globalThis.station;
      await new Promise(resolve => setTimeout(resolve, 1));
      sent.push({ text, temperature, hash, operation });
      return sent.length >= rounds ? 1 : 0;
    }),
    fails: io(['i32'], 'nothing', async value => {
      throw new Error(`there is no ${value}`);
    }),
  },
};
