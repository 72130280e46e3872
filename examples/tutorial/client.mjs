// Sends lines over one connection, one after the other, and says what each was answered and how long the longest answer took.
//
//   node client.mjs ADDRESS:PORT [LINES [MS BETWEEN THEM]]
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const [address = process.env.EPOCHVISOR_ADDRESS, lines = '50', betweenMs = '100'] = process.argv.slice(2);
const [, host, port] = /^(.*):(\d+)$/.exec(address);
const socket = connect({ host, port: Number(port) });
const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
let slowestMs = 0;
for (let line = 0; line < Number(lines); line++) {
  const askedMs = performance.now();
  socket.write('count\n');
  const { value, done } = await answers.next();
  if (done) throw new Error('the server has closed the connection');
  slowestMs = Math.max(slowestMs, performance.now() - askedMs);
  process.stdout.write(`${value}\n`);
  await sleep(Number(betweenMs));
}
process.stderr.write(`the slowest answer took ${slowestMs.toFixed(0)} ms\n`);
socket.end();
