// Compiles guest/programs/NAME.ts to guest/build/NAME.wasm, only where a source is newer than its product.
import { mkdirSync, readdirSync, statSync } from 'node:fs';
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

mkdirSync(out, { recursive: true });
const newestShared = Math.max(
  modified(fileURLToPath(import.meta.url)),
  ...sources(library).map(name => modified(join(library, name))),
);
const stale = sources(programs).filter(
  name => modified(productOf(name)) < Math.max(newestShared, modified(join(programs, name))),
);

if (stale.length > 0) {
  // The compiler takes half a second to load: only where something is to be compiled.
  const { main } = await import('assemblyscript/asc');
  for (const name of stale) {
    const source = relative(root, join(programs, name));
    const product = relative(root, productOf(name));
    const { error, stderr } = await main(
      [source, '--outFile', product, '--baseDir', root, '--optimize', '--debug', '--exportStart', '_start'],
      { stdout: process.stdout, stderr: process.stderr },
    );
    if (error) {
      console.error(`guest/build: ${source} does not compile: ${error.message}\n${stderr ?? ''}`);
      process.exit(1);
    }
    console.log(`guest/build: ${product}`);
  }
}
