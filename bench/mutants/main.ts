// Does anybody see a small mistake in the protocol? `npm run mutants`: changes engine/protocol in one place at a time, and
// reports what neither the seeds of the simulator nor the fast tests find.
//
//   npm run mutants -- [--limit N] [--sample SEED] [--module NAME]... [--name TEXT]... [--seeds 2000]
//                      [--tests protocol,driver] [--jobs 2] [--fresh] [--list]
//
// A limited run takes a sample, chosen by --sample; a greater limit goes on with the same one. --name: those whose name has
// TEXT in it. What was found is kept in dist/mutants.jsonl. A survivor is killed by a new test, or equivalents.json says why it does no harm.

import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isTiny, publish, ROOT } from '../host.js';
import { wasInterrupted } from '../processes.js';
import { hashOf, Kept } from './kept.js';
import { type Mutant, mutantsOf } from './mutations.js';
import { asText, type Tried } from './report.js';
import { Copy, type Effort, type Finding, PROTOCOL } from './trial.js';

const DIST = join(ROOT, 'dist');
const KEPT = join(DIST, 'mutants.jsonl');
const EQUIVALENTS = join(ROOT, 'bench/mutants/equivalents.json');
/** Words, not deeds. */
const LEFT_OUT = ['describe.js', 'rules.js'];
/** What decides whether a survivor would still survive. */
const DECISIVE = ['engine', 'devices', 'test/protocol', 'test/driver'];
/** Seeds that are run first: as many of those that found most, and some of each kind. */
const PRODUCTIVE_SEEDS = 30;
const FIRST_SEEDS = ['run:1-8', 'healing:1-8', 'restarting:1-8'];
/** For one seed of all of them, ms: on a busy host they take a tenth of it. */
const PATIENCE_MS = 500;

/** No mutant: it must survive. */
const UNCHANGED: Mutant = { module: '', line: 0, name: 'nothing is changed', from: 0, to: 0, text: '' };

const USAGE =
  'usage: mutants [--limit N] [--sample SEED] [--module NAME]... [--name TEXT]... [--seeds N] [--tests FOLDER,...] [--jobs N] [--fresh] [--list]';

function refuse(reason: string): never {
  console.error(`mutants: ${reason}\n${USAGE}`);
  process.exit(2);
}

function parse() {
  return parseArgs({
    options: {
      limit: { type: 'string', default: String(Number.MAX_SAFE_INTEGER) },
      sample: { type: 'string', default: '1' },
      module: { type: 'string', multiple: true, default: [] },
      name: { type: 'string', multiple: true, default: [] },
      seeds: { type: 'string', default: '2000' },
      tests: { type: 'string', default: 'protocol,driver' },
      jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
      fresh: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  }).values;
}

function count(text: string, flag: string, least: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least)
    refuse(`--${flag} is a whole number from ${least} on, not '${text}'`);
  return value;
}

/** Below a folder of `dist`, by path. */
function filesOf(folder: string): Map<string, string> {
  const names = readdirSync(join(DIST, folder), { recursive: true, encoding: 'utf8' });
  const files = names.filter(name => name.endsWith('.js')).sort();
  return new Map(files.map(name => [name, readFileSync(join(DIST, folder, name), 'utf8')]));
}

/** Half of all seeds are as `npm run simulate` chooses them; the others heal, are started again, or give out snapshots. */
function rangesOf(seeds: number): string[] {
  const shares = { run: 0.45, healing: 0.25, restarting: 0.2, kept: 0.05, late: 0.05 };
  const ranges = Object.entries(shares).map(([kind, share]) => [kind, Math.round(seeds * share)] as const);
  return ranges.filter(([, last]) => last > 0).map(([kind, last]) => `${kind}:1-${last}`);
}

type Reasons = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Why a mutant does no harm. An explanation of what is not there any more explains something else. */
function reasonsFor(mutants: readonly Mutant[]): Map<Mutant, string> {
  const all = JSON.parse(readFileSync(EQUIVALENTS, 'utf8')) as Reasons;
  const explained = new Map<Mutant, string>();
  const known = new Map(mutants.map(mutant => [`${mutant.module} ${mutant.name}`, mutant]));
  for (const [module, reasons] of Object.entries(all)) {
    for (const [name, reason] of Object.entries(reasons)) {
      const mutant = known.get(`${module} ${name}`);
      if (mutant === undefined) refuse(`equivalents.json explains what is no mutant of ${module}: ${name}`);
      explained.set(mutant, reason);
    }
  }
  return explained;
}

const values = (() => {
  try {
    return parse();
  } catch (error) {
    return refuse((error as Error).message);
  }
})();
const limit = count(values.limit, 'limit', 1);
const jobs = count(values.jobs, 'jobs', 1);
const seeds = count(values.seeds, 'seeds', 1);

const modules = filesOf(PROTOCOL);
for (const name of LEFT_OUT) modules.delete(name);
const mutants = [...modules].flatMap(([module, code]) => {
  // A module of types alone is empty.
  return mutantsOf(module, code, readFileSync(join(DIST, PROTOCOL, `${module}.map`), 'utf8'));
});
const unknown = values.module.find(name => !modules.has(name));
if (unknown !== undefined) refuse(`no module '${unknown}'; there are ${[...modules.keys()].join(', ')}`);
const reasons = reasonsFor(mutants);
const order = (mutant: Mutant) => hashOf(`${values.sample} ${mutant.module} ${mutant.name}`);
const sample = mutants
  .filter(({ module }) => values.module.length === 0 || values.module.includes(module))
  .filter(({ name }) => values.name.length === 0 || values.name.some(text => name.includes(text)))
  .map(mutant => [order(mutant), mutant] as const)
  .sort(([one], [other]) => (one < other ? -1 : 1))
  .slice(0, limit)
  .map(([, mutant]) => mutant);

if (values.list) {
  for (const { module, line, name } of sample) console.log(`${module}:${line} ${name}`);
  console.log(`${sample.length} of ${mutants.length} mutants`);
} else {
  await tryAll();
}

async function tryAll(): Promise<void> {
  const kept = openKept();
  const toTry = sample.filter(mutant => !reasons.has(mutant) && kept.of(mutant) === undefined);
  console.error(
    `mutants: ${mutants.length}, of which ${sample.length} are looked at, ${toTry.length} for the first time`,
  );
  const effort: Effort = {
    seeds: rangesOf(seeds),
    tests: values.tests.split(',').filter(name => name !== ''),
    patienceMs: seeds * PATIENCE_MS,
  };
  const begunMs = performance.now();
  if (toTry.length > 0) await work(kept, toTry, effort);
  if (wasInterrupted()) return;
  // What is known of earlier runs is known.
  const tried = mutants.flatMap((mutant): Tried[] => {
    const reason = reasons.get(mutant);
    const finding = reason === undefined ? kept.of(mutant) : { by: 'explained' as const, reason };
    return finding === undefined ? [] : [{ mutant, finding }];
  });
  const seconds = Math.round((performance.now() - begunMs) / 1000);
  publish('mutants', 'Mutants of the protocol', asText(mutants, tried, { seeds, tests: effort.tests }), 'mutants');
  const isSurvivor = (mutant: Mutant) => !reasons.has(mutant) && kept.of(mutant)?.by === 'survived';
  const survivors = sample.filter(isSurvivor).length;
  console.error(`mutants: ${survivors} of ${sample.length} survive, after ${seconds} s`);
}

function openKept(): Kept {
  const everything = DECISIVE.flatMap(folder => [...filesOf(folder)].flat());
  const path = isTiny ? undefined : KEPT;
  if (values.fresh && path !== undefined) rmSync(path, { force: true });
  return new Kept(path, new Map([...modules, ['', '']]), hashOf([...everything, seeds, values.tests].join('\n')));
}

async function work(kept: Kept, toTry: readonly Mutant[], effort: Effort): Promise<void> {
  const copies = Array.from({ length: Math.min(jobs, toTry.length) }, () => new Copy(effort));
  if (kept.of(UNCHANGED) === undefined) {
    const finding = await copies[0]!.find([]);
    if (wasInterrupted()) return;
    if (finding.by !== 'survived')
      throw new Error(`nothing is changed, and something found: ${JSON.stringify(finding)}`);
    kept.keep(UNCHANGED, finding);
  }
  let [next, done] = [0, 0];
  const workers = copies.map(async copy => {
    for (let mutant = toTry[next++]; mutant !== undefined; mutant = toTry[next++]) {
      const finding = await copy.try(mutant, [...kept.productive.slice(0, PRODUCTIVE_SEEDS), ...FIRST_SEEDS]);
      // Its processes were ended, too: that says nothing of the mutant.
      if (wasInterrupted()) return;
      kept.keep(mutant, finding);
      say(++done, toTry.length, mutant, finding);
    }
    copy.remove();
  });
  await Promise.all(workers);
}

function say(at: number, of: number, { module, line, name }: Mutant, finding: Finding): void {
  const by = finding.by === 'seed' ? finding.seed : finding.by;
  console.error(`${at}/${of} ${module}:${line} ${name}: ${by}`);
}
