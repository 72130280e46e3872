// A TCP server: its clients keep their connections, and get each answer once, whoever dies or is cut off.

import { launch } from 'epochvisor/testing';
import { expect, test } from 'vitest';
import 'epochvisor/vitest';

const guest = 'guest/build/keyvalue.wasm';

test('its client is told the same, wherever its primary dies', async () => {
  const load = 'node examples/failover/keyvalue-client.mjs 2';
  await expect(guest).toSurviveFailover({ listen: '127.0.0.1:0', load, points: 2 });
});

test('a conversation goes on over the same connection when the primary is killed', async () => {
  await using machine = await launch(guest, { listen: '127.0.0.1:0' });
  const client = await machine.connect();
  await client.ask('SET counter 41\r\n', '+OK\r\n');
  await machine.whenProtected();
  await machine.killPrimary();
  await client.ask('INCR counter\r\n', ':42\r\n');
  // Another backup has joined the running guest: it may die again.
  await machine.whenProtected();
  await machine.killPrimary();
  await client.ask('INCR counter\r\n', ':43\r\n');
  client.send('SHUTDOWN\r\n');
  await machine.expectSameAs('ready\n');
});

test('of a primary and a backup that do not hear each other one serves, and no answer is lost', async () => {
  await using machine = await launch(guest, { listen: '127.0.0.1:0', suspicion: 300 });
  const client = await machine.connect();
  await machine.whenProtected();
  await machine.partition('primary', 'backup');
  await client.ask('SET key value\r\n', '+OK\r\n');
  const { view } = await machine.until(status => status.view > 1);
  expect(view).toBeGreaterThan(1);
  await machine.heal();
  await machine.whenProtected();
  await client.ask('GET key\r\n', '$5\r\nvalue\r\n');
});
