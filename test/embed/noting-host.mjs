// Host functions of a machine on the command line: what is sent is noted in the file NOTED, until there are as many lines as WANTED says.

import { appendFileSync, readFileSync } from 'node:fs';
import { environment, io, pure } from 'epochvisor/host';

const { NOTED = '', WANTED = '' } = process.env;

export default {
  station: {
    next: pure(['i32'], 'i32', round => round + 1),
    fraction: environment([], 'f64', () => Math.random()),
    note: io(
      ['i32', 'f64'],
      'i32',
      async (round, fraction) => {
        await new Promise(resolve => setTimeout(resolve, 5));
        appendFileSync(NOTED, `${round} ${fraction}\n`);
        return readFileSync(NOTED, 'latin1').split('\n').length > Number(WANTED) ? 1 : 0;
      },
      { whenUncertain: -11 },
    ),
  },
};
