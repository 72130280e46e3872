// Writes what dist/engine and dist/devices hold once more to dist/bundle, a few files for each process and thread: to find,
// read and link hundreds was most of what it cost to start one, and a machine starts a dozen of them.
//
// It is the same program. Whatever is started or loaded by URL (`new URL('./thread.js', import.meta.url)`, a hook's
// `import.meta.url`) is found in the sources, has a file of its own here, and is started from here.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const out = join(dist, 'bundle');

const URL_OF_FILE = /new URL\(\s*(['"`])([^'"`]+)\1,\s*import\.meta\.url\)/g;
const OWN_URL = /import\.meta\.url/g;

const sources = ['engine', 'devices'].flatMap(folder =>
  readdirSync(join(dist, folder), { recursive: true })
    .filter(file => file.endsWith('.js'))
    .map(file => join(dist, folder, file)),
);

/** The name of a file in the bundle, `engine/replica/main.js`: `replica-main`. */
const nameOf = file =>
  relative(dist, file)
    .replace(/^engine\//, '')
    .replace(/\.js$/, '')
    .replaceAll('/', '-');

const programs = ['cli/main', 'plain/main'].map(name => join(dist, 'engine', `${name}.js`));
/** They share what they know of machines, for whoever imports more than one of them. */
const library = ['index', 'host/index', 'embed/index', 'harness/index', 'harness/vitest-matchers'].map(name =>
  join(dist, 'engine', `${name}.js`),
);
const entries = new Set([...programs, ...library]);
const withoutComments = code => code.replace(/^\s*\/\/.*$|\/\*[\s\S]*?\*\//gm, '');
for (const file of sources) {
  const code = withoutComments(readFileSync(file, 'utf8'));
  for (const [, , path] of code.matchAll(URL_OF_FILE)) {
    const target = resolve(dirname(file), path);
    if (target.endsWith('.js') && sources.includes(target)) entries.add(target);
  }
  if (code.replace(URL_OF_FILE, '').match(/module: import\.meta\.url/)) entries.add(file);
}

/** URLs that hold where the file lies now. */
function moved(code, file) {
  return code
    .replace(URL_OF_FILE, (_, quote, path) => {
      const target = resolve(dirname(file), path);
      const there = entries.has(target)
        ? `./${nameOf(target)}.js`
        : relative(out, target) + (path.endsWith('/') ? '/' : '');
      return `new URL(${quote}${there}${quote}, import.meta.__url)`;
    })
    .replace(OWN_URL, () =>
      entries.has(file) ? `new URL('./${nameOf(file)}.js', import.meta.__url).href` : 'import.meta.__url',
    )
    .replaceAll('import.meta.__url', 'import.meta.url');
}

/** What the page of a machine is made of, beside its script. */
const page = ['page.html', 'page.css'].map(name => join(root, 'engine', 'page', name));
const newest = Math.max(...[...sources, ...page, fileURLToPath(import.meta.url)].map(file => statSync(file).mtimeMs));
const stamp = join(out, 'cli-main.js');
if (existsSync(stamp) && statSync(stamp).mtimeMs > newest) process.exit(0);

/** Packages that a start would load by the dozen; those that are asked for and may be missing stay where they are. */
const ABSENT = ['bufferutil', 'utf-8-validate', 'vitest', 'echarts', '@resvg/resvg-js'];
const half = join(dist, `.bundle-${process.pid}`);

async function write(files) {
  const [first] = files;
  const bundle = await rolldown({
    input: Object.fromEntries(files.map(file => [nameOf(file), file])),
    platform: 'node',
    external: id => ABSENT.some(name => id === name || id.startsWith(`${name}/`)),
    plugins: [
      { name: 'urls', transform: (code, id) => (code.includes('import.meta.url') ? moved(code, id) : undefined) },
    ],
    onLog: (level, log, report) => {
      // What is loaded later in one place and at once in another is loaded at once.
      if (log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT') report(level, log);
    },
  });
  const chunkFileNames = `${nameOf(first)}-[name]-[hash].js`;
  const { output } = await bundle.write({ dir: half, format: 'esm', entryFileNames: '[name].js', chunkFileNames });
  await bundle.close();
  return output.flatMap(chunk => Object.keys(chunk.modules ?? {}));
}

// One at a time: files of one process in one bundle each, without what only the others need.
const modules = await write(library);
for (const entry of entries) if (!library.includes(entry)) modules.push(...(await write([entry])));

modules.push(...(await writePage()));

/** One file with all that it needs: the page works without any network but its server's. */
async function writePage() {
  const bundle = await rolldown({ input: join(dist, 'engine', 'page', 'main.js'), platform: 'browser' });
  const { output } = await bundle.generate({ format: 'iife', minify: true });
  await bundle.close();
  const [{ code, modules: used }] = output;
  const [html, css] = page.map(file => readFileSync(file, 'utf8'));
  const ofPlots = readFileSync(join(root, 'node_modules', 'uplot', 'dist', 'uPlot.min.css'), 'utf8');
  const style = `${ofPlots}\n${css}`;
  if (/<\/(script|style)/i.test(code + style))
    throw new Error('the page would end in the middle of its script or style');
  // By functions: what is put in may hold `$&`.
  writeFileSync(
    join(half, 'page.html'),
    html.replace('/* STYLE */', () => style).replace('/* SCRIPT */', () => code),
  );
  return Object.keys(used);
}

const packages = new Set(modules.flatMap(id => id.match(/^.*\/node_modules\/(@[^/]+\/)?[^/]+/)?.[0] ?? []));
const licences = [...packages].sort().map(folder => {
  const file = readdirSync(folder).find(name => /^licen[cs]e/i.test(name));
  if (file === undefined) throw new Error(`${folder} has no licence`);
  return `${relative(join(root, 'node_modules'), folder)}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
});
writeFileSync(join(half, 'LICENSES'), licences.join('\n----\n\n'));

rmSync(out, { recursive: true, force: true });
renameSync(half, out);
