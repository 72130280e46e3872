// The port between the two threads of a replica, over a message port of Node.

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { StatePort } from '../threads/state-port.js';

export function statePort(port: MessagePort): StatePort {
  return {
    post: message => port.postMessage(message),
    take: () => (receiveMessageOnPort(port) as { message: unknown } | undefined)?.message,
  };
}
