// What processes do to the files of a folder, as one sequence: what a disk can have at any moment follows from it (disks.ts).
//
// A handle is a file or folder that was opened, by process and number. Of a sync there are a begin and an end: what was written before its
// begin is on the disk after its end. All others are noted when they are done.

import { readFileSync } from 'node:fs';

export type FileEvent =
  /** It is there from now on; `fresh`: empty, too. */
  | { readonly type: 'opened'; readonly path: string; readonly handle: string; readonly makes: boolean }
  /** @param at undefined: at its end; `bytes` in base64 */
  | { readonly type: 'written'; readonly handle: string; readonly at?: number; readonly bytes: string }
  | { readonly type: 'cut'; readonly handle: string; readonly length: number }
  | { readonly type: 'syncs'; readonly handle: string; readonly sync: number }
  | { readonly type: 'synced'; readonly handle: string; readonly sync: number }
  | { readonly type: 'folder'; readonly path: string }
  /** Another name for it. */
  | { readonly type: 'linked'; readonly from: string; readonly to: string }
  | { readonly type: 'renamed'; readonly from: string; readonly to: string }
  | { readonly type: 'removed'; readonly path: string };

/** A process that is recorded has these in its environment. */
export const EVENTS_VARIABLE = 'EPOCHVISOR_POWER_EVENTS';
export const FOLDER_VARIABLE = 'EPOCHVISOR_POWER_FOLDER';

export function readEvents(path: string): FileEvent[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map(line => JSON.parse(line) as FileEvent);
}
