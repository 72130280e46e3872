// The member records of one machine in a folder of their own, MACHINE-members, beside its view records: one file a member.
//
// A record is written beside its name and renamed to it, so that nobody reads half of one. It is not synced: after a crash of
// the host its member is gone as well, and what is left of the record is nobody's. Where the last record goes, the folder does.

import { mkdir, opendir, rename, rmdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, readBounded } from './bounded-file.js';
import {
  type Announcement,
  corruptMember,
  MEMBERS_MAX,
  type Member,
  numbered,
  readMember,
  surplus,
  writeMember,
} from './members.js';

/** Far above any record, and any number of them: bound what hostile files can make us read. */
const RECORD_MAX_BYTES = 4 * 1024;
const NAMES_MAX = 16 * MEMBERS_MAX;

const RECORD = /^([0-9A-Za-z][0-9A-Za-z-]{0,63})\.json$/;
const TEMPORARY = /^\..*\.tmp$/;

/** Its methods throw what the file system says, and EpochvisorError MEMBER_CORRUPT. */
export class MemberFolder {
  readonly #machine: string;
  readonly #folder: string;

  constructor(folder: string, machine: string) {
    this.#machine = machine;
    this.#folder = join(folder, `${machine}-members`);
  }

  /** @param named asked for the incarnations of the latest view, where records are to go */
  async announce(about: Announcement, named: () => Promise<readonly string[]>): Promise<Member> {
    const { members: standing, torn } = await this.#all();
    const own = numbered(about, standing);
    if (standing.includes(own)) return own;
    await this.#put(own);
    for (const incarnation of torn) if (incarnation !== own.incarnation) await this.#remove(nameOf(incarnation));
    const all = [...standing.filter(({ incarnation }) => incarnation !== own.incarnation), own];
    if (all.length > MEMBERS_MAX) {
      for (const { incarnation } of surplus(all, await named())) await this.#remove(nameOf(incarnation));
      // Left behind by members that died as they wrote; one that lives tries again.
      for (const name of await this.#names()) if (TEMPORARY.test(name)) await this.#remove(name);
    }
    return own;
  }

  async members(): Promise<Member[]> {
    return (await this.#all()).members;
  }

  /** `torn`: what a crash of a host has left of records. */
  async #all(): Promise<{ readonly members: Member[]; readonly torn: string[] }> {
    const incarnations = (await this.#names()).flatMap(name => RECORD.exec(name)?.[1] ?? []);
    const read = await Promise.all(incarnations.map(incarnation => this.#read(incarnation)));
    const members = read.filter(member => member !== undefined && member !== 'torn');
    return { members, torn: incarnations.filter((_, index) => read[index] === 'torn') };
  }

  async withdraw(incarnation: string): Promise<void> {
    await this.#remove(nameOf(incarnation));
    try {
      await rmdir(this.#folder);
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error;
    }
  }

  async #put(member: Member): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const temporary = join(this.#folder, `.${member.incarnation}.tmp`);
    await writeFile(temporary, writeMember(this.#machine, member));
    await rename(temporary, join(this.#folder, nameOf(member.incarnation)));
  }

  async #names(): Promise<string[]> {
    const names: string[] = [];
    try {
      for await (const { name } of await opendir(this.#folder)) {
        names.push(name);
        if (names.length > NAMES_MAX) throw corruptMember(this.#folder, `it holds more than ${NAMES_MAX} files`);
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    return names;
  }

  /** Undefined: it has gone meanwhile. */
  async #read(incarnation: string): Promise<Member | 'torn' | undefined> {
    const path = join(this.#folder, nameOf(incarnation));
    let text: string | undefined;
    try {
      text = await readBounded(path, RECORD_MAX_BYTES);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      if (errorCode(error) === 'EISDIR') throw corruptMember(path, 'it is a directory');
      throw error;
    }
    if (text === undefined) throw corruptMember(path, 'it is too long');
    return isTorn(text) ? 'torn' : readMember(text, path, this.#machine, incarnation);
  }

  async #remove(name: string): Promise<void> {
    try {
      await unlink(join(this.#folder, name));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}

/** Nothing, zeros, or a part of a record. */
function isTorn(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

function nameOf(incarnation: string): string {
  return `${incarnation}.json`;
}
