// What happens to a launched machine, event by event, as its journal has it: each with the rule that it follows from.

import type { EpochvisorError } from '../errors/errors.js';
import type { JournalEvent } from '../observe/event-journal.js';
import type { Rule } from '../protocol/rules.js';
import type { LaunchedMachine } from './launched-machine.js';
import type { LaunchedReplica } from './launching.js';

/** Strangers may call as often as they like: of what is refused so many are written in a minute, and counted beyond that. */
const REFUSALS_PER_MINUTE = 20;
const MINUTE_MS = 60_000;

/** By the code of a halt: what it follows from. */
const RULE_OF_HALT: Readonly<Record<string, Rule>> = {
  VIEW_LOST: 'LS',
  FENCED: 'LS',
  BUS_LOST: 'LS',
  LOG_GAP: 'P4',
  FOLLOW_LOST: 'OS',
  JOIN_LOST: 'RA',
};

/** So begins what a backup says that is elsewhere than its primary; else it is its state that differs. */
const DIFFERENT_PLACE = 'the backup is at ';

/** @param write takes each of them, in order; to be called before the machine is started */
export function journalMachine(machine: LaunchedMachine, write: (event: JournalEvent) => void): void {
  const { primary, backups } = machine.status;
  let before = { primary: primary.incarnation, backups: backups.map(({ incarnation }) => incarnation) };
  const refusals = new Refusals(write);
  machine.on('running', replica => write({ event: 'running', replica }));
  machine.on('joining', (replica, failures) => write({ event: 'joining', rule: 'JN', replica, failures }));
  machine.on('unjoined', (replica, reason) => write({ event: 'unjoined', rule: 'JN', replica, reason }));
  machine.on('lost', (replica, reason) => write({ event: 'lost', replica, reason }));
  machine.on('view', (view, reason) => {
    const { number, claim, ...named } = view;
    write({ event: 'view', rule: 'VW', view: number, primary: named.primary, backups: named.backups, reason });
    if (named.primary !== before.primary) {
      write({ event: 'failover', rule: 'P7', view: number, from: before.primary, to: named.primary, reason });
    } else {
      const joined = named.backups.filter(backup => !before.backups.includes(backup));
      for (const incarnation of joined) write({ event: 'joined', rule: 'JN', view: number, incarnation });
    }
    before = { primary: named.primary, backups: [...named.backups] };
  });
  machine.on('fenced', (view, incarnation, silentMs) => {
    const silence = silentMs === undefined ? {} : { silentMs: Math.round(silentMs) };
    write({ event: 'fenced', rule: 'FN', view, incarnation, ...silence });
  });
  machine.on('live', (replica, failoverEpoch, uncertain) => {
    write({ event: 'live', rule: 'P7', replica, failoverEpoch });
    if (uncertain > 0) write({ event: 'uncertain', rule: 'P8', replica, failoverEpoch, operations: uncertain });
  });
  machine.on('halted', (replica, code, message) => {
    write(haltedEvent(replica, code, message));
  });
  machine.on('unlogged', (replica, { code, message }, isAwaited) => {
    write({ event: 'unlogged', rule: 'DU', replica, code, message, outputsWait: isAwaited });
  });
  machine.on('logWaits', (replica, why) =>
    write({ event: why === '' ? 'logs on' : 'log waits', rule: 'DU', replica, why }),
  );
  machine.on('refused', error => refusals.refused(error, performance.now()));
}

/** A replica has ended itself. */
export function haltedEvent(replica: LaunchedReplica, code: string, message: string): JournalEvent {
  if (code === 'DIVERGED')
    return { event: 'divergence', rule: message.startsWith(DIFFERENT_PLACE) ? 'DG' : 'SD', replica, code, message };
  const rule = RULE_OF_HALT[code];
  return { event: 'halted', ...(rule === undefined ? {} : { rule }), replica, code, message };
}

/** Connections that the bus has not taken. */
export class Refusals {
  readonly #write: (event: JournalEvent) => void;
  #sinceMs = -Infinity;
  #count = 0;

  constructor(write: (event: JournalEvent) => void) {
    this.#write = write;
  }

  refused({ code, message }: EpochvisorError, nowMs: number): void {
    if (nowMs - this.#sinceMs >= MINUTE_MS) {
      const unwritten = Math.max(0, this.#count - REFUSALS_PER_MINUTE);
      if (unwritten > 0) this.#write({ event: 'refusals', count: unwritten });
      this.#sinceMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count <= REFUSALS_PER_MINUTE) this.#write({ event: 'refused', code, message });
  }
}

/** An event in a line, for people. */
export function describeEvent({ event, rule, ...details }: JournalEvent): string {
  const told = Object.entries(details).map(([name, value]) => {
    return `${name}=${typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value)}`;
  });
  return [rule === undefined ? event : `${event} (${rule})`, ...told].join(' ');
}
