// Arguments and aborts: what a guest says, and how it ends, when it is told nonsense or finds nonsense.
import { beforeAll, describe, expect, it } from 'vitest';
import { compileDrivers, type DriverLibrary } from './driver-library.js';
import type { FakeWorld } from './fake-machine.js';

let load: (world?: FakeWorld) => DriverLibrary;
beforeAll(async () => {
  load = await compileDrivers();
});

const number = (library: DriverLibrary, index = 1) =>
  library.exports.numberArgument(index, library.text('count'), 7n, -10n, 10n ** 17n);

describe('arguments', () => {
  it('are text in UTF-8, empty ones included', () => {
    const library = load({ arguments: ['/folder/größe.wasm', '', 'zwölf'] });
    expect(library.textAt(library.exports.programName())).toBe('größe');
    expect(library.textAt(library.exports.textArgument(1, library.text('other')))).toBe('');
    expect(library.textAt(library.exports.textArgument(2, library.text('other')))).toBe('zwölf');
    expect(library.textAt(library.exports.textArgument(3, library.text('other')))).toBe('other');
  });

  it.each([
    ['0', 0n],
    ['-10', -10n],
    ['100000000000000000', 10n ** 17n],
    ['007', 7n],
  ])('that are numbers: %s', (text, value) => {
    expect(number(load({ arguments: ['a', text] }))).toBe(value);
  });

  it('have defaults', () => {
    expect(number(load({ arguments: ['a'] }))).toBe(7n);
    expect(number(load({ arguments: [] }))).toBe(7n);
  });

  it.each(['', '-', 'x', '1x', ' 1', '1.5', '+1', '-11', '100000000000000001', '99999999999999999999999'])(
    "that are no such number end the program: '%s'",
    text => {
      const library = load({ arguments: ['count.wasm', text] });
      expect(() => number(library)).toThrow(expect.objectContaining({ status: 2 }));
      expect(library.devices.text(2)).toBe(
        `count: count must be a whole number from -10 to 100000000000000000, not '${text}'\n`,
      );
    },
  );
});

describe('an abort', () => {
  it('says what and where on stderr, then traps', () => {
    const library = load();
    expect(() => library.exports.failAnAssertion(library.text('x'))).toThrow(WebAssembly.RuntimeError);
    expect(library.devices.text(2)).toMatch(
      /^abort: a longer message than usual, with “quotes” at test\/guests\/drivers\.ts:\d+:\d+\n$/,
    );
    expect(library.devices.text(1)).toBe('');
  });

  it('leaves out a message that its line has no room for', () => {
    const library = load();
    expect(() => library.exports.throwError(library.text('long'.repeat(1000)))).toThrow(WebAssembly.RuntimeError);
    expect(library.devices.text(2)).toMatch(/^abort: {2}at test\/guests\/drivers\.ts:\d+:\d+\n$/);
  });
});
