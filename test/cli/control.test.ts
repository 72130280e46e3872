// The control socket: requests and answers, and what a client may send that is none.

import { existsSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askControl, askStatus, ControlServer, isAbandoned } from '../../engine/cli/control.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { Status } from '../../engine/observe/status.js';

let control: ControlServer;
let asked: string[];
const STATUS = { machine: 'm', view: 3 } as unknown as Status;
let answer: () => Promise<void>;

beforeEach(async () => {
  asked = [];
  answer = () => Promise.resolve();
  control = await ControlServer.start({
    save: file => {
      asked.push(file);
      return answer();
    },
    status: () => STATUS,
  });
});
afterEach(() => control.close());

/** Sends text as it is, and gives what comes back. */
function say(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(control.path, () => socket.write(text));
    let heard = '';
    socket.on('data', bytes => {
      heard += bytes.toString();
    });
    socket.on('close', () => resolve(heard));
    socket.on('error', reject);
  });
}

describe('a request', () => {
  test('is carried out, and answered when it is done', async () => {
    await askControl(control.path, { request: 'snapshot', file: '/tmp/x' });
    expect(asked).toEqual(['/tmp/x']);
  });

  test('for the status is answered with it', async () => {
    expect(await askStatus(control.path)).toEqual(STATUS);
    expect(asked).toEqual([]);
  });

  test('that fails comes back as the same error', async () => {
    answer = () => Promise.reject(new EpochvisorError('NOT_SNAPSHOTABLE', 'it holds an externref', 'try again'));
    await expect(askControl(control.path, { request: 'snapshot', file: '/x' })).rejects.toMatchObject({
      code: 'NOT_SNAPSHOTABLE',
      message: 'it holds an externref',
      hint: 'try again',
    });
  });

  test.each([
    ['no JSON', 'hello\n'],
    ['null', 'null\n'],
    ['another request', '{"request":"stop","file":"/x"}\n'],
    ['a path that is not absolute', '{"request":"snapshot","file":"x"}\n'],
    ['more than a request can be', 'x'.repeat(100_000)],
  ])('that is none is refused, and nothing is carried out: %s', async (_, text) => {
    expect(JSON.parse(await say(text))).toMatchObject({ ok: false, code: 'CONTROL_REQUEST' });
    expect(asked).toEqual([]);
  });
});

describe('the socket', () => {
  test('lies where only its owner can enter, and goes with the machine', () => {
    const folder = dirname(control.path);
    expect(statSync(folder).mode & 0o077).toBe(0);
    control.close();
    expect(existsSync(folder)).toBe(false);
  });

  test('of a machine that is gone is an error a user can read', async () => {
    expect(await isAbandoned(control.path)).toBe(false);
    control.close();
    expect(await isAbandoned(control.path)).toBe(true);
    await expect(askControl(control.path, { request: 'snapshot', file: '/x' })).rejects.toMatchObject({
      code: 'CONTROL_SOCKET',
    });
  });

  test('of a machine that ends before it has answered is an error a user can read', async () => {
    answer = () => new Promise(() => undefined);
    const waiting = askControl(control.path, { request: 'snapshot', file: '/x' });
    setTimeout(() => control.close(), 50);
    await expect(waiting).rejects.toMatchObject({ code: 'CONTROL_SOCKET' });
  });
});
