// One machine whose guest puts out megabytes while its replicas are killed, and what a reader of its stdout got.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../../engine/simulator/random.js';

const ROOT = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../' : '../../../', import.meta.url));
const MAIN = join(ROOT, 'dist/bundle/cli-main.js');
const GUEST = join(ROOT, 'guest/build/flood.wasm');
/** Neither a byte nor an end for so long: it hangs. */
const HANG_MS = 20_000;
/** How often the status is read. */
const LOOK_MS = 2;

const ROLES = ['primary', 'backup', 'joining'] as const;

export interface Plan {
  readonly seed: number;
  readonly replicas: 2 | 3;
  readonly kibibytes: number;
  /** A reader that takes a chunk each so many ms; 0: as fast as it can. */
  readonly stallMs: number;
  /** Whom to kill, and how long after the machine was last seen Protected (the first) or after the kill before. */
  readonly kills: readonly { readonly role: (typeof ROLES)[number]; readonly afterMs: number }[];
}

export interface Outcome {
  readonly plan: Plan;
  readonly kills: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly status: number | null;
  /** What it was at when nothing came any more. */
  readonly hang?: string;
  /** From the last kill to the end, ms. */
  readonly endMs: number;
  readonly stderr: string;
}

/** 4 to 64 MiB to a fast reader, 4 to 16 to a slow one; one kill within 250 ms of Protected, and often a second one. */
export function planOf(seed: number): Plan {
  const random = new Random(seed);
  const slow = random.chance(0.4);
  const kills: { role: (typeof ROLES)[number]; afterMs: number }[] = [
    { role: random.chance(0.8) ? 'primary' : 'backup', afterMs: random.below(250) },
  ];
  if (random.chance(0.4)) kills.push({ role: random.pick(ROLES), afterMs: random.below(300) });
  return {
    seed,
    replicas: random.chance(0.2) ? 3 : 2,
    kibibytes: random.between(4, slow ? 16 : 64) * 1024,
    stallMs: slow ? random.pick([1, 4, 10]) : 0,
    kills,
  };
}

/** What the guest puts out undisturbed. */
export function expectedOf({ kibibytes }: Plan): Promise<{ bytes: number; sha256: string }> {
  const plain = spawn(process.execPath, [join(ROOT, 'dist/bundle/plain-main.js'), GUEST, String(kibibytes)]);
  return digestOf(plain);
}

async function digestOf(child: ChildProcess): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  child.stdout!.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  await new Promise(resolve => child.on('close', resolve));
  return { bytes, sha256: hash.digest('hex') };
}

/** Runs it; nothing of it is left afterwards. */
export async function flooded(plan: Plan): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-flood-'));
  const statusFile = join(folder, 'status.json');
  const flags = ['--replicas', String(plan.replicas), '--status-file', statusFile];
  const child = spawn(process.execPath, [MAIN, 'run', ...flags, GUEST, String(plan.kibibytes)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const killer = new Killer(plan, statusFile);
  let stderr = '';
  let heardMs = performance.now();
  let hang: string | undefined;
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  child.stdout.on('data', () => {
    heardMs = performance.now();
    if (plan.stallMs === 0) return;
    child.stdout.pause();
    setTimeout(() => child.stdout.resume(), plan.stallMs);
  });
  const looking = setInterval(() => {
    killer.look();
    if (hang !== undefined || performance.now() - heardMs < HANG_MS) return;
    hang = killer.text;
    process.kill(-child.pid!, 'SIGKILL');
  }, LOOK_MS);
  try {
    const { bytes, sha256 } = await digestOf(child);
    const endMs = Math.round(performance.now() - killer.lastMs);
    const ended = hang === undefined ? {} : { hang };
    return { plan, kills: killer.kills, bytes, sha256, status: child.exitCode, endMs, stderr, ...ended };
  } finally {
    clearInterval(looking);
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Status {
  readonly view: number;
  readonly protected: boolean;
  readonly primary?: { readonly pid: number };
  readonly backups: readonly { readonly pid: number }[];
  readonly joining: readonly { readonly pid: number }[];
}

/** Kills as planned, by what the status file says. */
class Killer {
  readonly #plan: Plan;
  readonly #file: string;
  #dueMs = Number.POSITIVE_INFINITY;
  /** The view at the last kill: a status that still tells of it may be of before. */
  #view = 0;
  kills = 0;
  lastMs = performance.now();
  text = '';

  constructor(plan: Plan, file: string) {
    this.#plan = plan;
    this.#file = file;
  }

  look(): void {
    const next = this.#plan.kills[this.kills];
    const status = this.#status();
    if (next === undefined || status === undefined) return;
    const nowMs = performance.now();
    // Where only one replica is named its death is the end of the machine, as it has to be.
    const ready = status.protected && status.view > this.#view;
    const early = this.kills > 0 && (this.#plan.replicas > 2 || next.role === 'joining');
    if (this.#dueMs === Number.POSITIVE_INFINITY && (early || ready)) {
      this.#dueMs = nowMs + next.afterMs;
    }
    if (nowMs < this.#dueMs || (!early && !ready)) return;
    const { primary, backups, joining } = status;
    const pid = { primary: primary?.pid, backup: backups[0]?.pid, joining: joining[0]?.pid }[next.role];
    if (pid === undefined) return;
    this.#dueMs = Number.POSITIVE_INFINITY;
    try {
      process.kill(pid, 'SIGKILL');
      this.kills += 1;
      this.#view = status.view;
      this.lastMs = nowMs;
    } catch (error) {
      // It has ended meanwhile: the status is a little older than what is.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  #status(): Status | undefined {
    try {
      this.text = readFileSync(this.#file, 'utf8');
      return JSON.parse(this.text) as Status;
    } catch (error) {
      // Not there yet, or no more.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    }
  }
}

/** What is wrong with it; undefined: nothing. */
export function faultOf(outcome: Outcome, expected: { bytes: number; sha256: string }): string | undefined {
  if (outcome.hang !== undefined) return `hangs after ${outcome.bytes} bytes, its status ${outcome.hang}`;
  if (outcome.bytes !== expected.bytes) return `put out ${outcome.bytes} bytes of ${expected.bytes}`;
  if (outcome.sha256 !== expected.sha256) return 'put out other bytes';
  return outcome.status === 0 ? undefined : `ended with status ${outcome.status}`;
}
