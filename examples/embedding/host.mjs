// The functions of the weather station, by what they are. Each replica loads this file, and so does the program (station.mjs), which
// has the bus: `send` is called there, and nowhere else.

import { environment, io, pure } from 'epochvisor/host';

/** In the process that has the bus: what was sent, and how much is wanted. */
export const sent = { reports: [], wanted: Number.POSITIVE_INFINITY };

export default {
  station: {
    // Its arguments alone decide: both replicas call it.
    hash: pure(['bytes'], 'i64', bytes => bytes.reduce((sum, byte) => BigInt.asIntN(64, sum * 31n + BigInt(byte)), 7n)),
    // It looks at the world: the primary calls it, and the backup is told what it said.
    temperature: environment([], 'f64', () => 20 + Math.random()),
    // It acts on the world: once, when nothing can happen any more that would undo what has led to it.
    send: io(['text', 'i64'], 'i32', async (text, mark, { operation }) => {
      sent.reports.push({ text, mark, operation });
      await new Promise(resolve => setTimeout(resolve, 2));
      return sent.reports.length < sent.wanted ? 1 : 0;
    }),
  },
};
