// What does distance cost? A pair whose replicas are a round trip apart, over one on loopback: a guest that computes, and one that
// serves many clients.
//
//   --rounds N      (default 5), alternating
//   --seconds S     of each cell (default 2)
//   --trips L       round trips, ms, with commas between (default 1)

import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { SocketListener } from '../../devices/listener/socket-listener.js';
import { FIRST_ROUND, numbers, publish, quantile } from '../host.js';
import { isProtected, type Setting, withMachine } from '../machine.js';
import { instructionsOfRun, pairRate } from '../paper/cpu.js';
import { runLoads } from '../tcp/load.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    trips: { type: 'string', default: '1' },
  },
});
const seconds = Number(values.seconds);
const BITS_PER_MS = 1_000_000;
const CLIENTS = 50;
const AIMS = { computes: 1 / 1.02, serves: 0.8 };

const settings = new Map<string, Setting>([
  ['loopback', {}],
  ...numbers(values.trips).map((roundTripMs): [string, Setting] => [
    `${roundTripMs} ms`,
    { slowChannel: { roundTripMs, bitsPerMs: BITS_PER_MS } },
  ]),
]);

/** Answers a second. */
async function served(setting: Setting): Promise<{ readonly perSecond: number; readonly medianMs: number }> {
  const listener = await SocketListener.open([{ kind: 'tcp', host: '127.0.0.1', port: 0 }]);
  return await withMachine(setting, ['keyvalue'], { listener }, async machine => {
    await isProtected(machine);
    const [address] = listener.addresses;
    const port = address?.kind === 'tcp' ? address.port : 0;
    const loads = [{ clients: CLIENTS, pipeline: 1 }];
    const [result] = await runLoads({ port, loads, seconds, warmSeconds: 1, waits: false, parts: {} });
    if (result === undefined || result.errors > 0) throw new Error('a client was answered with an error');
    return result;
  });
}

const instructions = instructionsOfRun();
const computed = new Map<string, number[]>();
const answered = new Map<string, { perSecond: number; medianMs: number }[]>();
for (let round = FIRST_ROUND; round < Number(values.rounds); round += 1) {
  console.error(`distance: round ${round + 1} of ${values.rounds}`);
  for (const [name, setting] of settings) {
    const rate = (await pairRate(setting, seconds)) / instructions;
    const answers = await served(setting);
    if (round < 0) continue;
    computed.set(name, [...(computed.get(name) ?? []), rate]);
    answered.set(name, [...(answered.get(name) ?? []), answers]);
  }
}

const over = (name: string, all: ReadonlyMap<string, readonly number[]>) =>
  quantile(
    all.get(name)!.map((figure, round) => figure / all.get('loopback')![round]!),
    0.5,
  );
const perSecond = new Map([...answered].map(([name, all]) => [name, all.map(each => each.perSecond)]));
const rows = [...settings.keys()].map(name => [
  name,
  quantile(computed.get(name)!, 0.5).toFixed(0),
  over(name, computed).toFixed(2),
  (quantile(perSecond.get(name)!, 0.5) / 1_000).toFixed(1),
  over(name, perSecond).toFixed(2),
  quantile(
    answered.get(name)!.map(({ medianMs }) => medianMs),
    0.5,
  ).toFixed(2),
]);
publish(
  'distance',
  'What distance costs',
  `Pairs, \`deferred\`, epochs of the default length, the channel between the replicas with a round trip of so much at 1 Gbit/s (a door
before the port of each replica, for the kernel has no netem; the bus stands by the primary). Medians of ${values.rounds} alternating rounds of ${seconds} s; over loopback
is the median of the rounds' own ratios. Computes: Dhrystone's runs a millisecond, aim ${AIMS.computes.toFixed(2)} of loopback. Serves: guest/programs/keyvalue.ts, ${CLIENTS} clients,
one command at a time, thousands of answers a second, aim ${AIMS.serves}.

${markdownTable([['round trip', 'computes', 'over loopback', 'serves', 'over loopback', 'an answer, ms'], ...rows], { align: ['l', 'r', 'r', 'r', 'r', 'r'] })}`,
);
