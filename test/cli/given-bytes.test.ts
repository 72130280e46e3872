// The command line and the environment in bytes, by what Node and the system have of them.

import { describe, expect, test } from 'vitest';
import { type GivenProcess, givenArguments, givenVariable } from '../../engine/cli/given-bytes.js';

const CAFE = Buffer.from('caf\xe9', 'latin1');
const latin1 = (...strings: string[]) => strings.map(text => Buffer.from(text, 'latin1'));

function given(
  more: Partial<GivenProcess> & { readonly cmdline?: Buffer[]; readonly environ?: Buffer[] },
): GivenProcess {
  return {
    argv: ['node', 'main.js', 'run', CAFE.toString(), 'a'],
    environment: { NAME: CAFE.toString(), GOOD: 'good', TRUE: '\ufffd' },
    system: file => more[file],
    ...more,
  };
}

describe('arguments', () => {
  test('are the bytes that the system has, whatever flags of Node come before', () => {
    for (const first of [
      ['node', 'main.js'],
      ['node', '--no-warnings', '--title', 'x', '/real/main.js'],
    ]) {
      const cmdline = latin1(...first, 'run', 'caf\xe9', 'a');
      expect(givenArguments(given({ cmdline }))).toEqual(['node', 'main.js', 'run', 'caf\udce9', 'a']);
    }
  });

  test('are as Node has them where there is nothing to be known', () => {
    const argv = ['node', 'main.js', 'run', 'é'];
    expect(givenArguments(given({ argv }))).toBe(argv);
  });

  test.each([
    ['there is no /proc', undefined],
    ['the process was renamed', latin1('epochvisor')],
    ['others are there', latin1('node', 'main.js', 'run', 'caf\xe9', 'b')],
  ])('are refused by their number where %s', (_, cmdline) => {
    const known = cmdline === undefined ? {} : { cmdline };
    expect(() => givenArguments(given(known))).toThrow(
      expect.objectContaining({ code: 'NOT_UTF8', message: expect.stringMatching(/^argument 2 .*'caf\ufffd'/) }),
    );
  });

  test('keep a U+FFFD that they were given, but not below npm, which writes it for what it has lost', () => {
    const argv = ['node', 'main.js', '\ufffd'];
    const cmdline = [...latin1('node', 'main.js'), Buffer.from('\ufffd')];
    expect(givenArguments(given({ argv, cmdline }))).toEqual(argv);
    expect(() => givenArguments(given({ argv, cmdline, environment: { npm_command: 'exec' } }))).toThrow('npm');
  });
});

describe('a variable', () => {
  const environ = latin1('A=1', 'NAME=caf\xe9', 'NAME=second', 'N\xe9=\xff', 'TRUE=\xef\xbf\xbd');

  test.each([
    ['GOOD', 'good'],
    ['NAME', 'caf\udce9'],
    ['N\udce9', '\udcff'],
    ['TRUE', '\ufffd'],
    ['NONE', undefined],
    ['X\udce9', undefined],
  ])('of the name %j is what the system has of it, if anything', (name, value) => {
    expect(givenVariable(name, given({ environ }))).toBe(value);
  });

  test('is refused by its name where it was changed since, or nobody has its bytes', () => {
    for (const known of [{}, { environ: latin1('NAME=another') }]) {
      expect(() => givenVariable('NAME', given(known))).toThrow(
        expect.objectContaining({ code: 'NOT_UTF8', message: expect.stringMatching(/^the variable NAME/) }),
      );
    }
  });
});
