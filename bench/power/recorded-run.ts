// A run of a pair that writes logs, recorded: all processes of it may have died at any moment of it, and what they have left then is
// known. Between two moments nothing is different that a dead machine leaves, whatever its guest executed or its messages said.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Durability } from '../../engine/protocol/durability.js';
import { ROOT } from '../host.js';
import { type Contents, contentsOf, Disks, type Loss } from './disks.js';
import { EVENTS_VARIABLE, type FileEvent, FOLDER_VARIABLE, readEvents } from './file-events.js';

const MAIN = join(ROOT, 'dist/bundle/cli-main.js');
const RECORDER = pathToFileURL(join(ROOT, 'dist/bench/power/recorder.js')).href;

/** What somebody sees of a machine: stdout, its disk, the teller's journal. They are not where the logs are. */
export const SEEN = ['seen/out', 'seen/disk', 'seen/teller'] as const;
export const [OUT, DISK] = SEEN;

export interface RecordedGuest {
  readonly path: string;
  readonly args: readonly string[];
  readonly stdin: string;
  /** Bytes of its disk; left out: it has none. */
  readonly diskBytes?: number;
  readonly hasTeller?: boolean;
  /** Why nobody could have written this; left out: each run writes the same. */
  readonly judge?: (stdout: string) => string | undefined;
  readonly checkpointEvery?: string;
}

/** Everything died, so many events after its begin. */
export interface Moment {
  readonly events: number;
  /** What was there for all to see. */
  readonly visible: Contents;
  /** What is there after each of the losses. */
  readonly left: ReadonlyMap<Loss, Contents>;
}

export interface Ended {
  readonly status: number | null;
  readonly stderr: string;
}

/** Starts the command line. @param said of stderr, as it comes, with the process's input */
export function command(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  said: (stderr: string, write: (input: string) => void) => void,
  limitMs: number,
): Promise<Ended & { readonly isLate: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
      detached: true,
    });
    let [stderr, isLate] = ['', false];
    const late = setTimeout(() => {
      isLate = true;
      process.kill(-child.pid!, 'SIGKILL');
    }, limitMs);
    child.stdin.on('error', () => undefined);
    said(stderr, input => child.stdin.end(input));
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString();
      said(stderr, input => child.stdin.end(input));
    });
    child.once('error', reject);
    child.once('close', status => {
      clearTimeout(late);
      resolve({ status, stderr, isLate });
    });
  });
}

const LIMIT_MS = 120_000;

export class RecordedRun {
  readonly durability: Durability;
  /** What is there in the end. */
  readonly reference: Contents;
  readonly #events: readonly FileEvent[];
  readonly #before: string;

  /** @param folder empty, and its own */
  static async make(guest: RecordedGuest, durability: Durability, folder: string): Promise<RecordedRun> {
    const [live, before, events] = ['live', 'before', 'events'].map(name => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const [out, disk, teller] = SEEN.map(path => join(live, path)) as [string, string, string];
    mkdirSync(dirname(out), { recursive: true });
    if (guest.diskBytes !== undefined) {
      writeFileSync(disk, '');
      truncateSync(disk, guest.diskBytes);
    }
    cpSync(live, before, { recursive: true });
    const flags = [
      ...['--log', join(live, 'logs'), '--durability', durability, '--stdout', out],
      ...(guest.diskBytes === undefined ? [] : ['--disk', disk]),
      ...(guest.hasTeller === true ? ['--teller', teller] : []),
      ...(guest.checkpointEvery === undefined ? [] : ['--checkpoint-every', guest.checkpointEvery]),
    ];
    const env = { [EVENTS_VARIABLE]: events, [FOLDER_VARIABLE]: live, NODE_OPTIONS: `--import=${RECORDER}` };
    let isGiven = false;
    const give = (_: string, write: (input: string) => void) => {
      if (!isGiven) write(guest.stdin);
      isGiven = true;
    };
    const { status, stderr } = await command(['run', ...flags, guest.path, ...guest.args], env, give, LIMIT_MS);
    if (status !== 0) throw new Error(`the run that is recorded ended with status ${status}: ${stderr}`);
    return new RecordedRun(durability, before, live, readEvents(events));
  }

  private constructor(durability: Durability, before: string, live: string, events: readonly FileEvent[]) {
    this.durability = durability;
    this.#before = before;
    this.#events = events;
    this.reference = contentsOf(live);
    const disks = new Disks(before);
    for (const event of events) disks.apply(event);
    const missed = firstDifference(disks.after('kill'), this.reference);
    if (missed !== undefined) throw new Error(`the record is not of all that was done: ${missed} differs`);
  }

  /** Those at which the disk has something else than at the one before, in order. */
  *moments(losses: readonly Loss[]): Generator<Moment, void, undefined> {
    const disks = new Disks(this.#before);
    let last = '';
    for (const [index, event] of this.#events.entries()) {
      disks.apply(event);
      const visible = disks.after('kill');
      const state = `${digestOf(visible)} ${digestOf(disks.after('power'))}`;
      if (state === last) continue;
      last = state;
      const left = new Map(losses.map(loss => [loss, disks.after(loss, index)]));
      yield { events: index + 1, visible, left };
    }
  }
}

function digestOf(contents: Contents): string {
  const hash = createHash('sha256');
  for (const [path, bytes] of contents) hash.update(`${path}\0${bytes?.length ?? -1}\0`).update(bytes ?? '');
  return hash.digest('hex');
}

/** A path. */
function firstDifference(one: Contents, other: Contents): string | undefined {
  const paths = new Set([...one.keys(), ...other.keys()]);
  return [...paths].find(path => {
    const [a, b] = [one.get(path), other.get(path)];
    return one.has(path) !== other.has(path) || (a !== b && a?.equals(b ?? Buffer.alloc(0)) !== true);
  });
}
