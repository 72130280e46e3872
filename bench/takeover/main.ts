// How long is it silent after the primary is gone? From the signal to the first byte that the new primary printed.
//
//   --kills N   kills by SIGKILL for each guest (default 30); SIGSTOP, which takes a silence that is too long, gets a third

import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { DEFAULT_TIMING } from '../../engine/replica/replica-configuration.js';
import { publish, quantile } from '../host.js';
import { GUESTS, takeoverMs } from './takeover.js';

const AIM_MS = 100;
const AIM_STOPPED_MS = 400;
const { values } = parseArgs({ options: { kills: { type: 'string', default: '30' } } });
const kills = Number(values.kills);

const rows: string[][] = [];
for (const guest of GUESTS) {
  for (const [signal, count] of [
    ['SIGKILL', kills],
    ['SIGSTOP', Math.ceil(kills / 3)],
  ] as const) {
    const all: number[] = [];
    for (let kill = 0; kill < count; kill += 1) all.push(await takeoverMs(guest, signal));
    const figures = [quantile(all, 0.5), quantile(all, 0.9), Math.max(...all)].map(ms => ms.toFixed(1));
    rows.push([`${guest.name} (${guest.does})`, signal, String(count), ...figures]);
  }
}
const { heartbeatMs, suspicionMs } = DEFAULT_TIMING;
publish(
  'takeover',
  'How long it is silent after the primary is gone',
  `From the signal to the first byte that the new primary printed, default settings. Aim: a median below ${AIM_MS} ms
after SIGKILL. A process that is stopped says nothing and closes nothing: it is suspected after a silence that follows what was
heard of it before, ${suspicionMs} ms at the most (heartbeats every ${heartbeatMs} ms; \`bench suspicion\`). Aim: a median below ${AIM_STOPPED_MS} ms.

${markdownTable([['guest', 'signal', 'times', 'median, ms', '90 %, ms', 'most, ms'], ...rows], {
  align: ['l', 'l', 'r', 'r', 'r', 'r'],
})}`,
);
