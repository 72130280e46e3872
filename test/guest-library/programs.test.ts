// The guests, each on the fake machine: what they print, how they end, and that uncertainty leaves no trace in it.
import { describe, expect, it } from 'vitest';
import { type Fate, guestBytes, runGuest } from './fake-machine.js';
import { HASH_START, hashValue, judgeTranscript } from './transcript.js';

const PROGRAMS = [
  ...[
    'appendable',
    'clock-random',
    'compute',
    'cpu',
    'dhrystone',
    'disk',
    'disk-log',
    'disk-paper',
    'echo',
    'flood',
    'gated',
    'hello',
    'instructions',
    'keyvalue',
    'latency',
    'mill',
    'recursive',
  ],
  ...['spin', 'teller', 'ticks', 'trap'],
];

/** Every other start is uncertain, some performed and some not, some twice. */
function unluckyBus(): (operation: unknown, attempt: number) => Fate {
  let starts = 0;
  return (_, attempt) => {
    starts++;
    if (attempt > 2 || starts % 2 === 0) return 'done';
    return starts % 3 === 0 ? 'lost' : 'performed';
  };
}

describe.each(PROGRAMS)('guest/build/%s.wasm', name => {
  const module = new WebAssembly.Module(guestBytes(name) as Uint8Array);

  it('imports the virtual hardware only, and hands over its entry, memory and handler', () => {
    expect(new Set(WebAssembly.Module.imports(module).map(entry => entry.module))).not.toContain('env');
    const exported = WebAssembly.Module.exports(module).map(entry => entry.name);
    expect(exported.sort()).toEqual(['_start', 'interrupt', 'memory']);
  });

  it('keeps its names and points to no source map', () => {
    expect(WebAssembly.Module.customSections(module, 'name')).toHaveLength(1);
    expect(WebAssembly.Module.customSections(module, 'sourceMappingURL')).toHaveLength(0);
  });
});

describe('hello', () => {
  it('says hello', () => {
    expect(runGuest('hello', []).stdout).toBe('Hello from a machine that does not fail.\n');
  });
});

describe('compute', () => {
  it('prints the same rounds every time', () => {
    const { stdout } = runGuest('compute', [3, 1]);
    expect(stdout.split('\n')).toEqual([
      '1 primes=303 chain=223 trace=15.673471283311767 28599d1e121fadb2',
      '2 primes=303 chain=242 trace=13.632710773242597 20ad2b47021f34af',
      '3 primes=303 chain=271 trace=19.78235695970349 1af203303130d01a',
      '',
    ]);
    expect(runGuest('compute', [4, 1]).stdout.startsWith(stdout)).toBe(true);
  });

  it('refuses a number that is none', () => {
    const { outcome, stderr } = runGuest('compute', ['many']);
    expect(outcome).toEqual({ kind: 'exit', status: 2 });
    expect(stderr).toBe("compute: rounds must be a whole number from 1 to 1000000000, not 'many'\n");
  });
});

describe('cpu', () => {
  it('ends with a checksum of what it did', () => {
    const [first, again, other] = [1000, 1000, 1001].map(iterations => runGuest('cpu', [iterations]).stdout);
    expect(first).toMatch(/^1000 iterations [0-9a-f]{16}\n$/);
    expect(again).toBe(first);
    expect(other!.slice(-17)).not.toBe(first!.slice(-17));
  });
});

describe('clock-random', () => {
  const { stdout } = runGuest('clock-random', [50, 10]);
  const lines = stdout.split('\n');

  it('prints what one machine could have printed', () => {
    expect(lines).toHaveLength(51);
    expect(judgeTranscript(stdout)).toBeNull();
  });

  it.each([
    ['a line lost', lines.toSpliced(7, 1)],
    ['a line doubled', lines.toSpliced(7, 0, lines[7]!)],
    ['two lines swapped', lines.toSpliced(7, 2, lines[8]!, lines[7]!)],
    ['the last line cut', [...lines.slice(0, 49), lines[49]!.slice(0, 30)]],
    ['another clock than the hash knows', lines.with(7, lines[7]!.replace(/(\d) /, '$10 '))],
    ['another draw than the hash knows', lines.with(7, lines[7]!.replace(/ [0-9a-f]{16}/, ' 0123456789abcdef'))],
  ])('is caught with %s', (_, changed) => {
    expect(judgeTranscript(changed.join('\n'))).not.toBeNull();
  });

  it.each([
    {
      what: 'a clock that goes back',
      reason: /the clock went back/,
      values: [
        [9n, 1n],
        [8n, 2n],
      ] as const,
    },
    {
      what: 'a number drawn twice',
      reason: /was drawn before/,
      values: [
        [8n, 1n],
        [9n, 1n],
      ] as const,
    },
  ])('is caught with $what, though the hashes are right', ({ reason, values }) => {
    let hash = HASH_START;
    const printed = values.map(([clock, drawn], index) => {
      hash = hashValue(hashValue(hashValue(hash, BigInt(index + 1)), clock), drawn);
      return `${index + 1} ${clock} ${drawn.toString(16).padStart(16, '0')} ${hash.toString(16).padStart(16, '0')}\n`;
    });
    expect(judgeTranscript(printed[0]!)).toBeNull();
    expect(judgeTranscript(printed.join(''))).toMatch(reason);
  });
});

describe('echo', () => {
  it('numbers the lines, byte for byte, a cut last one too', () => {
    const bytes = Uint8Array.from([...Buffer.from('one\n\n'), 0xff, 0xc3, 10, 0x61]);
    const { devices } = runGuest('echo', [], { input: [{ bytes }] });
    const written = Buffer.concat(devices.written.map(write => write.bytes));
    const expected = [...Buffer.from('1: one\n2: \n3: '), 0xff, 0xc3, ...Buffer.from('\n4: a\n4 lines\n')];
    expect([...written]).toEqual(expected);
  });

  it('ends with an input that is empty', () => {
    expect(runGuest('echo', []).stdout).toBe('0 lines\n');
  });
});

describe('ticks', () => {
  it('prints one number a period', () => {
    const { stdout, devices } = runGuest('ticks', [3, 50]);
    expect(stdout).toBe('tick 1\ntick 2\ntick 3\n');
    expect(Number(devices.nowNs / 1_000_000n)).toBe(150);
  });
});

describe('recursive', () => {
  it('computes what the functions say', () => {
    expect(runGuest('recursive', [10, 1]).stdout.split('\n')).toEqual([
      '1 fibonacci(10) = 55',
      '1 ackermann(2, 40) = 83',
      expect.stringMatching(/^1 tree = \d+$/),
      '1 1000 is even: true',
      '',
    ]);
  });
});

describe('disk', () => {
  const quiet = runGuest('disk', [20, 5], { diskBytes: 1 << 20 });

  it('reads what it wrote', () => {
    expect(quiet.outcome).toEqual({ kind: 'exit', status: 0 });
    expect(quiet.stdout).toMatch(/\nread 20 blocks [0-9a-f]{16}\n$/);
    expect(quiet.stderr).toBe('');
    expect(runGuest('disk', [20, 6], { diskBytes: 1 << 20 }).stdout).not.toBe(quiet.stdout);
  });

  it.each([true, false])('prints and leaves the same, uncertain or not (completions newest first: %s)', newestFirst => {
    const world = { diskBytes: 1 << 20, newestFirst, fate: unluckyBus() };
    const unlucky = runGuest('disk', [20, 5], world);
    expect(unlucky.stdout).toBe(quiet.stdout);
    expect(Buffer.compare(unlucky.devices.disk, quiet.devices.disk)).toBe(0);
    expect(unlucky.stderr).toMatch(/^disk: [1-9]\d* uncertain interrupts, [1-9]\d* repeats\n$/);
  });

  it('has several operations in flight', () => {
    const { devices } = runGuest('disk', [20, 5], { diskBytes: 1 << 20, latencyNs: 1_000_000 });
    expect(Number(devices.nowNs) / 1_000_000).toBeLessThan(devices.starts.length / 2);
  });

  it('says what it needs where the disk is missing or too small', () => {
    for (const diskBytes of [0, 4096]) {
      const { outcome, stdout, stderr } = runGuest('disk', [2], { diskBytes });
      expect(outcome).toEqual({ kind: 'exit', status: 1 });
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^disk: 2 blocks need a disk of 8192 bytes/);
    }
  });

  it('ends with the error of a disk that fails', () => {
    const fate = (operation: { number: bigint }): Fate => (operation.number === 30n ? { status: -5 } : 'done');
    const { outcome, stderr } = runGuest('disk', [20], { diskBytes: 1 << 20, fate });
    expect(outcome).toEqual({ kind: 'exit', status: 1 });
    expect(stderr).toBe('disk: input/output error\n');
  });
});

describe('dhrystone', () => {
  it.each([1, 7, 1_000])('has the results of the original after %i runs', runs => {
    const { stdout, stderr, outcome } = runGuest('dhrystone', [runs]);
    expect(stderr).toBe('');
    expect(stdout).toBe(`${runs} runs, all results as in the original\n`);
    expect(outcome).toEqual({ kind: 'exit', status: 0 });
  });
});

describe('instructions', () => {
  it.each(['clock', 'random', 'nothing'])('does many of a kind between two lines: %s', kind => {
    expect(runGuest('instructions', [kind, 1_000]).stdout).toBe('begin\nend\n');
  });

  it('prints line after line', () => {
    expect(runGuest('instructions', ['line', 3]).stdout).toBe(`begin\n${'a line of text\n'.repeat(3)}end\n`);
  });

  it('knows no other kind', () => {
    const { stderr, outcome } = runGuest('instructions', ['disk']);
    expect(stderr).toContain("not 'disk'");
    expect(outcome).toEqual({ kind: 'exit', status: 2 });
  });
});

describe('disk-paper', () => {
  it.each(['write', 'read'])('does one operation of 8 KiB after another: %s', kind => {
    const { stdout, devices } = runGuest('disk-paper', [kind, 20], { diskBytes: 1 << 20 });
    expect(stdout).toMatch(new RegExp(`^${kind} 20 [0-9a-f]{16}\n$`));
    expect(new Set(devices.performed.map(({ command }) => command))).toEqual(new Set([kind === 'read' ? 1 : 2]));
    expect(devices.performed).toHaveLength(20);
  });

  it('prints the same, uncertain or not', () => {
    const quiet = runGuest('disk-paper', ['write', 20], { diskBytes: 1 << 20 });
    const unlucky = runGuest('disk-paper', ['write', 20], { diskBytes: 1 << 20, fate: unluckyBus() });
    expect(unlucky.stdout).toBe(quiet.stdout);
    expect(unlucky.devices.disk).toEqual(quiet.devices.disk);
  });

  it('refuses what it does not know, and a disk without room', () => {
    expect(runGuest('disk-paper', ['reed'], { diskBytes: 1 << 20 }).outcome).toEqual({ kind: 'exit', status: 1 });
    expect(runGuest('disk-paper', ['read'], { diskBytes: 512 }).stderr).toMatch(/^disk-paper: it needs a disk of/);
  });
});

describe('disk-log', () => {
  it('acknowledges a record when it is durable, not before', () => {
    const { stdout, devices } = runGuest('disk-log', [3], { diskBytes: 8 * 512 });
    expect(stdout.split('\n').map(line => line.split(' ').slice(0, 2).join(' '))).toEqual([
      ...['found 0', 'appended 0', 'appended 1', 'appended 2', ''],
    ]);
    const commands = devices.performed.map(operation => operation.command);
    expect(commands).toEqual([1, 2, 3, 2, 3, 2, 3]);
  });

  it('goes on after the last good record', () => {
    const first = runGuest('disk-log', [3], { diskBytes: 8 * 512 });
    const second = runGuest('disk-log', [2], { diskContent: first.devices.disk });
    const last = first.stdout.split('\n').at(-2)!.split(' ')[2];
    expect(second.stdout.split('\n').slice(0, 2)).toEqual([
      `found 3 records ${last}`,
      expect.stringMatching(/^appended 3 /),
    ]);

    const torn = second.devices.disk.slice();
    torn[4 * 512 + 100] = 1;
    expect(runGuest('disk-log', [0], { diskContent: torn }).stdout).toMatch(/^found 5 /);
    expect(runGuest('disk-log', [1], { diskContent: torn }).stdout).toMatch(/^found 5 .*\nappended 5 /);
    torn[3 * 512 + 100] = 1;
    expect(runGuest('disk-log', [0], { diskContent: torn }).stdout).toMatch(/^found 4 /);
  });

  it('prints the same, uncertain or not', () => {
    const quiet = runGuest('disk-log', [5], { diskBytes: 8 * 512 });
    const unlucky = runGuest('disk-log', [5], { diskBytes: 8 * 512, fate: unluckyBus() });
    expect(unlucky.stdout).toBe(quiet.stdout);
    expect(unlucky.stderr).toMatch(/uncertain interrupts/);
  });

  it('stops when the disk is full', () => {
    const { outcome, stderr } = runGuest('disk-log', [9], { diskBytes: 8 * 512 });
    expect(outcome).toEqual({ kind: 'exit', status: 1 });
    expect(stderr).toBe('disk-log: the disk is full after 8 records\n');
  });
});

describe('teller', () => {
  it('dispenses each note once, uncertain or not', () => {
    const { outcome, stdout, devices } = runGuest('teller', [3], { fate: unluckyBus() });
    expect(outcome).toEqual({ kind: 'exit', status: 0 });
    expect(stdout).toBe('note 1 dispensed\nnote 2 dispensed\nnote 3 dispensed\n');
    expect(devices.performed.map(operation => operation.argument)).toEqual([1n, 2n, 3n]);
  });

  it('reports what is uncertain where it must not repeat', () => {
    const fate = (operation: { number: bigint }): Fate => (operation.number === 2n ? 'performed' : 'done');
    const { outcome, stdout, devices } = runGuest('teller', [3, 'report'], { operationIds: false, fate });
    expect(outcome).toEqual({ kind: 'exit', status: 3 });
    expect(stdout).toBe('note 1 dispensed\nnote 2 uncertain: please count your notes\nnote 3 dispensed\n');
    expect(devices.performed).toHaveLength(3);
  });
});

describe('trap', () => {
  it.each([
    ['unreachable', 'unreachable', 'reachTheUnreachable'],
    ['divide', 'divide by zero', 'divideByZero'],
    ['bounds', 'out of bounds', 'loadOutOfBounds'],
    ['abort', 'unreachable', 'failAnAssertion'],
    ['stack', 'call stack', 'recurseForever'],
  ])('%s fails in a function with a name, after its output', (way, message, functionName) => {
    const { outcome, stdout, stderr } = runGuest('trap', [way]);
    if (outcome.kind !== 'trap') throw new Error(`the guest ended with status ${outcome.status}`);
    expect(outcome.error.message).toContain(message);
    expect(stdout).toBe(`trap: ${way}\n`);
    if (way !== 'stack') expect(outcome.error.stack).toContain(functionName);
    expect(stderr).toMatch(way === 'abort' ? /^abort: zero is not zero at guest\/programs\/trap\.ts:\d+:\d+\n$/ : /^$/);
  });
});

describe('flood', () => {
  it('prints as much as it is told, in numbered lines', () => {
    const { stdout } = runGuest('flood', [9]);
    const lines = stdout.split('\n');
    expect(stdout).toHaveLength(9 * 1024);
    expect(lines.slice(0, -1).map(line => Number.parseInt(line, 10))).toEqual(Array.from({ length: 144 }, (_, i) => i));
  });
});

describe('gated', () => {
  const lines = (stdout: string) => stdout.trimEnd().split('\n');

  it('works until stdin has something or ends, and then says how many rounds that were', () => {
    for (const bytes of ['', 'x']) {
      const printed = lines(runGuest('gated', [10], { input: [{ atNs: 10_000, bytes }] }).stdout);
      expect(printed.length).toBeGreaterThan(3);
      expect(printed.at(-1)).toBe(`${printed.length - 1} rounds`);
    }
  });

  it('prints in a number of rounds what it prints in as many that are ended from outside', () => {
    const { stdout } = runGuest('gated', [10], { input: [{ atNs: 10_000, bytes: 'x' }] });
    expect(runGuest('gated', [10, lines(stdout).length - 1]).stdout).toBe(stdout);
    expect(new Set(lines(runGuest('gated', [10, 100]).stdout)).size).toBe(101);
  });
});

describe('latency', () => {
  it.each(['busy', 'idle'])('prints how late each timer interrupt came (%s)', mode => {
    const { stdout } = runGuest('latency', [5, 1, mode]);
    expect(
      stdout
        .split('\n')
        .slice(0, -1)
        .map(line => line.split(' ')[0]),
    ).toEqual(['1', '2', '3', '4', '5']);
    for (const line of stdout.split('\n').slice(0, -1)) expect(Number(line.split(' ')[1])).toBeGreaterThanOrEqual(0);
  });
});
