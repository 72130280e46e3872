// An arbiter in a folder, on storage that all replicas share: one file a view, made by link(), and one for the machine's end.
//
//   1. write the record to a temporary file, and sync it     a record that has a name is whole
//   2. link() it to MACHINE-NNNNNNNNNN.json                  fails where the name exists: put-if-absent, also over NFS
//   3. sync the folder                                       the name outlives a crash before anyone acts on it
//   4. unlink the temporary file
//
// Opening the final name exclusively would not do: a claimant that dies between creating and writing leaves a view
// without an owner, which nobody can ever claim again. Renaming would not do: it replaces. Where link() fails for any
// reason, the record under the name decides: the server may have linked it and lost the answer.

import { randomUUID } from 'node:crypto';
import { link, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import { makeFolder } from '../journal/made-folder.js';
import type { ClaimAnswer } from '../protocol/channel.js';
import type { View } from '../protocol/vocabulary.js';
import {
  type Arbiter,
  checkAnnounced,
  checkMember,
  checkNamed,
  claimAnswer,
  type EndAnswer,
  endAnswer,
} from './arbiter.js';
import { errorCode, readBounded } from './bounded-file.js';
import { corruptEnd, type MachineEnd, readEnd, writeEnd } from './machine-end.js';
import { MemberFolder } from './member-folder.js';
import type { Announcement, Member } from './members.js';
import { corrupt, readRecord, writeRecord } from './record.js';

const DIGITS = 10;
/** Far above any record; bounds what a hostile file can make us read. */
const RECORD_MAX_BYTES = 64 * 1024;

export class FolderArbiter implements Arbiter {
  readonly #folder: string;

  /**
   * Makes the folder where it is missing.
   * @throws EpochvisorError ARBITER_UNREACHABLE
   */
  static async open(folder: string): Promise<FolderArbiter> {
    try {
      makeFolder(folder);
    } catch (error) {
      throw unreachable(folder, error);
    }
    return new FolderArbiter(folder);
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  async claim(view: View): Promise<ClaimAnswer> {
    const { machine, number } = view;
    checkNamed(machine, number);
    const owner = await this.#decided(nameOf(machine, number), writeRecord(view), () => this.read(machine, number));
    return owner instanceof EpochvisorError
      ? { result: 'unreachable', reason: owner.message }
      : claimAnswer(view, owner);
  }

  async end(machine: string, end: MachineEnd): Promise<EndAnswer> {
    checkNamed(machine, 0);
    const standing = await this.#decided(endNameOf(machine), writeEnd(machine, end), () => this.ended(machine));
    return standing instanceof EpochvisorError
      ? { result: 'unreachable', reason: standing.message }
      : endAnswer(machine, end, standing);
  }

  /**
   * Puts a record where there is none. VW: whatever happened, the record decides; and it is only acted on once its name is safe.
   * @returns the record that stands, or why it is not known
   */
  async #decided<T>(name: string, text: string, read: () => Promise<T | undefined>): Promise<T | EpochvisorError> {
    let failure: unknown;
    try {
      await this.#put(name, text);
    } catch (error) {
      failure = error;
    }
    try {
      const standing = await read();
      if (standing === undefined) return unreachable(this.#folder, failure);
      await this.#syncFolder();
      return standing;
    } catch (error) {
      const reason = error instanceof EpochvisorError ? error : unreachable(this.#folder, error);
      if (reason.code !== 'ARBITER_UNREACHABLE') throw reason;
      return reason;
    }
  }

  async read(machine: string, number: number): Promise<View | undefined> {
    checkNamed(machine, number);
    const name = nameOf(machine, number);
    const text = await this.#text(name, corrupt);
    return text === undefined ? undefined : readRecord(text, join(this.#folder, name), machine, number);
  }

  async ended(machine: string): Promise<MachineEnd | undefined> {
    checkNamed(machine, 0);
    const name = endNameOf(machine);
    const text = await this.#text(name, corruptEnd);
    return text === undefined ? undefined : readEnd(text, join(this.#folder, name), machine);
  }

  /** Undefined: there is no such record. */
  async #text(name: string, corrupt: (where: string, why: string) => EpochvisorError): Promise<string | undefined> {
    const path = join(this.#folder, name);
    let text: string | undefined;
    try {
      text = await readBounded(path, RECORD_MAX_BYTES);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT' && (await this.#exists())) return undefined;
      if (code === 'EISDIR') throw corrupt(path, 'it is a directory');
      throw unreachable(this.#folder, error);
    }
    if (text === undefined) throw corrupt(path, 'it is too long');
    return text;
  }

  async latest(machine: string): Promise<View | undefined> {
    checkNamed(machine, 0);
    let names: string[];
    try {
      names = await readdir(this.#folder);
    } catch (error) {
      throw unreachable(this.#folder, error);
    }
    const last = names
      .filter(name => isNameOf(machine, name))
      .sort()
      .at(-1);
    return last === undefined ? undefined : await this.read(machine, Number(last.slice(-DIGITS - 5, -5)));
  }

  async announce(machine: string, about: Announcement): Promise<Member> {
    checkAnnounced(machine, about);
    return await this.#ofMembers(machine, members =>
      members.announce(about, async () => {
        const view = await this.latest(machine);
        return view === undefined ? [] : [view.primary, ...view.backups];
      }),
    );
  }

  async members(machine: string): Promise<readonly Member[]> {
    checkNamed(machine, 0);
    return await this.#ofMembers(machine, members => members.members());
  }

  async withdraw(machine: string, incarnation: string): Promise<void> {
    checkMember(machine, incarnation);
    await this.#ofMembers(machine, members => members.withdraw(incarnation));
  }

  async #ofMembers<T>(machine: string, act: (members: MemberFolder) => Promise<T>): Promise<T> {
    try {
      return await act(new MemberFolder(this.#folder, machine));
    } catch (error) {
      throw error instanceof EpochvisorError ? error : unreachable(this.#folder, error);
    }
  }

  async #put(name: string, text: string): Promise<void> {
    const temporary = join(this.#folder, `.claim-${randomUUID()}`);
    try {
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await link(temporary, join(this.#folder, name));
    } finally {
      // A temporary file that stays is never looked at.
      await unlink(temporary).catch(() => {});
    }
  }

  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** Whether the folder is there: an unmounted one has no records, which is not to say that nobody made one. */
  async #exists(): Promise<boolean> {
    try {
      await readdir(this.#folder);
      return true;
    } catch {
      return false;
    }
  }
}

function nameOf(machine: string, number: number): string {
  return `${machine}-${String(number).padStart(DIGITS, '0')}.json`;
}

function endNameOf(machine: string): string {
  return `${machine}-end.json`;
}

function isNameOf(machine: string, name: string): boolean {
  const number = name.slice(-DIGITS - 5, -5);
  return /^\d{10}$/.test(number) && name === nameOf(machine, Number(number));
}

function unreachable(folder: string, error: unknown): EpochvisorError {
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException;
  return new EpochvisorError('ARBITER_UNREACHABLE', `the arbiter's folder ${folder} can't be used: ${code ?? message}`);
}
