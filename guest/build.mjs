// Compiles guest/programs/NAME.ts to guest/build/NAME.wasm, only where a source is newer than its product. A program's
// further files lie in guest/programs/NAME/.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const programs = join(here, 'programs');
const library = join(here, 'lib');
const out = join(here, 'build');

const modified = path => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = folder => readdirSync(folder).filter(name => name.endsWith('.ts'));
const productOf = name => join(out, name.replace(/\.ts$/, '.wasm'));

/** `--debug` keeps names for reports; `--use` answers AssemblyScript's abort in the guest instead of by an import. */
const flags = [
  ...['--baseDir', root, '--optimize', '--debug'],
  ...['--exportStart', '_start', '--use', 'abort=guest/lib/abort/abort'],
];

/** Compiles one program beside its product and renames it, so that nobody ever reads half a module. */
async function compile(main, name) {
  const source = relative(root, join(programs, name));
  const product = productOf(name);
  const half = join(out, `.${process.pid}.${name.replace(/\.ts$/, '.wasm')}`);
  const { error } = await main([source, '--outFile', relative(root, half), ...flags], {
    stdout: process.stdout,
    stderr: process.stderr,
  });
  if (error) {
    rmSync(half, { force: true });
    console.error(`guest/build: ${source} does not compile: ${error.message}`);
    process.exit(1);
  }
  renameSync(half, product);
  console.log(`guest/build: ${relative(root, product)}`);
}

mkdirSync(out, { recursive: true });
const newestShared = Math.max(
  modified(fileURLToPath(import.meta.url)),
  ...sources(library).map(name => modified(join(library, name))),
);
const names = sources(programs);
const newestOwn = name => {
  const folder = join(programs, name.replace(/\.ts$/, ''));
  const further = existsSync(folder) ? sources(folder).map(file => modified(join(folder, file))) : [];
  return Math.max(modified(join(programs, name)), ...further);
};
const stale = names.filter(name => modified(productOf(name)) < Math.max(newestShared, newestOwn(name)));

for (const product of readdirSync(out)) {
  const source = product.replace(/\.wasm$/, '.ts');
  // A program that is gone takes its product with it. Halves, which begin with a dot, may be another build's.
  if (!product.startsWith('.') && !names.includes(source)) rmSync(join(out, product), { recursive: true });
}

if (stale.length > 0) {
  // The compiler takes half a second to load: only where something is to be compiled.
  const { main } = await import('assemblyscript/asc');
  for (const name of stale) await compile(main, name);
}
