// Runs the weather station on a primary and a backup, and kills the primary twice.

import { Machine } from 'epochvisor/machine';
import { sent } from './host.mjs';
import { killPrimary } from './kill.mjs';

const [guest = 'station.wasm'] = process.argv.slice(2);
const machine = await Machine.start(guest, { host: new URL('./host.mjs', import.meta.url), epochLength: 20_000 });
try {
  const { reports } = sent;
  for (const count of [20, 60]) {
    while (reports.length < count) await new Promise(resolve => setTimeout(resolve, 1));
    await killPrimary(machine);
  }
  sent.wanted = reports.length + 20;
  const outcome = await machine.outcome;
  const numbers = reports.map(({ text }) => Number(/^report (\d+): /.exec(text)[1]));
  const isWhole = numbers.every((number, index) => number === index + 1);
  console.log(`${isWhole ? 'each report once, and in order' : 'NOT in order'}; exit ${outcome.status}`);
} finally {
  await machine.stop();
}
