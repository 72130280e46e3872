// What was in flight where a replica was struck, in words: for every form of a report the same.

import type { KillProof } from '../../testing/kill-hook.js';
import type { PointRecord } from '../../testing/point-record.js';
import { shortName } from '../../testing/timeline.js';

export type Facts = readonly (readonly [name: string, value: string])[];

const NUMBERS = new Intl.NumberFormat('en');
export const grouped = (value: number) => NUMBERS.format(value);
const ms = (value: number) => `${value < 10 ? value.toFixed(1) : grouped(Math.round(value))} ms`;

/** Who was struck, and where; `-` where nobody was. */
export function strikeOf({ kill, fault, victim }: PointRecord): string {
  if (kill === null) return '-';
  const done = { kill: 'killed', pause: 'stopped', cut: 'cut off', lose: 'lost' }[fault];
  return `the ${victim}${nameOf(kill)} was ${done} ${placeOf(kill)}`;
}

/** Who was killed after it, and where; undefined where nobody was to be. */
export function secondStrikeOf({ second, secondKill }: PointRecord): string | undefined {
  if (second === undefined) return undefined;
  if (secondKill === null) return 'nobody was killed after it';
  return `the ${secondKill.replica?.owner ?? 'other'}${nameOf(secondKill)} was killed ${placeOf(secondKill)}`;
}

function nameOf({ replica }: KillProof): string {
  return replica === undefined ? '' : ` ${shortName(replica.incarnation)}`;
}

function placeOf({ epoch, instruction, what }: KillProof): string {
  const where = `in epoch ${grouped(epoch)}`;
  if (what !== undefined) return `${what}, ${where}`;
  return instruction === undefined ? where : `at instruction ${grouped(instruction)} ${where}`;
}

/** What is known: where nothing was said or heard before it, its timeline says the rest. */
export function inFlightOf(record: PointRecord): Facts {
  const { kill } = record;
  if (kill === null) return [];
  const { epoch, instruction, count, outstanding, inFlight, wasInFlight, atBus } = kill;
  const words = inFlight === undefined ? ofTimeline(record, kill) : ofWords(inFlight);
  return [
    ['epoch', grouped(epoch)],
    ...(instruction === undefined ? [] : [['instruction of it', grouped(instruction)] as const]),
    ['instructions in all', grouped(count)],
    ['operations outstanding', grouped(outstanding)],
    ...(atBus === undefined ? words : ofBus(atBus)),
    ...(wasInFlight === true
      ? [
          [
            'messages and outputs',
            `as of epoch ${grouped(inFlight!.epoch)}, when something was last said or heard`,
          ] as const,
        ]
      : []),
  ];
}

function ofWords(inFlight: NonNullable<KillProof['inFlight']>): Facts {
  const { view, sent, received, sentPosition, acknowledgedPosition, outputsReleased, heldBytes, endLeft } = inFlight;
  return [
    ['view', grouped(view)],
    ['messages', `${grouped(sent)} sent, ${grouped(received)} received`],
    ['log', `sent up to ${grouped(sentPosition)}, acknowledged up to ${grouped(acknowledgedPosition)}`],
    ['outputs', `${grouped(outputsReleased)} released, ${grouped(heldBytes)} bytes held back`],
    ...(endLeft ? [["the guest's end", 'had left'] as const] : []),
  ];
}

function ofBus({ generation, replicas, sent, taken, kept }: NonNullable<KillProof['atBus']>): Facts {
  return [
    ['starts of the bus, this one among them', grouped(generation)],
    ['replicas', grouped(replicas)],
    ['messages', `${grouped(sent)} sent, ${grouped(taken)} taken`],
    ['writes to its memory', grouped(kept)],
  ];
}

/** Numbers count from a replica's start, so what was left out of a timeline changes nothing. */
function ofTimeline({ timeline = [], victim }: PointRecord, { atNs }: KillProof): Facts {
  const before = timeline.filter(event => event.owner === victim && event.atNs <= atNs);
  if (before.length === 0) return [];
  const last = (kind: string) =>
    Math.max(0, ...before.filter(event => event.kind === kind).map(({ number }) => number));
  return [
    ['messages', `${grouped(last('message'))} sent and received`],
    ['outputs', `${grouped(last('output'))} released`],
  ];
}

function ofRestart({ times, liveMs, firstByteMs }: NonNullable<PointRecord['restart']>): Facts {
  return [
    ['restarts of the bus', grouped(times)],
    ['found by the primary after', ms(liveMs)],
    ...(firstByteMs === undefined ? [] : [['first output after', ms(firstByteMs)] as const]),
  ];
}

/** What became of it. */
export function failoverOf({ failover, restart, victim, durationMs, operations = 0 }: PointRecord): Facts {
  const took: Facts = [
    ...(restart === undefined ? [] : ofRestart(restart)),
    ...(operations === 0 ? [] : [['operations looked at', grouped(operations)] as const]),
    ...(victim === 'bus'
      ? [['operations looked at', 'none: they are performed in the process of the bus'] as const]
      : []),
    ['the run took', ms(durationMs)],
  ];
  if (failover === null) return took;
  const { view, failoverEpoch, uncertain, liveMs, firstByteMs } = failover;
  return [
    ['next view', grouped(view)],
    ...(failoverEpoch === undefined ? [] : [['failover epoch', grouped(failoverEpoch)] as const]),
    ['operations uncertain', grouped(uncertain)],
    ['live again after', ms(liveMs)],
    ...(firstByteMs === undefined ? [] : [['first new byte after', ms(firstByteMs)] as const]),
    ...took,
  ];
}

/** Where the two histories part; empty where no bytes differ. */
export function partingOf({ parting }: PointRecord): Facts {
  if (parting === undefined) return [];
  const { where, offset, line, expected, found } = parting;
  return [
    ['the histories part', `${where}, byte ${grouped(offset)}${line === undefined ? '' : `, line ${grouped(line)}`}`],
    ['expected', expected],
    ['found', found],
  ];
}
