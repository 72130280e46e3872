// What a test can do wrong with a machine: one clear error each, and never a pass where nothing happened or was compared.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  endForgotten,
  launch,
  type SurvivalOptions,
  SweepError,
  sweep,
  type TestedMachine,
  type TestOptions,
} from 'epochvisor/testing';
import { describe, expect, test } from 'vitest';
import 'epochvisor/vitest';
import { spawnSync } from 'node:child_process';
import { isAlive } from '../end-to-end/command.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const guest = (name: string) => join(ROOT, 'guest/build', `${name}.wasm`);
const TOLD = guest('told');
const LINES = { stdin: 'print one\nprint two\n' };

const failing = (code: string, message: RegExp | string = '') =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('launch refuses', () => {
  test.each([
    ['an option that there is not', { epochLenght: 5 }, 'BAD_OPTION', /--epoch-lenght/],
    ['a value that is none', { epochLength: 0 }, 'BAD_OPTION', /whole number from 1/],
    ['a variant that there is not', { variant: 'fast' }, 'BAD_OPTION', /original, revised, deferred/],
    ['a disk that is missing', { disk: '/nowhere/disk' }, 'DISK_MISSING', /nowhere/],
    ['an address of another host', { listen: '192.0.2.1:80' }, 'LISTEN_FAILED', /192/],
    ['a folder for a bare guest', { dir: tmpdir() }, 'NOT_WASI', ''],
  ])('%s', async (_, options, code, message) => {
    await expect(launch(TOLD, options as TestOptions)).rejects.toEqual(failing(code, message));
  });

  test('a guest that is missing, and one that is none', async () => {
    await expect(launch('/nowhere.wasm')).rejects.toEqual(failing('GUEST_MISSING'));
    await expect(launch(Buffer.from('no module'))).rejects.toEqual(failing('NOT_WASM'));
  });
});

describe('a kill that never lands is no kill:', () => {
  test('a point behind the end of the guest', async () => {
    await using machine = await launch(TOLD, LINES);
    const kill = machine.killPrimary({ epoch: 1_000_000, instruction: 0 });
    await expect(kill).rejects.toEqual(failing('POINT_NOT_REACHED', /primary at 1000000:0.*has ended \(exit 0\)/));
    await expect(machine.expectSameAs('one\ntwo\n')).rejects.toEqual(failing('KILL_NOT_LANDED'));
    await expect(expect(machine).toEqualUndisturbed()).rejects.toEqual(failing('KILL_NOT_LANDED'));
  });

  test('a point that toSurviveFailover is given', async () => {
    const points = [{ epoch: 1_000_000, instruction: 0 }];
    await expect(expect(TOLD).toSurviveFailover({ ...LINES, points })).rejects.toThrow(/1000000:0: not reached/);
  });

  test.each([
    ['a place when it runs', { epoch: 1, instruction: 0 }, 'POINT_TOO_LATE'],
    ['half a place', { epoch: 1 }, 'BAD_POINT'],
    ['a place before the beginning', { count: -1 }, 'BAD_POINT'],
  ])('%s', async (_, place, code) => {
    await using machine = await launch(TOLD);
    await machine.whenProtected();
    await expect(machine.killPrimary(place as never)).rejects.toEqual(failing(code));
  });

  test('two places for one replica', async () => {
    await using machine = await launch(TOLD, LINES);
    const first = machine.killPrimary({ count: 100 });
    await expect(machine.killPrimary({ count: 200 })).rejects.toEqual(failing('POINT_TWICE'));
    await first;
  });

  test('a machine that has ended', async () => {
    await using machine = await launch(TOLD, LINES);
    await machine.outcome;
    await expect(machine.killPrimary()).rejects.toEqual(failing('MACHINE_OVER', /a primary that runs/));
    await expect(machine.whenProtected()).rejects.toEqual(failing('MACHINE_OVER'));
  });
});

describe('a comparison', () => {
  test('says where two differ', async () => {
    await using machine = await launch(TOLD, LINES);
    await expect(machine.expectSameAs('one\ntwice\n')).rejects.toEqual(
      failing('DIFFERENT', /^stdout differs at byte 6 \(line 2\): expected ".*twice.*", found ".*two.*"$/),
    );
    const outcome = { kind: 'exit', status: 3 } as const;
    await expect(machine.expectSameAs({ outcome })).rejects.toEqual(
      failing('DIFFERENT', /expected exit 3, found exit 0/),
    );
    await machine.expectSameAs('one\ntwo\n');
  });

  test('with nothing is none', async () => {
    await using machine = await launch(TOLD, LINES);
    await expect(machine.expectSameAs({})).rejects.toEqual(failing('NOTHING_COMPARED'));
    await expect(machine.expectSameAs({ files: { teller: '' } })).rejects.toEqual(
      failing('NOTHING_COMPARED', /teller/),
    );
  });

  test('of a guest that differs by itself needs a judge', async () => {
    const survives = expect(guest('clock-random')).toSurviveFailover({ args: ['20'], points: 1 });
    await expect(survives).rejects.toEqual(failing('NOTHING_COMPARED', /something else in each run/));
    await expect(guest('clock-random')).toSurviveFailover({ args: ['20'], points: 1, judge: async () => undefined });
  });

  test('of a server needs a client, and a client a server', async () => {
    const survives = (options: SurvivalOptions) => expect(expect(guest('keyvalue')).toSurviveFailover(options)).rejects;
    await survives({ listen: '127.0.0.1:0' }).toEqual(failing('NO_LOAD'));
    await survives({ load: 'true' }).toEqual(failing('NO_LISTEN'));
    const fails = { listen: '127.0.0.1:0', load: 'echo not me >&2; exit 4' };
    await survives(fails).toEqual(failing('LOAD_FAILED', /status 4: not me/));
  });

  test('with an undisturbed machine needs one that clients have not spoken to', async () => {
    await using machine = await launch(guest('echo-clients'), { listen: '127.0.0.1:0' });
    const client = await machine.connect();
    client.send('quit');
    await expect(machine.undisturbed()).rejects.toEqual(failing('NOT_REPEATABLE'));
  });
});

test('what is asked of a machine that is not so is refused', async () => {
  await using machine = await launch(TOLD, LINES);
  expect(() => machine.status).toThrow(failing('NOT_STARTED'));
  expect(() => machine.resume()).toThrow(failing('NOT_PAUSED'));
  expect(() => machine.stdin.write('more')).toThrow(failing('STDIN_ENDED'));
  await expect(machine.connect()).rejects.toEqual(failing('NOT_LISTENING'));
  await expect(machine.partition('bus', 'bus')).rejects.toEqual(failing('BAD_CUT'));
});

test('a sweep tries all points, and tells which have failed', async () => {
  const tried: number[] = [];
  const swept = sweep([1, 2, 3], async point => {
    tried.push(point);
    if (point !== 2) throw new Error(`no ${point}`);
  });
  await expect(swept).rejects.toThrow('2 of 3 points failed: at 1: no 1; at 3: no 3');
  await expect(swept).rejects.toBeInstanceOf(SweepError);
  expect(tried).toEqual([1, 2, 3]);
  await expect(sweep([], async () => undefined)).rejects.toEqual(failing('NO_POINTS'));
});

describe('a machine that a test does not end', () => {
  const forget = async (machine: TestedMachine) => {
    const { primary, backups } = await machine.whenProtected();
    return [primary.pid, backups[0]!.pid];
  };

  test('is ended by its limit, and whoever waits is told', async () => {
    const machine = await launch(TOLD, { limitMs: 500 });
    await expect(machine.outcome).rejects.toEqual(
      failing('MACHINE_LIMIT', /^told\.wasm, launched at .*refused\.test\.ts:\d+/),
    );
    await machine.stop();
    expect(machine.pids.filter(isAlive)).toEqual([]);
  });

  test('is ended with its file, and named', async () => {
    const pids = await forget(await launch(TOLD));
    expect(await endForgotten()).toEqual(
      failing('MACHINE_FORGOTTEN', /told\.wasm, launched at .*refused\.test\.ts:\d+$/),
    );
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await endForgotten()).toBeUndefined();
  });

  test('is ended with its process, and named', () => {
    const folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
    const script = join(ROOT, `.forgets-${process.pid}.mjs`);
    writeFileSync(
      script,
      `import { launch } from 'epochvisor/testing';
const machine = await launch(${JSON.stringify(TOLD)});
const { primary, backups } = await machine.whenProtected();
process.stdout.write(JSON.stringify([primary.pid, backups[0].pid]));
process.exit(0);
`,
    );
    try {
      const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
        env: { ...process.env, TMPDIR: folder },
        encoding: 'utf8',
      });
      expect(stderr).toMatch(
        /^epochvisor: a test did not end its machine.*forgets-\d+\.mjs:2 \[MACHINE_FORGOTTEN\]: .*\n$/,
      );
      expect(status).toBe(1);
      expect((JSON.parse(stdout) as number[]).filter(isAlive)).toEqual([]);
    } finally {
      rmSync(script);
      rmSync(folder, { recursive: true });
    }
  });
});
