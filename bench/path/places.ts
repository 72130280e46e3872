// The places that an answer passes, in order, and what happens on the way to each.

/** Where the hook writes. */
export const FOLDER_VARIABLE = 'EPOCHVISOR_BENCH_PATH';

/** Each place: what happens on the way to it, and where that begins. */
export const PLACES = {
  asked: { from: 'asked', what: '' },
  arrived: { from: 'asked', what: 'client: writes; bus: reads' },
  'interrupt sent': { from: 'arrived', what: 'bus: tells the primary' },
  'at the primary': { from: 'interrupt sent', what: 'socket, bus to primary' },
  'epoch ended': { from: 'at the primary', what: 'guest thread: wakes, ends its epoch' },
  answered: { from: 'epoch ended', what: 'guest: polls, reads, answers' },
  'log sent': { from: 'epoch ended', what: "I/O thread: wakes, sends the epoch's end to the backup" },
  'at the backup': { from: 'log sent', what: 'socket, primary to backup' },
  'acknowledgement sent': { from: 'at the backup', what: 'backup: takes it into memory' },
  acknowledged: { from: 'acknowledgement sent', what: 'socket, backup to primary' },
  'output taken': { from: 'answered', what: 'I/O thread: wakes, holds the answer' },
  'output sent': { from: 'output taken', what: 'I/O thread: releases it' },
  'at the bus': { from: 'output sent', what: 'socket, primary to bus' },
  written: { from: 'at the bus', what: 'bus: accepts it' },
  'answer read': { from: 'written', what: 'bus: writes; client: reads' },
} as const;

export type Place = keyof typeof PLACES;

/** What the backup's process passes; the rest of what it passes is of no interest. */
export const AT_BACKUP: readonly Place[] = ['at the backup', 'acknowledgement sent'];
