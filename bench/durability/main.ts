// What does it cost that outputs wait for disks, and how soon is a machine gone on from after everything has died? A key-value server
// with many clients, in each durability, in turn; and a guest that computes in some memory, killed with all its processes some
// seconds after a checkpoint.
//
//   --rounds N      (default 5), alternating
//   --seconds S     of each load (default 3)
//   --mebibytes N   memory that the guest works in (default 64)
//   --after S       seconds of log since the checkpoint (default 10)
//   --recoveries N  (default 3)

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import type { Status } from '../../engine/observe/status.js';
import { FIRST_ROUND, guestPath, publish, quantile, ROOT } from '../host.js';
import { end, owned, ownedFolder, removeFolder } from '../processes.js';
import { runLoads } from '../tcp/load.js';

const MAIN = join(ROOT, 'dist/bundle/cli-main.js');
const CLIENTS = 50;
const AIM_BOTH_DISKS = 0.6;
const AIM_RECOVERY = '5 s';
const WORKS = ['no log', 'memory', 'backup-disk', 'both-disks'] as const;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    mebibytes: { type: 'string', default: '64' },
    after: { type: 'string', default: '10' },
    recoveries: { type: 'string', default: '3' },
  },
});
const seconds = Number(values.seconds);

/** Where launchers have their sockets: one that is killed leaves it. */
const runtime = ownedFolder();

/** A command, and its stderr line by line. */
function start(args: readonly string[]) {
  const env = { ...process.env, XDG_RUNTIME_DIR: runtime };
  const child = owned(spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'ignore', 'pipe'], env }));
  // What `mill` grinds for as long as it is let.
  child.stdin.write('a line\n');
  const waiting: { readonly says: RegExp; readonly found: (words: RegExpExecArray) => void }[] = [];
  const lines: string[] = [];
  createInterface(child.stderr).on('line', line => {
    lines.push(line);
    for (const { says, found } of waiting) {
      const words = says.exec(line);
      if (words !== null) found(words);
    }
  });
  const says = (what: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      waiting.push({ says: what, found: resolve });
      child.once('close', () => reject(new Error(`${args[0]} has ended: ${lines.join('\n')}`)));
    });
  return { child, says };
}

async function until<Found>(look: () => Found | undefined): Promise<Found> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await pause(20);
  }
}

function statusIn(file: string): Status | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Status;
  } catch {
    // Not there yet, or not whole.
    return undefined;
  }
}

async function served(durability: (typeof WORKS)[number]): Promise<{ perSecond: number; medianMs: number }> {
  const folder = ownedFolder();
  const status = join(folder, 'status');
  const logs = durability === 'no log' ? [] : ['--log', join(folder, 'logs'), '--durability', durability];
  const flags = ['--listen', '127.0.0.1:0', '--status-file', status, ...logs];
  const server = start(['run', ...flags, guestPath('keyvalue')]);
  const [, port] = await server.says(/listens on 127\.0\.0\.1:(\d+)/);
  await until(() => (statusIn(status)?.protected === true ? true : undefined));
  const loads = [{ clients: CLIENTS, pipeline: 1 }];
  const order = { port: Number(port), loads, seconds, warmSeconds: 1, waits: false, parts: {} };
  const [result] = await runLoads(order);
  await end(server.child);
  removeFolder(folder);
  if (result === undefined || result.errors > 0) throw new Error('a client was answered with an error');
  return result;
}

/** From the start of `recover` until the new primary is live, ms; the log that it went through, MB. */
async function recovered(): Promise<{ ms: number; instructions: number }> {
  const folder = ownedFolder();
  const [logs, status] = [join(folder, 'logs'), join(folder, 'status')];
  const sinceS = Number(values.after);
  const every = ['--checkpoint-every', `${sinceS + 2}s`];
  const [disk, teller] = [join(folder, 'disk'), join(folder, 'teller')];
  writeFileSync(disk, Buffer.alloc(1 << 16));
  const flags = ['--log', logs, ...every, '--stdout', join(folder, 'out'), '--status-file', status];
  flags.push('--disk', disk, '--teller', teller);
  const machine = start(['run', ...flags, guestPath('mill'), '1000000000', values.mebibytes]);
  await until(() => ((statusIn(status)?.epoch ?? 0) > 10 ? true : undefined));
  // As much of it is there as the guest has touched: only then is a checkpoint large.
  const sizeOf = (path: string): number =>
    readdirSync(path, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
      const { size } = statSync(join(path, name));
      return sum + (name.endsWith('.epvlog') ? size : 0);
    }, 0);
  const least = Number(values.mebibytes) * 2 ** 19;
  await until(() => (sizeOf(logs) > least ? true : undefined));
  const from = statusIn(status)!.instructions;
  await pause(1000 * sinceS);
  const { primary, backups, instructions } = statusIn(status)!;
  for (const { pid } of [primary, ...backups]) process.kill(pid, 'SIGKILL');
  machine.child.kill('SIGKILL');
  await once(machine.child, 'close');
  const begunMs = performance.now();
  const recovering = start(['recover', logs]);
  await recovering.says(/went live/);
  const ms = performance.now() - begunMs;
  await end(recovering.child);
  removeFolder(folder);
  return { ms, instructions: instructions - from };
}

const answers = new Map<string, { perSecond: number; medianMs: number }[]>();
for (let round = FIRST_ROUND; round < Number(values.rounds); round += 1) {
  console.error(`durability: round ${round + 1} of ${values.rounds}`);
  for (const work of WORKS) {
    const result = await served(work);
    if (round >= 0) answers.set(work, [...(answers.get(work) ?? []), result]);
  }
}
const recoveries: { ms: number; instructions: number }[] = [];
for (let count = 0; count < Number(values.recoveries); count += 1) recoveries.push(await recovered());

const over = (work: string) =>
  quantile(
    answers.get(work)!.map(({ perSecond }, round) => perSecond / answers.get('memory')![round]!.perSecond),
    0.5,
  );
const median = (work: string, of: 'perSecond' | 'medianMs') =>
  quantile(
    answers.get(work)!.map(each => each[of]),
    0.5,
  );
const rows = WORKS.map(work => [
  work,
  (median(work, 'perSecond') / 1_000).toFixed(2),
  over(work).toFixed(2),
  median(work, 'medianMs').toFixed(2),
]);
const times = recoveries.map(({ ms }) => ms / 1000);
const billions = quantile(
  recoveries.map(({ instructions }) => instructions),
  0.5,
);
publish(
  'durability',
  'What it costs to wait for disks, and how soon it goes on after everything has died',
  `guest/programs/keyvalue.ts on a pair with \`--log\`, both logs on one disk, ${CLIENTS} clients, one command at a time: thousands of answers a second, medians of
${values.rounds} alternating rounds of ${seconds} s; over memory is the median of the rounds' own ratios (aim of both-disks ${AIM_BOTH_DISKS}).

${markdownTable([['durability', 'answers', 'over memory', 'an answer, ms'], ...rows], { align: ['l', 'r', 'r', 'r'] })}

A guest with ${values.mebibytes} MiB in use, all processes killed ${values.after} s after a checkpoint (${(billions / 1e9).toFixed(1)} thousand million instructions of log): from
the start of \`recover\` until the new primary is live, ${recoveries.length} times: median ${quantile(times, 0.5).toFixed(2)} s, most ${Math.max(...times).toFixed(2)} s (aim ${AIM_RECOVERY}).`,
);
