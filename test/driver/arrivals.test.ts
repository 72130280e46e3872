// What has come on a connection that is no whole message.

import { expect, it } from 'vitest';
import { Arrivals } from '../../engine/driver/arrivals.js';

it('bytes stir where no whole message has come with them, once', () => {
  const connection = { arrivedBytes: 100 };
  const arrivals = new Arrivals(connection);
  expect(arrivals.takeStirs()).toBe(false);
  connection.arrivedBytes += 1;
  expect(arrivals.takeStirs()).toBe(true);
  expect(arrivals.takeStirs()).toBe(false);
  connection.arrivedBytes += 10;
  arrivals.heard();
  expect(arrivals.takeStirs()).toBe(false);
  connection.arrivedBytes += 10;
  expect(arrivals.takeStirs()).toBe(true);
});
