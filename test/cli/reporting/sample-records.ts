// Points of failover tests made up for reports: what passes, what fails, and what a hostile guest could have written.

import type { FailoverReport } from '../../../engine/cli/reporting/failover-report.js';
import type { PointRecord } from '../../../engine/testing/point-record.js';
import type { TimelineEvent } from '../../../engine/testing/timeline.js';
import { linked } from '../../../engine/testing/timeline-links.js';

/** All that markup, attributes and XML's rules on characters could stumble over. */
export const HOSTILE = `</failure>]]><script>alert("1")</script> & ' \0\x1b\x85\ud800\uffff\n\t<!-- é 漢 𝄞`;

export const PASSED: PointRecord = {
  asked: '3:500',
  variant: 'deferred',
  fault: 'kill',
  victim: 'primary',
  verdict: 'same',
  failed: false,
  detail: '',
  kill: { epoch: 3, instruction: 501, count: 300_501, outstanding: 1, atNs: 5_000_000, pid: 7 },
  secondKill: null,
  failover: { view: 2, failoverEpoch: 3, uncertain: 1, liveMs: 12.4, firstByteMs: 15 },
  stderrDiffers: false,
  durationMs: 1234.5,
  repeat: 'epochvisor failover --variant deferred --at 3:500 hello.wasm',
};

const event = (
  atMs: number,
  owner: TimelineEvent['owner'],
  kind: TimelineEvent['kind'],
  number: number,
  what: string,
) => ({
  ...{ atNs: atMs * 1e6, owner, name: owner === 'primary' ? 'aaaa' : 'bbbb', kind, number, what },
  ...{ epoch: Math.floor(atMs), count: Math.round(atMs * 100_000), view: atMs < 6 ? 1 : 2 },
});

/** A log that came, one that did not, an output, the kill at 5 ms, a takeover. As replicas note them: not in order. */
export const NOTED: readonly TimelineEvent[] = [
  event(1, 'primary', 'bus', 1, 'hear fenced'),
  event(2, 'primary', 'message', 1, 'send log'),
  event(2.4, 'backup', 'message', 2, 'send acknowledgement'),
  event(2.5, 'backup', 'message', 1, 'receive log'),
  event(3, 'primary', 'message', 2, 'receive acknowledgement'),
  event(3.1, 'primary', 'output', 1, 'release stream'),
  event(4.8, 'primary', 'message', 3, 'send log'),
  event(6, 'backup', 'takeover', 1, 'suspicion'),
  event(7, 'backup', 'takeover', 3, 'fence'),
  event(7.1, 'backup', 'takeover', 2, 'claim'),
  event(8, 'backup', 'output', 1, 'release stream'),
  { ...event(7.5, 'machine', 'view', 2, 'death'), name: 'bbbb' },
  { ...event(5, 'primary', 'death', 1, 'after send log'), name: '' },
];

export const FAILED: PointRecord = {
  ...PASSED,
  asked: 'message:3:after',
  verdict: 'different',
  failed: true,
  detail: 'stdout, byte 6 (line 2): expected "two", found end',
  kill: {
    replica: { owner: 'primary', incarnation: 'aaaa' },
    ...{ epoch: 4, count: 480_000, outstanding: 2, atNs: 5_000_000, pid: 7, what: 'after send log' },
    inFlight: {
      ...{ view: 1, role: 'primary', epoch: 4, count: 480_000, outstanding: 2, sent: 2, received: 1, sentPosition: 17 },
      ...{ acknowledgedPosition: 9, outputsReleased: 1, endLeft: false, heldBytes: 64 },
    },
  },
  parting: { where: 'stdout', offset: 6, line: 2, expected: '"two"', found: 'end' },
  repeat: 'epochvisor failover --judge \'grep -q "a & b"\' --variant deferred --at message:3:after hello.wasm',
  timeline: linked(NOTED),
};

export const UNREACHED: PointRecord = {
  ...PASSED,
  asked: 'io:9999:before',
  verdict: 'not reached',
  detail: 'the run ended before this point',
  kill: null,
  failover: null,
};

export const WICKED: PointRecord = {
  ...FAILED,
  asked: 'output:1:before',
  verdict: 'refused',
  detail: HOSTILE,
  parting: { where: HOSTILE, offset: 0, expected: HOSTILE, found: HOSTILE },
  repeat: HOSTILE,
  timeline: [{ ...FAILED.timeline![0]!, what: HOSTILE, name: HOSTILE }],
};

export function reportOf(records: readonly PointRecord[], more: Partial<FailoverReport> = {}): FailoverReport {
  return {
    guest: 'hello.wasm',
    facts: [['flags', '--sweep all']],
    variants: [{ variant: 'deferred', undisturbed: '11747 instructions', records }],
    at: '2026-11-27T12:00:00.000Z',
    host: 'box',
    interrupted: false,
    ...more,
  };
}
