// The console driver: whole lines out, lines in from whatever pieces arrive, and no wake-up lost between.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileDrivers, type DriverLibrary } from './driver-library.js';
import { type FakeWorld, NothingWakesTheGuest } from './fake-machine.js';

let load: (world?: FakeWorld) => DriverLibrary;
beforeAll(async () => {
  load = await compileDrivers();
});

function allLines(library: DriverLibrary): string[] {
  const lines: string[] = [];
  for (let line = library.exports.readLine(); line !== 0; line = library.exports.readLine()) {
    lines.push(library.textAt(line));
  }
  return lines;
}

describe('output', () => {
  it('writes a line at once, newline included', () => {
    const library = load();
    library.exports.println(library.text('grüße'));
    library.exports.printlnError(library.text('oh'));
    library.exports.print(library.text(''));
    expect(library.devices.written.map(({ stream, bytes }) => [stream, Buffer.from(bytes).toString()])).toEqual([
      [1, 'grüße\n'],
      [2, 'oh\n'],
    ]);
  });

  it.each([4094, 4095, 4096, 100_000])('writes a line of %i bytes at once', length => {
    const library = load();
    library.exports.println(library.text('x'.repeat(length)));
    expect(library.devices.written).toHaveLength(1);
    expect(library.devices.text(1)).toBe(`${'x'.repeat(length)}\n`);
  });
});

describe('input', () => {
  it.each([
    ['nothing', [], []],
    ['one newline', ['\n'], ['']],
    ['a last line without a newline', ['a\nb'], ['a', 'b']],
    ['a line in three pieces', ['on', 'e\ntw', 'o\n'], ['one', 'two']],
    ['carriage returns, which stay', ['a\r\nb\r\n'], ['a\r', 'b\r']],
    [
      'a line longer than the buffer',
      ['x'.repeat(10_000), `${'y'.repeat(10_000)}\nz`],
      [`${'x'.repeat(10_000)}${'y'.repeat(10_000)}`, 'z'],
    ],
  ])('gives the lines of %s', (_, pieces, lines) => {
    expect(allLines(load({ input: pieces.map((bytes, i) => ({ atNs: i * 5000, bytes })) }))).toEqual(lines);
  });

  it('joins a code point that arrives in two pieces', () => {
    const bytes = new TextEncoder().encode('1 € = 😀\n');
    for (let cut = 1; cut < bytes.length; cut++) {
      const input = [
        { atNs: 0, bytes: bytes.slice(0, cut) },
        { atNs: 9000, bytes: bytes.slice(cut) },
      ];
      expect(allLines(load({ input }))).toEqual(['1 € = 😀']);
    }
  });

  it('gives the same lines however the bytes are cut', () => {
    const text = 'erste Zeile\n\n\u{1f600}\nlast'.repeat(3);
    const bytes = new TextEncoder().encode(text);
    const cuts = fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, fc.boolean(), (places, enabled) => {
        const sorted = [0, ...places.sort((a, b) => a - b), bytes.length];
        const input = sorted.slice(1).map((end, i) => ({ atNs: i * 700, bytes: bytes.slice(sorted[i], end) }));
        const library = load({ input: input.filter(piece => piece.bytes.length > 0) });
        library.exports.interruptEnable(enabled);
        expect(allLines(library)).toEqual(text.split('\n'));
      }),
      { numRuns: 50 },
    );
  });

  it('loses no wake-up, whenever the bytes arrive', () => {
    // Each call of the machine takes 100 ns here: the arrival falls before, between and after every one of them.
    for (let atNs = 0; atNs < 3000; atNs += 50) {
      for (const enabled of [false, true]) {
        const library = load({ input: [{ atNs, bytes: 'late\n' }] });
        library.exports.interruptEnable(enabled);
        expect(allLines(library)).toEqual(['late']);
        expect(library.exports.interruptEnable(false)).toBe(enabled ? 1 : 0);
      }
    }
  });

  it('would hang, and be caught, if it waited once more after the end', () => {
    const library = load({ input: [{ bytes: 'a' }] });
    expect(allLines(library)).toEqual(['a']);
    expect(library.exports.readLine()).toBe(0);
    expect(() => library.exports.sleepUntil(1n << 40n)).not.toThrow();
    expect(() => library.devices.sleep(0n)).toThrow(NothingWakesTheGuest);
  });
});
