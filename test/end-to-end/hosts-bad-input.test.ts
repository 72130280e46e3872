// What can't work on several hosts is refused by each part: one line with a code, a status that is not zero, nothing left.

import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Bench, type Ended, guest } from './command.js';
import { HostedMachine } from './hosted.js';

const bench = new Bench();
const PARTS = ['replica', 'bus', 'status', 'stop'];

/** One line of ours, with a code. */
function expectRefused(ended: Ended, code: string, says: RegExp, status = 2): void {
  expect(ended.stderr).toMatch(/^epochvisor: [^\n]*\n$/);
  expect(ended.stderr).toContain(`[${code}]`);
  expect(ended.stderr).toMatch(says);
  expect(ended).toMatchObject({ status, stdout: '' });
}

async function initialised(...args: readonly string[]): Promise<HostedMachine> {
  const machine = new HostedMachine(bench);
  await machine.init(...args, guest('hello'));
  return machine;
}

/** Changes the text of one file. */
function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

describe('init refuses', () => {
  const init = (...args: readonly string[]) => bench.run(['init', ...args]);

  test('what names no arbiter, or one that is not there', async () => {
    expectRefused(await init(guest('hello')), 'BAD_USAGE', /--arbiter/);
    const missing = ['--folder', bench.file('m'), '--arbiter', bench.file('none'), guest('hello')];
    expectRefused(await init(...missing), 'ARBITER_FAILED', /no such folder: .*none/);
    expectRefused(await init('--arbiter', 'zookeeper://a', guest('hello')), 'ARBITER_UNSUPPORTED', /zookeeper/);
    expect(readdirSync(bench.folder)).toEqual(['tmp']);
  });

  test('a folder that is there, and changes nothing in it', async () => {
    const machine = await initialised();
    const before = readFileSync(join(machine.folder, 'machine.json'), 'utf8');
    const again = ['--folder', machine.folder, '--arbiter', machine.arbiter, guest('hello')];
    expectRefused(await init(...again), 'FOLDER_EXISTS', /is there already/);
    expect(readFileSync(join(machine.folder, 'machine.json'), 'utf8')).toBe(before);
    mkdirSync(bench.file('full/of'), { recursive: true });
    const full = ['--folder', bench.file('full'), '--arbiter', bench.folder, guest('hello')];
    expectRefused(await init(...full), 'FOLDER_EXISTS', /is there already/);
    expect(readdirSync(bench.folder).sort()).toEqual(['full', 'machine', 'tmp']);
    const nowhere = ['--folder', bench.file('no/such/m'), '--arbiter', bench.folder, guest('hello')];
    expectRefused(await init(...nowhere), 'FOLDER_UNUSABLE', /no such folder: .*no\/such/);
  });

  test('a guest that can not be run, and a disk that is not there', async () => {
    const flags = ['--folder', bench.file('m'), '--arbiter', bench.folder];
    expectRefused(await init(...flags, bench.file('none.wasm')), 'GUEST_MISSING', /none\.wasm/);
    writeFileSync(bench.file('text.wasm'), 'a text');
    expectRefused(await init(...flags, bench.file('text.wasm')), 'NOT_WASM', /wasm/);
    expectRefused(await init(...flags, '--disk', bench.file('d'), guest('disk')), 'DISK_MISSING', /d/);
    expectRefused(await init(...flags, '--env', 'A=1', guest('hello')), 'NOT_WASI', /--env/);
    expect(readdirSync(bench.folder).sort()).toEqual(['text.wasm', 'tmp']);
  });
});

describe.each(PARTS)('%s refuses', verb => {
  const run = (...args: readonly string[]) => bench.run([verb, ...args]);

  test('what is no folder of a machine', async () => {
    // Without one it lists the machines of this host.
    if (verb !== 'status') expectRefused(await run(), 'BAD_USAGE', /FOLDER/);
    expectRefused(await run(bench.folder), 'FOLDER_MISSING', /there is no .*machine\.json/);
    expectRefused(await run(bench.file('none')), 'FOLDER_MISSING', /there is no .*none\/machine\.json/);
    expectRefused(await run('--frobnicate', bench.folder), 'BAD_USAGE', /--frobnicate/);
  });

  test('a description that an editor has spoiled, by its file and field', async () => {
    const machine = await initialised();
    const file = join(machine.folder, 'machine.json');
    const whole = readFileSync(file, 'utf8');
    edit(file, text => text.replace('"replicas": 2', '"replicas": 20'));
    expectRefused(await run(machine.folder), 'DESCRIPTION_INVALID', /machine\.json: "replicas" is 20, not a whole/);
    writeFileSync(file, whole.replace('"version": 1', '"version": 7'));
    expectRefused(await run(machine.folder), 'DESCRIPTION_VERSION', /version 7/);
    writeFileSync(file, whole.replace('"variant"', '"varaint"'));
    expectRefused(await run(machine.folder), 'DESCRIPTION_INVALID', /"variant" is missing/);
    writeFileSync(file, whole.slice(0, 100));
    expectRefused(await run(machine.folder), 'DESCRIPTION_INVALID', /not JSON/);
    writeFileSync(file, whole.replace('folder:arbiter', 'zookeeper://a'));
    expectRefused(await run(machine.folder), 'ARBITER_UNSUPPORTED', /zookeeper/);
    writeFileSync(file, whole.replace('folder:arbiter', 'folder:elsewhere'));
    expectRefused(await run(machine.folder), 'ARBITER_UNREACHABLE', /elsewhere is not there/);
  });

  test('a secret that is missing, that others can read, or that is none', async () => {
    const { folder } = await initialised();
    const secret = join(folder, 'secret');
    chmodSync(secret, 0o640);
    expectRefused(await run(folder), 'SECRET_UNUSABLE', /can be read by others \(mode 640\).*chmod 600/);
    writeFileSync(secret, 'short\n');
    chmodSync(secret, 0o600);
    expectRefused(await run(folder), 'SECRET_UNUSABLE', /is no secret/);
    rmSync(secret);
    expectRefused(await run(folder), 'SECRET_UNUSABLE', /is missing/);
  });
});

describe.each(['replica', 'bus'])('%s refuses', verb => {
  test('a module that is not the one of the description', async () => {
    const { folder } = await initialised();
    cpSync(guest('spin'), join(folder, 'module.wasm'));
    const says = /module\.wasm is not the machine's module: "module" in machine\.json/;
    expectRefused(await bench.run([verb, folder]), 'MODULE_DIFFERS', says);
  });

  test.each(['0.0.0.0', 'a:b:c', '1.2.3.4:99999', 'http://a', ''])('the address %j', async address => {
    const { folder } = await initialised();
    expectRefused(await bench.run([verb, '--address', address, folder]), 'BAD_USAGE', /--address/);
  });

  test('a port that is in use, and a name that is of no host', async () => {
    const { folder } = await initialised();
    const other = createServer();
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const inUse = await bench.run([verb, '--address', `127.0.0.1:${port}`, folder]);
    expectRefused(inUse, 'PORT_IN_USE', new RegExp(`port ${port}`), inUse.status!);
    await new Promise(resolve => other.close(resolve));
    const nowhere = await bench.run([verb, '--address', 'no-such-host.invalid', folder]);
    expectRefused(nowhere, 'LISTEN_FAILED', /no-such-host\.invalid/, nowhere.status!);
    for (const { status } of [inUse, nowhere]) expect([2, 70]).toContain(status);
  });
});

test('a bus refuses a disk that has another size than it was described with, and an output that can not be opened', async () => {
  const disk = bench.file('disk');
  writeFileSync(disk, new Uint8Array(1024));
  const machine = new HostedMachine(bench);
  await machine.init('--disk', disk, guest('disk'));
  const noFolder = await machine.startBus(['--stdout', bench.file('no/such/file')]).ended;
  expectRefused(noFolder, 'OUTPUT_FAILED', /stdout can't be written to .*no\/such\/file: ENOENT/);
  truncateSync(disk, 2048);
  expectRefused(await machine.startBus().ended, 'DEVICE_DIFFERS', /has 2048 bytes here, .* says 1024/);
});

test('whoever has another secret or other options is refused, whatever it is, and the others go on', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(guest('spin'));
  const bus = machine.startBus();
  const agents = [machine.startReplica(), machine.startReplica()];
  await machine.hasStatus(found => found.protected);
  const differing = (name: string, change: (folder: string) => void): string => {
    const folder = bench.file(name);
    // Neither the arbiter, nor what the bus has there.
    const own = (path: string) => !['arbiter', 'bus'].includes(basename(path));
    cpSync(machine.folder, folder, { recursive: true, filter: own });
    edit(join(folder, 'machine.json'), text => text.replace('"folder:arbiter"', JSON.stringify(machine.arbiter)));
    change(folder);
    return folder;
  };
  const options = differing('options', folder =>
    edit(join(folder, 'machine.json'), text => text.replace('"epochLength": 1000000', '"epochLength": 7')),
  );
  const secret = differing('secret', folder => writeFileSync(join(folder, 'secret'), `${'A'.repeat(43)}\n`));
  for (const verb of PARTS) {
    const refused = await bench.run([verb, options]);
    expectRefused(refused, 'DESCRIPTION_DIFFERS', /machine\.json is not as the machine was described/);
    expectRefused(
      await bench.run([verb, secret]),
      'SECRET_DIFFERS',
      /the secret in .*secret is not that of the machine/,
    );
  }
  expect(await machine.status()).toMatchObject({ protected: true, view: 1 });
  expect(await machine.stop()).toMatchObject({ status: 0 });
  for (const { command } of agents) await command.ended;
  await bus.ended;
}, 60_000);

test('two machines on one arbiter know nothing of each other', async () => {
  const arbiter = bench.file('shared');
  mkdirSync(arbiter);
  const commands = [];
  for (const name of ['one', 'two']) {
    const folder = bench.file(name);
    await bench.run(['init', '--folder', folder, '--arbiter', arbiter, '--replicas', '1', guest('hello')]);
    const parts = [['bus'], ['replica']].map(([verb]) =>
      bench.start([verb!, '--address', '127.0.0.1', '--quiet', folder]),
    );
    commands.push(parts);
  }
  for (const [bus, replica] of commands) {
    expect(await bus!.ended).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/Hello/) });
    expect(await replica!.ended).toMatchObject({ status: 0, stderr: '' });
  }
}, 60_000);

test('a record at the arbiter that is none ends a part in one line that names it', async () => {
  const machine = await initialised();
  const [birth] = machine.views();
  writeFileSync(join(machine.arbiter, birth!), '{}');
  expectRefused(await machine.startBus().ended, 'VIEW_CORRUPT', new RegExp(birth!));
  expectRefused(await machine.startReplica().command.ended, 'VIEW_CORRUPT', new RegExp(birth!));
});

test('a record at the arbiter that is none, and comes later, ends a replica and its agent', async () => {
  const machine = await initialised();
  const [birth] = machine.views();
  // Until there is one, no replica claims the first view, however long this takes.
  rmSync(join(machine.arbiter, birth!));
  const agent = machine.startReplica();
  await agent.is('starting');
  const later = birth!.replace(/\d{10}/, '0000000001');
  writeFileSync(join(machine.arbiter, later), '{}');
  const ended = await agent.command.ended;
  const lines = ended.stderr.split(/(?<=\n)/);
  expect(lines.slice(0, -1).filter(line => !/the arbiter has no record of this machine/.test(line))).toEqual([]);
  expectRefused({ ...ended, stderr: lines.at(-1)! }, 'VIEW_CORRUPT', new RegExp(later), 70);
  expect(agent.report).toBeUndefined();
}, 60_000);
