// What does a TCP client of a pair feel? A store of keys and values on a pair beside the same on other machines, and beside Redis.
//
// Clients, bus and both replicas share this host's processors: a pair has at least three processes to run for each answer.
//
//   --seconds N       of asking for each figure of throughput (default 1)
//   --rounds N        (default 3), alternating
//   --long N          seconds of kills, and of a client that reads nothing (default 60)
//   --connections N   that do nothing (default 10000)
//   --only NAMES      throughput, kills, slow-reader, idle; by commas: what is not a whole run is printed, and not kept

import { parseArgs } from 'node:util';
import { publish } from '../host.js';
import { endAll } from '../processes.js';
import { idle } from './idle.js';
import { kills } from './kills.js';
import { slowReader } from './slow-reader.js';
import { throughput } from './throughput.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    long: { type: 'string', default: '60' },
    connections: { type: 'string', default: '10000' },
    only: { type: 'string' },
  },
});

const PARTS: Readonly<Record<string, () => Promise<string>>> = {
  throughput: () => throughput({ seconds: Number(values.seconds), rounds: Number(values.rounds) }),
  kills: () => kills({ seconds: Number(values.long) }),
  'slow-reader': () => slowReader({ seconds: Number(values.long) }),
  idle: () => idle({ connections: Number(values.connections) }),
};

const named = values.only?.split(',') ?? Object.keys(PARTS);
const unknown = named.find(name => !(name in PARTS));
if (unknown !== undefined) {
  console.error(`tcp: no part '${unknown}'; there are ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
try {
  const texts: string[] = [];
  for (const name of named) {
    console.error(`tcp: ${name}`);
    texts.push(await PARTS[name]!());
  }
  const body = texts.join('\n\n');
  if (values.only === undefined) publish('tcp', 'What a TCP client of a pair feels', body);
  else console.log(body);
} finally {
  await endAll();
}
