// The folder arbiter: the contract, real processes, and files that are not as they should be.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FolderArbiter } from '../../engine/arbiter/folder-arbiter.js';
import { MEMBERS_MAX } from '../../engine/arbiter/members.js';
import { MemoryArbiter } from '../../engine/arbiter/memory-arbiter.js';
import { arbiterConforms, member, view } from './conformance.js';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'epochvisor-arbiter-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const RECORD = 'machine-1-0000000001.json';
const open = () => FolderArbiter.open(join(base, 'views'));

arbiterConforms('a folder', open);
arbiterConforms('memory', async () => new MemoryArbiter());

describe('a folder', () => {
  test('holds one whole record a view, and nothing else', async () => {
    const arbiter = await open();
    await arbiter.claim(view(1, 'x'));
    await arbiter.claim(view(1, 'y'));
    expect(await readdir(join(base, 'views'))).toEqual([RECORD]);
    expect(await readFile(join(base, 'views', RECORD), 'utf8')).toBe(
      '{"format":"epochvisor view","version":1,"number":1,"machine":"machine-1","primary":"primary-of-x","backups":["b"],"claim":"x"}\n',
    );
  });

  test('what a claimant that died left behind hinders nobody', async () => {
    const arbiter = await open();
    await writeFile(join(base, 'views', '.claim-0'), '{"form');
    expect(await arbiter.latest('machine-1')).toBeUndefined();
    expect(await arbiter.claim(view(1, 'x'))).toEqual({ result: 'won' });
  });

  test('out of reach, it says so and knows nothing, and goes on when it is back', async () => {
    const arbiter = await open();
    await arbiter.claim(view(1, 'x'));
    await rename(join(base, 'views'), join(base, 'away'));
    expect(await arbiter.claim(view(2, 'y'))).toMatchObject({
      result: 'unreachable',
      reason: expect.stringContaining('ENOENT'),
    });
    await expect(arbiter.read('machine-1', 1)).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
    await expect(arbiter.latest('machine-1')).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
    await rename(join(base, 'away'), join(base, 'views'));
    expect(await arbiter.claim(view(2, 'y'))).toEqual({ result: 'won' });
  });

  test('cannot be made where a file is', async () => {
    await writeFile(join(base, 'views'), '');
    await expect(open()).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
  });

  const corrupt: readonly [string, string][] = [
    ['an empty file', ''],
    ['half a record', '{"format":"epochvisor view","version":1,"nu'],
    ['something else', '[1,2]'],
    ['null', 'null'],
    ['a later version', '{"format":"epochvisor view","version":2}'],
    ['the record of another view', '{"format":"epochvisor view","version":1,"number":2,"machine":"machine-1"}'],
    [
      'a record without an owner',
      '{"format":"epochvisor view","version":1,"number":1,"machine":"machine-1","backups":[],"claim":"x"}',
    ],
    [
      'a record that is too long',
      `{"format":"epochvisor view","version":1,"number":1,"machine":"${'x'.repeat(70_000)}"}`,
    ],
  ];
  test.each(corrupt)('%s in the place of a record is an error, not an owner', async (_, content) => {
    const arbiter = await open();
    await writeFile(join(base, 'views', RECORD), content);
    await expect(arbiter.read('machine-1', 1)).rejects.toMatchObject({ code: 'VIEW_CORRUPT' });
    await expect(arbiter.latest('machine-1')).rejects.toMatchObject({ code: 'VIEW_CORRUPT' });
    await expect(arbiter.claim(view(1, 'x'))).rejects.toMatchObject({ code: 'VIEW_CORRUPT' });
  });

  test('a directory in the place of a record is an error', async () => {
    const arbiter = await open();
    await mkdir(join(base, 'views', RECORD));
    await expect(arbiter.read('machine-1', 1)).rejects.toMatchObject({ code: 'VIEW_CORRUPT' });
  });

  test('names that are almost those of records are ignored', async () => {
    const arbiter = await open();
    for (const name of [
      'machine-1-1.json',
      'machine-1-00000000012.json',
      'machine-1-000000000x.json',
      'machine-10000000001.json',
    ]) {
      await writeFile(join(base, 'views', name), '');
    }
    expect(await arbiter.latest('machine-1')).toBeUndefined();
  });

  test.each([
    ['an empty file', ''],
    ['a later version', '{"format":"epochvisor end","version":2}'],
    ['the end of another machine', '{"format":"epochvisor end","version":1,"machine":"n","end":{"kind":"stopped"}}'],
    ['an end of no kind', '{"format":"epochvisor end","version":1,"machine":"m","end":{"kind":"tea"}}'],
    ['no end', '{"format":"epochvisor end","version":1,"machine":"m","end":null}'],
    ['an exit without a status', '{"format":"epochvisor end","version":1,"machine":"m","end":{"kind":"exit"}}'],
    ['a record without end', 'x'.repeat(700_000)],
  ])('%s in the place of the end is refused, and does not end the machine', async (_, content) => {
    const arbiter = await open();
    await writeFile(join(base, 'views', 'm-end.json'), content);
    const refused = { code: 'END_CORRUPT', message: expect.stringContaining('views/m-end.json') };
    await expect(arbiter.ended('m')).rejects.toMatchObject(refused);
    await expect(arbiter.end('m', { kind: 'stopped' })).rejects.toMatchObject(refused);
  });

  test('out of reach, it does not know whether a machine has ended', async () => {
    const arbiter = await open();
    await rename(join(base, 'views'), join(base, 'away'));
    await expect(arbiter.ended('m')).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
    expect(await arbiter.end('m', { kind: 'stopped' })).toMatchObject({ result: 'unreachable' });
  });

  describe('of members', () => {
    const folder = () => join(base, 'views', 'm-members');
    const text = (more: object) =>
      JSON.stringify({
        ...{ format: 'epochvisor member', version: 2, machine: 'm', incarnation: 'a', kind: 'replica' },
        ...{ address: 'ws://h:1', number: 1 },
        ...more,
      });

    test('holds one whole record each, beside the views, and goes with the last of them', async () => {
      const arbiter = await open();
      await arbiter.announce('m', member('a'));
      expect(await readdir(folder())).toEqual(['a.json']);
      expect(await readFile(join(folder(), 'a.json'), 'utf8')).toBe(
        '{"format":"epochvisor member","version":2,"machine":"m","incarnation":"a","kind":"replica","address":"ws://127.0.0.1:11","number":1}\n',
      );
      expect(await arbiter.latest('m')).toBeUndefined();
      await arbiter.withdraw('m', 'a');
      expect(await readdir(join(base, 'views'))).toEqual([]);
    });

    test.each([
      ['something else', '[1,2]'],
      ['a later version', text({ version: 3 })],
      ['an earlier version', text({ version: 1 })],
      ['a record whose host does something to a terminal', text({ host: '\u001b[2J' })],
      ['the record of another member', text({ incarnation: 'b' })],
      ['the record of another machine', text({ machine: 'n' })],
      ['a record of an unknown kind', text({ kind: 'teapot' })],
      ['a record without an address', text({ address: 'h 1' })],
      ['a record without a number', text({ number: 1e300 })],
      ['a record that is too long', text({ more: 'x'.repeat(5000) })],
    ])('%s in the place of a record is refused by its name', async (_, content) => {
      const arbiter = await open();
      await mkdir(folder());
      await writeFile(join(folder(), 'a.json'), content);
      const refused = { code: 'MEMBER_CORRUPT', message: expect.stringContaining('m-members/a.json') };
      await expect(arbiter.members('m')).rejects.toMatchObject(refused);
      await expect(arbiter.announce('m', member('b'))).rejects.toMatchObject(refused);
    });

    test.each([
      ['nothing', ''],
      ['zeros', '\0'.repeat(40)],
      ['half of it', text({}).slice(0, 40)],
    ])('a record of which a crash of the host has left %s is of nobody, and goes', async (_, content) => {
      const arbiter = await open();
      await mkdir(folder());
      await writeFile(join(folder(), 'a.json'), content);
      expect(await arbiter.members('m')).toEqual([]);
      await arbiter.announce('m', member('b'));
      expect(await readdir(folder())).toEqual(['b.json']);
    });

    test('a directory in the place of a record is refused, and a pipe holds nobody up', async () => {
      const arbiter = await open();
      await mkdir(join(folder(), 'a.json'), { recursive: true });
      await expect(arbiter.members('m')).rejects.toMatchObject({ code: 'MEMBER_CORRUPT' });
      await rm(join(folder(), 'a.json'), { recursive: true });
      await promisify(execFile)('mkfifo', [join(folder(), 'a.json')]);
      expect(await arbiter.members('m')).toEqual([]);
    });

    test('files without end are refused, not read', async () => {
      const arbiter = await open();
      await mkdir(folder());
      for (let file = 0; file <= 16 * MEMBERS_MAX; file++) await writeFile(join(folder(), `x${file}`), '');
      await expect(arbiter.members('m')).rejects.toMatchObject({ code: 'MEMBER_CORRUPT' });
    });

    test('what a member left that died as it wrote is no member, and goes when there are many', async () => {
      const arbiter = await open();
      await mkdir(folder());
      await writeFile(join(folder(), '.dead.tmp'), '{"form');
      expect(await arbiter.members('m')).toEqual([]);
      for (let count = 0; count <= MEMBERS_MAX; count++) await arbiter.announce('m', member(`r-${count}`));
      expect(await readdir(folder())).not.toContain('.dead.tmp');
    });

    test('out of reach, it says so', async () => {
      const arbiter = await open();
      await rm(join(base, 'views'), { recursive: true });
      await writeFile(join(base, 'views'), '');
      await expect(arbiter.members('m')).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
      await expect(arbiter.announce('m', member('a'))).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
      await expect(arbiter.withdraw('m', 'a')).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
    });
  });

  test('of many processes that claim the same views at once exactly one wins each, and all agree on whom', async () => {
    const module = new URL('../../dist/engine/arbiter/folder-arbiter.js', import.meta.url);
    expect(existsSync(module), 'npm run build comes first').toBe(true);
    const claimant = `
      const { FolderArbiter } = await import(${JSON.stringify(module.href)});
      const arbiter = await FolderArbiter.open(process.argv[1]);
      const answers = [];
      for (let number = 1; number <= 20; number++) {
        const claim = process.argv[2] + '-' + number;
        const answer = await arbiter.claim({ number, machine: 'm', primary: process.argv[2], backups: [], claim });
        answers.push(answer.result === 'won' ? process.argv[2] : answer.owner.primary + ' owns it');
      }
      process.stdout.write(JSON.stringify(answers));`;
    const run = promisify(execFile);
    const names = ['p', 'q', 'r', 's', 't', 'u'];
    const outputs = await Promise.all(
      names.map(name =>
        run(process.execPath, ['--input-type=module', '-e', claimant, '--', join(base, 'views'), name]),
      ),
    );
    const answers = outputs.map(({ stdout }) => JSON.parse(stdout) as string[]);
    for (let number = 0; number < 20; number++) {
      const winners = names.filter((name, index) => answers[index]![number] === name);
      expect(winners).toHaveLength(1);
      expect(answers.filter(own => own[number] === `${winners[0]} owns it`)).toHaveLength(names.length - 1);
    }
  });
});
