// A client of the keyvalue guest, on a host of its own: counts up, one INCR at a time, for ever, and says how it goes.
//
//   node client.js HOST PORT FILE
//
// A line of JSON every 50 ms (ClientNews). The first answer may be any number; one after it that is not the next number says that
// one was lost or doubled: an error, as the end of the connection is. It never connects again. FILE has the last number that was
// answered, whatever ends this process.

import { openSync, writeSync } from 'node:fs';
import { connect } from 'node:net';

export interface ClientNews {
  readonly answers: number;
  /** The number that it was answered first; 0: none was. */
  readonly first: number;
  /** The longest time without an answer since the line before, ms; one that lasts is in it. */
  readonly silenceMs: number;
  /** What should not have been; empty: nothing. */
  readonly error: string;
}

const TELL_EVERY_MS = 50;
const NUMBER_CHARACTERS = 16;
const QUESTION = '*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n';

const [host = '', port = '', path = ''] = process.argv.slice(2);
const file = openSync(path, 'w');
const socket = connect({ host, port: Number(port), noDelay: true });
let answers = 0;
let first = 0;
let lastMs = performance.now();
let silenceMs = 0;
let error = '';
let text = '';

function answered(): void {
  const nowMs = performance.now();
  silenceMs = Math.max(silenceMs, nowMs - lastMs);
  lastMs = nowMs;
}

socket.on('connect', () => socket.write(QUESTION));
socket.on('data', data => {
  text += data.toString('latin1');
  for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
    const line = text.slice(0, end);
    text = text.slice(end + 2);
    answered();
    answers += 1;
    if (first === 0 && /^:\d+$/.test(line)) first = Number(line.slice(1));
    const next = `:${first + answers - 1}`;
    writeSync(file, line.slice(1).padStart(NUMBER_CHARACTERS), 0);
    if (line === next) socket.write(QUESTION);
    else if (error === '') error = `after ${answers - 1} answers came ${line}, not ${next}`;
  }
});
socket.on('error', ({ message }) => {
  if (error === '') error = message;
});
socket.on('close', () => {
  if (error === '') error = 'the connection has ended';
});
setInterval(() => {
  const news: ClientNews = { answers, first, silenceMs: Math.max(silenceMs, performance.now() - lastMs), error };
  silenceMs = 0;
  process.stdout.write(`${JSON.stringify(news)}\n`);
}, TELL_EVERY_MS);
