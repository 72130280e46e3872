// The network of the tests of several hosts: a cut loses everything one way, says nothing, and heals.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { Network } from '../../bench/hosts/network.js';
import { needs } from '../setup/needs.js';

const ECHO = `require('net').createServer(socket => socket.on('error', () => {}).pipe(socket)).listen(0, '0.0.0.0', function () {
  console.log(this.address().port);
});`;
/** Says, within a second, what of `what` comes back, or the error. */
const ASK = `const socket = require('net').connect(process.argv[2], process.argv[1], () => socket.write('what'));
socket.on('data', data => { console.log(String(data)); process.exit(); });
socket.on('error', error => { console.log(error.code); process.exit(); });
setTimeout(() => { console.log('nothing'); process.exit(); }, 700);`;

test('what is cut is lost without a word, one way or both, until it is healed', needs('namespaces'), async () => {
  const network = new Network(['A', 'B', 'C']);
  try {
    const [program, ...prefix] = network.host('B').prefix;
    const server = spawn(program, [...prefix, process.execPath, '-e', ECHO], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [port] = await once(server.stdout, 'data');
    const ask = (from: string) => {
      const [ip, ...args] = network.host(from).prefix;
      const command = [...args, process.execPath, '-e', ASK, network.host('B').address, String(port).trim()];
      return execFileSync(ip, command).toString().trim();
    };
    expect(ask('A')).toBe('what');
    network.cut('A', 'B');
    expect([ask('A'), ask('C')]).toEqual(['nothing', 'what']);
    network.heal('A', 'B');
    network.cut('B', 'A');
    expect([ask('A'), ask('C')]).toEqual(['nothing', 'what']);
    network.healAll();
    expect(ask('A')).toBe('what');
    expect(network.processesOf('B')).toHaveLength(1);
    network.killHost('B');
    expect(ask('C')).toBe('nothing');
    expect(network.processesOf('B')).toEqual([]);
  } finally {
    network.remove();
  }
  expect(execFileSync('ip', ['netns', 'list']).toString()).not.toContain(`epochvisor-${process.pid}-`);
});
