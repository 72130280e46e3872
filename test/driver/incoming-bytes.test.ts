// What has come on a connection that is no whole message.

import { expect, it } from 'vitest';
import { IncomingBytes } from '../../engine/driver/incoming-bytes.js';

it('bytes stir where no whole message has come with them, once', () => {
  const connection = { arrivedBytes: 100 };
  const incoming = new IncomingBytes(connection);
  expect(incoming.takeStirs()).toBe(false);
  connection.arrivedBytes += 1;
  expect(incoming.takeStirs()).toBe(true);
  expect(incoming.takeStirs()).toBe(false);
  connection.arrivedBytes += 10;
  incoming.heard();
  expect(incoming.takeStirs()).toBe(false);
  connection.arrivedBytes += 10;
  expect(incoming.takeStirs()).toBe(true);
});
