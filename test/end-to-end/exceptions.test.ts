// A program in C that leaves whole stacks by longjmp, which clang makes exceptions of: on a pair that is struck again and again.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { needs } from '../setup/needs.js';
import { builtUnwinder } from '../wasi/built.js';
import { Bench } from './command.js';
import { failoverOf } from './failover-report.js';

const bench = new Bench();
const failover = failoverOf(bench);

/** Runs a program on Node's own WASI, with the exceptions of V8. */
const ON_NODE = `
  const { WASI } = require('node:wasi');
  const wasi = new WASI({ version: 'preview1' });
  const module = new WebAssembly.Module(require('node:fs').readFileSync(process.argv[1]));
  wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));`;

test('a pair says what V8 says of the program alone', needs('c'), async () => {
  const program = builtUnwinder();
  const alone = spawnSync(process.execPath, ['--no-warnings', '-e', ON_NODE, program], { encoding: 'utf8' });
  expect(alone.stdout).toMatch(/^\d+ wrong, [0-9a-f]{8}$/m);
  const pair = await bench.run(['run', '--epoch-length', '1000', program]);
  expect({ status: pair.status, stdout: pair.stdout }).toEqual({ status: 0, stdout: alone.stdout });
});

test.each(['original', 'revised', 'deferred'])(
  'a pair in the midst of unwinding survives its primary: %s',
  needs('c'),
  async variant => {
    const struck = ['--epoch-length', '1000', '--sweep', 'boundaries', '--limit', '8', '--variant', variant];
    const { status, report } = await failover(...struck, builtUnwinder());
    expect(report.points.map(({ verdict }) => verdict)).toEqual(Array(8).fill('same'));
    expect(report.undisturbed.stdoutRepeats).toBe(true);
    expect(status).toBe(0);
  },
);

test('a real process that is killed is survived, too', needs('c'), async () => {
  const { status, report } = await failover(
    '--processes',
    '--at',
    '100:500',
    '--epoch-length',
    '1000',
    builtUnwinder(),
  );
  expect(report.points.map(({ verdict }) => verdict)).toEqual(['same']);
  expect(status).toBe(0);
});

test('what nobody catches is a trap with a name, on both replicas', async () => {
  const module = bench.file('uncaught.wasm');
  writeFileSync(
    module,
    wat(`(module (tag $e (param i32)) (memory (export "memory") 1)
      (func $fails try (throw $e (i32.const 1)) catch_all rethrow 0 end)
      (func (export "_start") (call $fails)))`),
  );
  const { status, stderr } = await bench.run(['run', module]);
  expect(stderr).toContain('uncaught exception');
  expect(status).not.toBe(0);
});

test('inspect names exceptions among the features', async () => {
  const module = bench.file('thrower.wasm');
  writeFileSync(module, wat('(module (tag $e) (func (export "f") try throw $e catch $e end))'));
  const { stdout } = await bench.run(['inspect', module]);
  expect(stdout).toMatch(/^features +.*exceptions/m);
  expect(stdout).toMatch(/^refused +none/m);
});
