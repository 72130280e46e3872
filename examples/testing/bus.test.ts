// A server whose bus dies: what that costs its clients, and what it does not.

import { launch } from 'epochvisor/testing';
import { expect, test } from 'vitest';
import 'epochvisor/vitest';

const guest = 'guest/build/keyvalue.wasm';

test('a server whose bus is killed loses its connections, and nothing that it was told', async () => {
  await using machine = await launch(guest, { bus: 'process', listen: '127.0.0.1:0', suspicion: 20_000 });
  const client = await machine.connect();
  await client.ask('SET key value\r\n', '+OK\r\n');
  await machine.restartBus();
  await expect(client.ask('GET key\r\n', '$5\r\nvalue\r\n')).rejects.toMatchObject({ code: 'CONNECTION_OVER' });
  const again = await machine.connect();
  await again.ask('GET key\r\n', '$5\r\nvalue\r\n');
  expect(machine.status.view).toBe(1);
  again.send('SHUTDOWN\r\n');
  await machine.expectSameAs('ready\n');
});
