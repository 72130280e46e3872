// An etcd as an arbiter: the contract, against Debian's etcd, of one member and of three, that is killed, stopped, slow and deaf.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Arbiter } from '../../engine/arbiter/arbiter.js';
import { EtcdArbiter } from '../../engine/arbiter/etcd-arbiter.js';
import type { ClaimAnswer } from '../../engine/protocol/channel.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { needs } from '../setup/needs.js';
import { arbiterConforms, member, view } from './conformance.js';
import { Door } from './door.js';
import { ask, EtcdCluster, makeCertificates, put } from './etcd-cluster.js';

/** Less patience than in production: most tests here wait for an end of it. */
const TIMING = { staggerMs: 100, roundMs: 600, callMaxMs: 3_000, leaseSeconds: 1 };
/** Of those that wait for none: a record that is lost on a host that is busy is no fault. */
const PATIENT = { staggerMs: 100, roundMs: 10_000, callMaxMs: 30_000, leaseSeconds: 30 };

const open = (address: string) => new EtcdArbiter(address, {}, TIMING);

/** The same keys by way of other members. */
const by = (address: string, ...members: readonly string[]) => `etcd://${members.join(',')}${prefixOf(address)}`;
const prefixOf = (address: string) => address.slice(address.lastIndexOf('/'));

/** Claims as the channel does: until it is known. */
async function claimed(arbiter: Arbiter, wanted: View): Promise<ClaimAnswer> {
  for (;;) {
    const answer = await arbiter.claim(wanted);
    if (answer.result !== 'unreachable') return answer;
    await sleep(20);
  }
}

let one: EtcdCluster;
let three: EtcdCluster;
const doors: Door[] = [];

describe('an etcd', needs('etcd'), () => {
  beforeAll(async () => {
    [one, three] = await Promise.all([EtcdCluster.start(1), EtcdCluster.start(3)]);
  });
  afterEach(() => Promise.all(doors.splice(0).map(door => door.close())));
  afterAll(async () => {
    await one?.stop();
    await three?.stop();
  });

  async function doorTo(cluster: EtcdCluster): Promise<Door> {
    const door = await Door.to(cluster.members[0]!.port);
    doors.push(door);
    return door;
  }

  describe.each(['one', 'three'])('of %s', count => {
    const opened: EtcdArbiter[] = [];
    // Else this process would keep their leases.
    afterEach(async () => {
      for (const arbiter of opened.splice(0)) {
        for (const machine of ['m', 'm-2', 'machine-1']) {
          const members = await arbiter.members(machine);
          await Promise.all(members.map(({ incarnation }) => arbiter.withdraw(machine, incarnation)));
        }
      }
    });
    arbiterConforms('etcd', async () => {
      opened.push(new EtcdArbiter((count === 'one' ? one : three).newAddress(), {}, PATIENT));
      return opened.at(-1)!;
    });
  });

  test('of claimants at different members one wins each view', async () => {
    const address = three.newAddress();
    const arbiters = [...three.members, ...three.members].map(member => open(by(address, member.address)));
    for (let number = 1; number <= 10; number++) {
      const answers = await Promise.all(arbiters.map((arbiter, index) => claimed(arbiter, view(number, `c-${index}`))));
      const winners = answers.flatMap(({ result }, index) => (result === 'won' ? [index] : []));
      expect(winners).toHaveLength(1);
      for (const answer of answers) {
        if (answer.result === 'lost') expect(answer.owner.claim).toBe(`c-${winners[0]}`);
      }
    }
  });

  test('holds one key a view, in the order of numbers, with the record as it is in a folder', async () => {
    const address = one.newAddress();
    await open(address).claim(view(1, 'x'));
    const key = `${prefixOf(address)}/machine-1/views/0000000001`;
    const answer = await ask(one.members[0]!, '/v3/kv/range', { key: Buffer.from(key).toString('base64') });
    const [{ value, lease }] = (answer as { kvs: [{ value: string; lease?: string }] }).kvs;
    expect(lease, 'a view is for ever').toBeUndefined();
    expect(Buffer.from(value, 'base64').toString()).toBe(
      '{"format":"epochvisor view","version":1,"number":1,"machine":"machine-1","primary":"primary-of-x","backups":["b"],"claim":"x"}\n',
    );
  });

  describe('that holds something else', () => {
    test.each(['', 'old data', '{"format":"epochvisor view","version":2}', '{"format":"epochvisor end","version":1}'])(
      'in the place of a view or an end is refused by its key: %j',
      async content => {
        const address = one.newAddress();
        const arbiter = open(address);
        for (const [name, code] of [
          ['views/0000000001', 'VIEW_CORRUPT'],
          ['end', 'END_CORRUPT'],
          ['members/a', 'MEMBER_CORRUPT'],
        ] as const) {
          const key = `${prefixOf(address)}/machine-1/${name}`;
          await put(one.members[0]!, key, content);
          const refused = { code, message: expect.stringContaining(`etcd's ${key} is not `) };
          const asked: readonly (() => Promise<unknown>)[] = {
            VIEW_CORRUPT: [
              () => arbiter.claim(view(1, 'x')),
              () => arbiter.read('machine-1', 1),
              () => arbiter.latest('machine-1'),
            ],
            END_CORRUPT: [() => arbiter.end('machine-1', { kind: 'stopped' }), () => arbiter.ended('machine-1')],
            MEMBER_CORRUPT: [() => arbiter.members('machine-1'), () => arbiter.announce('machine-1', member('b'))],
          }[code];
          for (const ask of asked) await expect(ask()).rejects.toMatchObject(refused);
        }
      },
    );

    test('under names that are almost those of its own is refused, or not looked at', async () => {
      const address = one.newAddress();
      const arbiter = open(address);
      const prefix = prefixOf(address);
      for (const name of ['views/', 'views/x', 'view', 'members', 'members/-a', 'members0', 'ends']) {
        await put(one.members[0]!, `${prefix}/m/${name}`, '');
      }
      expect(await arbiter.latest('m')).toBeUndefined();
      expect(await arbiter.members('m')).toEqual([]);
      expect(await arbiter.ended('m')).toBeUndefined();
      await put(one.members[0]!, `${prefix}/m/views/00000000012`, '');
      await expect(arbiter.latest('m')).rejects.toMatchObject({ code: 'VIEW_CORRUPT' });
    });
  });

  describe('whose answers do not come', () => {
    test('a claim that was made and not answered is not known, and is won when it is asked again', async () => {
      const door = await doorTo(one);
      const address = one.newAddress([door.address]);
      const arbiter = open(address);
      door.state = 'loses answers';
      expect(await arbiter.claim(view(1, 'x'))).toMatchObject({ result: 'unreachable' });
      expect(await arbiter.end('machine-1', { kind: 'exit', status: 7 })).toMatchObject({ result: 'unreachable' });
      door.state = 'open';
      expect(await open(address).claim(view(1, 'y'))).toEqual({ result: 'lost', owner: view(1, 'x') });
      expect(await arbiter.claim(view(1, 'x'))).toEqual({ result: 'won' });
      expect(await arbiter.end('machine-1', { kind: 'exit', status: 7 })).toEqual({ result: 'won' });
    });

    test('a claim that was lost, too, is lost when it is asked again', async () => {
      const door = await doorTo(one);
      const address = one.newAddress([door.address]);
      const arbiter = open(address);
      await arbiter.claim(view(1, 'y'));
      door.state = 'loses answers';
      expect(await arbiter.claim(view(1, 'x'))).toMatchObject({ result: 'unreachable' });
      door.state = 'open';
      expect(await arbiter.claim(view(1, 'x'))).toEqual({ result: 'lost', owner: view(1, 'y') });
    });

    test('an answer after the fact is the one that the record gives', async () => {
      const door = await doorTo(one);
      const address = one.newAddress([door.address]);
      const near = open(by(address, one.members[0]!.address));
      door.state = 'keeps answers';
      const late = open(address).claim(view(1, 'x'));
      await expect.poll(() => near.read('machine-1', 1)).toEqual(view(1, 'x'));
      expect(await near.claim(view(1, 'y'))).toMatchObject({ result: 'lost' });
      door.state = 'open';
      expect(await late).toEqual({ result: 'won' });
    });

    test('one that takes its time is waited for', async () => {
      const door = await doorTo(one);
      door.delayMs = 700;
      expect(await open(one.newAddress([door.address])).claim(view(1, 'x'))).toEqual({ result: 'won' });
    });

    test('an announcement that was made and not answered is made once', async () => {
      const door = await doorTo(one);
      const arbiter = open(one.newAddress([door.address]));
      await arbiter.announce('m', member('a'));
      door.state = 'loses answers';
      await expect(arbiter.announce('m', member('b'))).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
      door.state = 'open';
      expect((await arbiter.announce('m', member('b'))).number).toBeGreaterThan(1);
      expect(await arbiter.members('m')).toHaveLength(2);
      for (const name of ['a', 'b']) await arbiter.withdraw('m', name);
    });
  });

  describe('as to its members', () => {
    test('a record stands while its process is there to keep it, and comes back with its number', async () => {
      const door = await doorTo(one);
      const address = one.newAddress([door.address]);
      const other = open(by(address, one.members[0]!.address));
      const arbiter = open(address);
      await other.announce('m', member('b'));
      const own = await arbiter.announce('m', member('a', { host: 'one' }));
      // Two leases long.
      await sleep(2_500);
      expect(await other.members('m')).toHaveLength(2);
      door.state = 'shut';
      await expect.poll(() => other.members('m'), { timeout: 10_000 }).toHaveLength(1);
      // Who comes now is later than who was there, though its record is gone.
      expect((await other.announce('m', member('c'))).number).toBe(3);
      door.state = 'open';
      await expect.poll(() => other.members('m'), { timeout: 10_000 }).toContainEqual(own);
      for (const name of ['a', 'b', 'c']) await Promise.all([arbiter, other].map(one => one.withdraw('m', name)));
    });

    test('what was withdrawn, by itself or another, or stood at an earlier address does not come back', async () => {
      const address = one.newAddress();
      const arbiter = open(address);
      for (const name of ['a', 'b', 'c']) await arbiter.announce('m', member(name));
      const moved = await arbiter.announce('m', member('a', { address: 'wss://10.0.0.1:1' }));
      await arbiter.withdraw('m', 'b');
      await open(address).withdraw('m', 'c');
      expect(await arbiter.members('m')).toEqual([moved]);
      // A lease and a half.
      await sleep(1_500);
      expect(await arbiter.members('m')).toEqual([moved]);
      for (const name of ['a', 'c']) await arbiter.withdraw('m', name);
      expect(await arbiter.members('m')).toEqual([]);
    });

    test('of many that are announced at once by many, each has a number of its own', async () => {
      const address = three.newAddress();
      const arbiters = three.members.map(({ address: at }) => new EtcdArbiter(by(address, at), {}, PATIENT));
      const names = Array.from({ length: 12 }, (_, index) => `r-${index}`);
      const announced = await Promise.all(names.map((name, at) => arbiters[at % 3]!.announce('m', member(name))));
      expect(announced.map(({ number }) => number).sort((a, b) => a - b)).toEqual(names.map((_, at) => at + 1));
      await Promise.all(names.map((name, at) => arbiters[at % 3]!.withdraw('m', name)));
    });
  });

  describe('whose members die', () => {
    test('one that is killed and comes back knows what it knew, and nothing is known meanwhile', async () => {
      const [etcd] = one.members;
      const arbiter = open(one.newAddress());
      expect(await arbiter.claim(view(1, 'x'))).toEqual({ result: 'won' });
      await etcd!.kill();
      expect(await arbiter.claim(view(2, 'x'))).toMatchObject({
        result: 'unreachable',
        reason: expect.stringContaining('ECONNREFUSED'),
      });
      await expect(arbiter.latest('machine-1')).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
      await expect(arbiter.ended('machine-1')).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
      etcd!.start();
      expect(await claimed(arbiter, view(1, 'y'))).toEqual({ result: 'lost', owner: view(1, 'x') });
      expect(await claimed(arbiter, view(2, 'x'))).toEqual({ result: 'won' });
    });

    test('with one of three killed, and back, claims go on', async () => {
      const address = three.newAddress();
      const arbiter = open(address);
      const leader = await three.leader();
      await leader.kill();
      expect(await claimed(arbiter, view(1, 'x'))).toEqual({ result: 'won' });
      leader.start();
      await three.isReady(leader);
      expect(await claimed(open(by(address, leader.address)), view(1, 'y'))).toMatchObject({ result: 'lost' });
    });

    test('with the leader stopped, claims go on with the next leader; of the old one nothing is believed', async () => {
      const address = three.newAddress();
      const arbiter = open(address);
      await arbiter.claim(view(1, 'x'));
      const leader = await three.leader();
      leader.signal('SIGSTOP');
      try {
        expect(await claimed(arbiter, view(2, 'x'))).toEqual({ result: 'won' });
      } finally {
        leader.signal('SIGCONT');
      }
      // It thinks for a moment that it leads still.
      const atOld = open(by(address, leader.address));
      expect(await claimed(atOld, view(2, 'y'))).toEqual({ result: 'lost', owner: view(2, 'x') });
      expect(await atOld.latest('machine-1')).toEqual(view(2, 'x'));
    });

    test('without a majority nothing is known, and nothing is won', async () => {
      const arbiter = new EtcdArbiter(three.newAddress(), {}, { ...TIMING, callMaxMs: 1_200 });
      const [, second, third] = three.members;
      for (const member of [second!, third!]) member.signal('SIGSTOP');
      try {
        expect(await arbiter.claim(view(1, 'x'))).toMatchObject({ result: 'unreachable' });
        await expect(arbiter.latest('machine-1')).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
      } finally {
        for (const member of [second!, third!]) member.signal('SIGCONT');
      }
      expect(await claimed(arbiter, view(1, 'x'))).toEqual({ result: 'won' });
    });
  });

  describe('that asks who comes', () => {
    test('by user and password, also after it was started again', async () => {
      const cluster = await EtcdCluster.start(1);
      try {
        const [etcd] = cluster.members;
        const address = cluster.newAddress();
        const base64 = (text: string) => Buffer.from(text).toString('base64');
        // Whoever may write below the prefix needs no more.
        const [key, range_end] = [base64(`${prefixOf(address)}/`), base64(`${prefixOf(address)}0`)];
        for (const [path, body] of [
          ['user/add', { name: 'root', password: 'guessed' }],
          ['user/add', { name: 'machine', password: 'ses:ame' }],
          ['role/add', { name: 'root' }],
          ['role/add', { name: 'keys' }],
          ['role/grant', { name: 'keys', perm: { permType: 'READWRITE', key, range_end } }],
          ['user/grant', { user: 'root', role: 'root' }],
          ['user/grant', { user: 'machine', role: 'keys' }],
          ['enable', {}],
        ] as const) {
          await ask(etcd!, `/v3/auth/${path}`, body);
        }
        const arbiter = new EtcdArbiter(address, { user: 'machine:ses:ame' }, TIMING);
        expect(await claimed(arbiter, view(1, 'x'))).toEqual({ result: 'won' });
        await arbiter.announce('m', member('a'));
        const stranger = await open(address).claim(view(2, 'x'));
        expect(stranger).toMatchObject({ result: 'unreachable' });
        const outside = new EtcdArbiter(cluster.newAddress(), { user: 'machine:ses:ame' }, TIMING);
        await expect(outside.latest('m')).rejects.toThrow(/permission denied/);
        const liar = await new EtcdArbiter(address, { user: 'machine:guess' }, TIMING).claim(view(2, 'x'));
        expect(liar).toMatchObject({
          result: 'unreachable',
          reason: expect.stringContaining('invalid user ID or password'),
        });
        await etcd!.kill();
        etcd!.start();
        expect(await claimed(arbiter, view(2, 'y'))).toEqual({ result: 'won' });
        await expect.poll(() => arbiter.members('m'), { timeout: 10_000 }).toHaveLength(1);
        await arbiter.withdraw('m', 'a');
        const inAddress = new EtcdArbiter(address.replace('//', '//machine:ses%3Aame@'), {}, TIMING);
        expect(await inAddress.latest('machine-1')).toEqual(view(2, 'y'));
      } finally {
        await cluster.stop();
      }
    });

    test('by certificates', needs('openssl'), async () => {
      const folder = mkdtempSync(join(tmpdir(), 'epochvisor-certificates-'));
      let cluster: EtcdCluster | undefined;
      try {
        const { client, ...server } = makeCertificates(folder);
        cluster = await EtcdCluster.start(1, server);
        const address = cluster.newAddress();
        const { cacert } = server;
        const arbiter = new EtcdArbiter(address, { cacert, ...client }, TIMING);
        expect(await claimed(arbiter, view(1, 'x'))).toEqual({ result: 'won' });
        const refused = async (credentials: object, where = address) =>
          expect(await new EtcdArbiter(where, credentials, TIMING).claim(view(2, 'x'))).toMatchObject({
            result: 'unreachable',
          });
        await refused({ cacert });
        await refused({ cacert: client.cert, ...client });
        await refused({});
        // With the authorities of the system, of which none knows this one.
        await refused(client, address.replace('etcd:', 'etcds:'));
        // A name that the certificate has not.
        await refused({ cacert, ...client }, address.replace('127.0.0.1', 'localhost'));
        expect(await arbiter.latest('machine-1')).toEqual(view(1, 'x'));
      } finally {
        await cluster?.stop();
        rmSync(folder, { recursive: true });
      }
    });
  });
});

describe('files for TLS', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'epochvisor-tls-files-'));
    writeFileSync(join(folder, 'text'), 'no PEM');
    writeFileSync(join(folder, 'empty.pem'), '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each<[string, Record<string, string>, RegExp]>([
    ['that are not there', { cacert: 'none' }, /none for etcd can't be read: ENOENT/],
    ['that are a folder', { cacert: '.' }, /can't be read: EISDIR/],
    ['that are not PEM', { cacert: 'text' }, /text for etcd is not PEM/],
    ['that hold nothing', { cert: 'empty.pem', key: 'empty.pem' }, /empty.pem, .*empty.pem\) can't be used/],
    ['of which the key is missing', { cert: 'text' }, /certificate is given without its key/],
    ['of which the certificate is missing', { key: 'text' }, /key is given without its certificate/],
  ])('%s are refused in one line', (_, files, says) => {
    const credentials = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, join(folder, file)]));
    expect(() => new EtcdArbiter('etcd://h', credentials)).toThrow(
      expect.objectContaining({ code: 'ARBITER_CREDENTIALS', message: expect.stringMatching(says) }),
    );
  });
});
