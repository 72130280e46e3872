// The guest's file changes while the machine runs, as a rebuild does it: replacements run what the machine began with.

import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Bench, guest } from './command.js';
import { Milling } from './milling.js';

const bench = new Bench();

const REPLACEMENTS: readonly (readonly [string, (file: string) => void])[] = [
  ['another program is written into it', file => writeFileSync(file, readFileSync(guest('echo')))],
  ['garbage is written into it', file => writeFileSync(file, 'no program at all')],
  ['it is cut short', file => writeFileSync(file, '')],
  ['it is removed', file => rmSync(file)],
  [
    'another program takes its name',
    file => {
      copyFileSync(guest('echo'), `${file}.new`);
      renameSync(`${file}.new`, file);
    },
  ],
];

describe("the guest's file is replaced, and then each replica is killed in turn:", () => {
  test.each(REPLACEMENTS)('%s', async (_, replace) => {
    const file = bench.file('mill.wasm');
    copyFileSync(guest('mill'), file);
    const milling = new Milling(bench, ['--no-cache'], file);
    const { machine } = milling;
    let status = await machine.isProtected();
    replace(file);
    for (let kills = 0; kills < 2; kills++) {
      const { view, primary } = status;
      process.kill(primary.pid, 'SIGKILL');
      status = await machine.status(one => one.protected && one.view > view + 1);
    }
    await milling.endsLikeThePlainMachine();
    const { stderr } = await machine.command.ended;
    expect(stderr.match(/ is gone: /g)).toHaveLength(2);
    expect(bench.temporaryFiles()).toEqual([]);
  });
});
